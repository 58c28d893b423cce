// Tiny is what scripts about builds put into images of any architecture. It says which machine it runs on, as uname -m does:
//
//	tiny           on the standard output, and waits for SIGTERM or SIGINT
//	tiny show FILE with what is in the file, and waits
//	tiny say TEXT  with the text, and ends
//	tiny to FILE   into the file, and ends
//	tiny exit CODE and ends with the exit code
package main

import (
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	switch m := machine(); {
	case len(os.Args) == 3 && os.Args[1] == "say":
		fmt.Println(m, os.Args[2])
	case len(os.Args) == 3 && os.Args[1] == "to":
		if err := os.WriteFile(os.Args[2], []byte(m+"\n"), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case len(os.Args) == 3 && os.Args[1] == "exit":
		fmt.Println("machine", m)
		code, _ := strconv.Atoi(os.Args[2])
		os.Exit(code)
	default:
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
		var said []byte
		if len(os.Args) == 3 {
			said, _ = os.ReadFile(os.Args[2]) // a script misses what it waits for
		}
		fmt.Println("machine", m, strings.TrimSpace(string(said)))
		<-signals
	}
}

func machine() string {
	var u syscall.Utsname
	if err := syscall.Uname(&u); err != nil {
		return err.Error()
	}
	return text(u.Machine)
}

// text ends at the NUL. The letters are of different types, by architecture.
func text[T int8 | uint8](letters [65]T) string {
	var b []byte
	for _, c := range letters {
		if c == 0 {
			break
		}
		b = append(b, byte(c))
	}
	return string(b)
}
