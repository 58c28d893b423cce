// Probe is what test containers run. Its environment says what it does:
//
//	PORT=n         serve HTTP on 127.0.0.1:n: / gives VERSION, /env, /args, /id and /file?path= what they say
//	SAY=text       write the line to the standard output, ERR=text to the standard error, once it takes signals
//	EXIT_AFTER=d   end after that duration, with EXIT_CODE (0)
//	IGNORE_TERM=1  outlive SIGTERM
//
// Else it waits for SIGTERM or SIGINT and ends with 0.
package main

import (
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT) // before it says anything
	if s := os.Getenv("SAY"); s != "" {
		fmt.Println(s)
	}
	if s := os.Getenv("ERR"); s != "" {
		fmt.Fprintln(os.Stderr, s)
	}
	if d, err := time.ParseDuration(os.Getenv("EXIT_AFTER")); err == nil {
		time.AfterFunc(d, func() {
			code, _ := strconv.Atoi(os.Getenv("EXIT_CODE"))
			os.Exit(code)
		})
	}
	if port := os.Getenv("PORT"); port != "" {
		go serve("127.0.0.1:" + port)
	}
	for range signals {
		if os.Getenv("IGNORE_TERM") == "" {
			fmt.Println("probe: bye")
			return
		}
		fmt.Println("probe: SIGTERM ignored")
	}
}

func serve(address string) {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, os.Getenv("VERSION")) })
	http.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, strings.Join(slices.Sorted(slices.Values(os.Environ())), "\n"))
	})
	http.HandleFunc("/args", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, strings.Join(os.Args, "\n")) })
	http.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) {
		b, err := os.ReadFile(r.URL.Query().Get("path"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write(b)
	})
	http.HandleFunc("/id", func(w http.ResponseWriter, _ *http.Request) {
		host, _ := os.Hostname()
		dir, _ := os.Getwd()
		groups, _ := os.Getgroups()
		fmt.Fprintf(w, "uid %d gid %d groups %v host %s dir %s\n", os.Getuid(), os.Getgid(), groups, host, dir)
	})
	for err := error(nil); ; time.Sleep(100 * time.Millisecond) { // the port may still be another's
		if err = http.ListenAndServe(address, nil); err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
		}
	}
}
