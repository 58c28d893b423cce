// Hello says what it runs on, and what its image was built by. `hello --note FILE` writes that, while the image is built.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "hello:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 2 && args[0] == "--note" {
		return os.WriteFile(args[1], []byte("built by a program of "+runtime.GOARCH), 0o644)
	}
	built, err := os.ReadFile("/built.txt")
	if err != nil {
		return err
	}
	_, err = fmt.Printf("hello from %s, %s\n", runtime.GOARCH, built)
	return err
}
