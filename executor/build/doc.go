// Package build says what the result of a build depends on, with no builder: Read takes a build block and gives its inputs, one for
// each file that the builder would receive, and what the Dockerfile builds on. Equal inputs, and equal digests of the bases, give an
// equal image as far as the Dockerfile is reproducible.
//
// The Dockerfile is read by BuildKit's own parser, and its stages are followed as BuildKit's frontend follows them. The context is
// filtered by BuildKit's own matcher of ignore files. What was hashed is remembered in a stat cache outside the context, so that an
// unchanged tree costs its stat calls.
package build
