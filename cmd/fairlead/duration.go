package main

import (
	"fmt"
	"time"
)

// duration is a flag's value. An error says what one looks like.
type duration struct{ d *time.Duration }

// String gives the value, as help shows a default.
func (v duration) String() string {
	if v.d == nil {
		return "0s"
	}
	return v.d.String()
}

// Set reads a value.
func (v duration) Set(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("must be a duration such as 30s; got %s", text)
	}
	*v.d = d
	return nil
}

// Type names the kind of value.
func (v duration) Type() string { return "duration" }
