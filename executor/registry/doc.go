// Package registry reaches registries: it knows where each one is and with which credentials and certificates, asks what a
// reference stands for, tries again what passes by itself, and says in plain words what went wrong. It never touches containerd.
package registry
