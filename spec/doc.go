// Package spec reads a directory of *.fairlead.hcl files and says what is wanted: one stack, with its images and
// containers, merged, evaluated and checked. It knows no daemon and opens no connection; all that goes wrong comes back as
// [hcl.Diagnostics] with ranges, the problems of a whole directory in one run.
package spec
