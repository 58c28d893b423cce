// Package archive reads images from files: what docker save writes, OCI archives, and OCI layout directories, plain or compressed.
// Open reads a file once, checks all of it, and keeps only its small documents; Blobs hands the rest on, one blob at a time. Nothing
// is ever unpacked to disk, and a name in an archive is never used as a path.
package archive
