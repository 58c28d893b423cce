// Package harness gives tests what they need of the world: private containerds of both supported versions, images,
// registries that misbehave, a proxy at containerd's socket, and a search for what was left behind.
package harness
