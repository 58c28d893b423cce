// Server is the demo's web server: one page with a greeting, and what it runs on. `server note FILE` writes that to a file instead.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "note" {
		note(os.Args[2])
		return
	}
	greeting, built := read("/greeting.txt"), read("/built.txt")
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "%s from linux/%s; %s\n", greeting, runtime.GOARCH, built)
	})
	go endWhenTold()
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}

// endWhenTold is there because the kernel ends no first process of a container by a signal that it doesn't handle.
func endWhenTold() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	<-told
	os.Exit(0)
}

func note(file string) {
	if err := os.WriteFile(file, []byte("built by a program of linux/"+runtime.GOARCH+"\n"), 0o644); err != nil {
		log.Fatal(err)
	}
}

func read(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		log.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}
