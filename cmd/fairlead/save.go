package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/fairlead-dev/fairlead/cmd/internal/view"
	"github.com/fairlead-dev/fairlead/executor/ctrd"
	"github.com/fairlead-dev/fairlead/spec"
)

// saving are the flags of save.
type saving struct {
	scopeFlags
	out, format string
	platforms   []string
}

func saveCommand(a *app) *cobra.Command {
	var f saving
	cmd := &cobra.Command{
		Use: "save NAME...", Short: "write images into an archive", Args: cobra.MinimumNArgs(1),
		Long: "save writes images into one archive, with all platforms that are here or those asked for, in the form that docker load, " +
			"nerdctl, ctr and fairlead read. Loaded by fairlead it has the digests that it had. It changes nothing on the host.",
		Example: "  fairlead save shop/app:1.0 -o app.tar\n  fairlead save --platform arm64 shop/app:1.0 | gzip > app.tar.gz\n" +
			"  fairlead save shop/app:1.0 shop/db:1.0 --format oci -o shop.tar",
		RunE: func(cmd *cobra.Command, args []string) error { return a.save(cmd.Context(), args, &f) },
	}
	f.addInputFlags(cmd)
	cmd.Flags().StringVarP(&f.out, "output", "o", "-", "write into `FILE`; - is the standard output")
	cmd.Flags().StringArrayVar(&f.platforms, "platform", nil, "only this `PLATFORM`, as linux/arm64; may be given more than once")
	cmd.Flags().StringVar(&f.format, "format", "docker", "`FORMAT` of the archive: docker, an OCI archive that older dockers read too, or oci")
	return cmd
}

type savedRow struct {
	Name      string   `json:"name"`
	Digest    string   `json:"digest"`
	Platforms []string `json:"platforms"`
}

func (a *app) save(ctx context.Context, names []string, f *saving) error {
	if f.format != "docker" && f.format != "oci" {
		return fmt.Errorf("--format %s: there are docker and oci", f.format)
	}
	if f.out == "-" && a.json {
		return errors.New("save: the archive goes where the JSON would. Name a file with -o, or leave --json out")
	}
	platforms, err := parsePlatforms(f.platforms)
	if err != nil {
		return err
	}
	write, err := outputTo(f.out)
	if err != nil {
		return err
	}
	cfg, err := a.loadIfNeeded(&f.scopeFlags, false)
	if err != nil {
		return err
	}
	ctx, stop := a.untilInterrupted(ctx)
	defer stop()
	r, err := ctrd.OpenReader(ctx, a.hostOptions(cfg))
	if err != nil {
		return err
	}
	defer r.Close()
	archive, err := findArchive(ctx, r, names, ctrd.SaveOptions{Platforms: platforms, OCI: f.format == "oci"})
	if err != nil {
		return err
	}
	if err := write(ctx, func(w io.Writer) error { return archive.Write(ctx, w) }); err != nil {
		return err
	}
	return a.tellSaved(archive.Images, f)
}

// findArchive finds the images by their names.
func findArchive(ctx context.Context, r *ctrd.Reader, names []string, o ctrd.SaveOptions) (*ctrd.Archive, error) {
	have, err := r.Observe(ctx, nil, ctrd.ObserveOptions{})
	if err != nil {
		return nil, err
	}
	recs, err := findEach(have, names)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, rec := range recs {
		found = append(found, rec.ID)
	}
	return r.Archive(ctx, found, o)
}

// tellSaved says what is in the archive, and what of the images is not.
func (a *app) tellSaved(images []ctrd.Saved, f *saving) error {
	rows := []savedRow{}
	for _, im := range images {
		rows = append(rows, savedRow{im.Name, im.Digest, im.Platforms})
		if len(im.Missing) > 0 && f.platforms == nil {
			a.printNote("%s: %s of it is not here, and not in the archive", familiarName(im.Name), strings.Join(im.Missing, ", "))
		}
	}
	switch {
	case f.out == "-": // it is where the archive went
		return nil
	case a.json:
		return view.JSON(stdout, listed{"fairlead.save", view.Version, rows})
	}
	for _, r := range rows {
		stdout.say("%s  %s  %s\n", familiarName(r.Name), r.Digest, strings.Join(r.Platforms, ", "))
	}
	return nil
}

// output calls what writes, and keeps what it has written only if all went well.
type output func(ctx context.Context, write func(io.Writer) error) error

// unlessInterrupted calls what may wait for whoever reads a pipe. An interrupt doesn't wait for that.
func unlessInterrupted(ctx context.Context, call func() error) error {
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// outputTo tells whether a path can be written to, and how: a file is made beside it and renamed, a device or a pipe is written into.
func outputTo(path string) (output, error) {
	if path == "-" {
		if stdout.isTerminal() {
			return nil, errors.New("save: an archive is nothing for a terminal. Name a file with -o, or send the output on")
		}
		return func(ctx context.Context, write func(io.Writer) error) error {
			return unlessInterrupted(ctx, func() error { return write(stdout.file) })
		}, nil
	}
	if path == "" {
		return nil, errors.New("save: -o must be the path of a file, or - for the standard output; got an empty one")
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return replaceWith(path), nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	case info.IsDir():
		return nil, fmt.Errorf("%s: it is a directory. Name a file in it, as in -o %s", path, filepath.Join(path, "images.tar"))
	case !info.Mode().IsRegular():
		return writeInto(path), nil
	}
	if path, err = filepath.EvalSymlinks(path); err != nil { // the link stays one
		return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	return replaceWith(path), nil
}

func writeInto(path string) output {
	return func(ctx context.Context, write func(io.Writer) error) error {
		return unlessInterrupted(ctx, func() error {
			f, err := os.OpenFile(path, os.O_WRONLY, 0)
			if err != nil {
				return fmt.Errorf("%s: %w", path, withoutPath(err))
			}
			return errors.Join(write(f), f.Close())
		})
	}
}

func replaceWith(path string) output {
	return func(_ context.Context, write func(io.Writer) error) error {
		err := spec.ReplaceFile(path, 0o644, func(w io.Writer) error {
			b := bufio.NewWriterSize(w, 1<<20)
			if err := write(b); err != nil {
				return err
			}
			return b.Flush()
		})
		if err != nil {
			return fmt.Errorf("%s: %w", path, withoutPath(err))
		}
		return nil
	}
}

// withoutPath takes from a file's error the name that it says, which may be one that nobody has given.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
