// Package ocispec turns a container block into an OCI spec, and an OCI spec back into what a block would have to say. It is pure. Each of
// the two is the other's inverse, which TestReadIsTheInverseOfBuild keeps.
package ocispec
