// Package rootfs makes images of one layer from root filesystems: a tar file, the URL of one, or a directory. Inputs says what such
// an image depends on, cheaply enough for each plan; Import writes it into a content store. Everything is streamed: nothing is
// unpacked to disk, and memory doesn't grow with what is imported.
package rootfs
