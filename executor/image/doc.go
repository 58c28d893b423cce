// Package image makes the calls that have to do with images: it pulls, loads and pushes content, and writes records. A record is written
// last, so that it never names what isn't whole.
package image
