package harness

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Tree writes n files of up to 8 KB below dir, a hundred to a directory; equal seeds give equal trees.
func Tree(dir string, n int, seed uint64) error {
	random := rand.New(rand.NewPCG(seed, 0))
	body := pad(fmt.Sprint(seed), 8<<10)
	for i := range n {
		at := filepath.Join(dir, fmt.Sprintf("part%02d", i/2000), fmt.Sprintf("dir%03d", i/100))
		if i%100 == 0 {
			if err := os.MkdirAll(at, 0o755); err != nil {
				return err
			}
		}
		body[0], body[1], body[2] = byte(i), byte(i>>8), byte(i>>16)
		if err := os.WriteFile(filepath.Join(at, fmt.Sprintf("file%05d.txt", i)), body[:3+random.IntN(len(body)-3)], 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Noise gives n bytes that do not compress well and depend on seed alone.
func Noise(seed string, n int) []byte { return pad(seed, n) }
