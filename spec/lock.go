package spec

// LockFile is the name of the file that pins image references to digests. It is kept in the stack's directory and checked in.
const LockFile = ".fairlead.lock.hcl"

// Lock pins references: the key is the normalised reference, tag included.
type Lock map[string]Pin

// Pin is what one reference stands for.
type Pin struct {
	Digest    string           // of the manifest or the index that the registry gave for the tag
	Platforms map[string]int64 // bytes to download for each platform that the image has (manifest, config and layers)
}
