// Package profiles holds the register maps of devices that fieldmq knows. A
// profile is YAML: keys of a device, and its points. Adding one needs no Go: put
// the map into maker/type.yaml, and words with the values that they stand for
// into testdata/maker/type.yaml, at least once for each point.
package profiles

import (
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed */*.yaml
var files embed.FS

const ending = ".yaml"

// Names are the profiles there are: maker/type, in order.
func Names() []string {
	var names []string
	found, _ := fs.Glob(files, "*/*"+ending) // the pattern is well formed
	for _, f := range found {
		names = append(names, strings.TrimSuffix(f, ending))
	}
	slices.Sort(names)
	return names
}

// File is what the faults of a profile name as their file.
func File(name string) string {
	if own(name) {
		return name
	}
	return "profile " + name
}

// own says whether a profile is a file of the user's.
func own(name string) bool { return strings.HasSuffix(name, ending) }

// Read is the text of a profile: one of Names, or a file that ends in .yaml,
// seen from the folder dir.
func Read(name, dir string) ([]byte, error) {
	if own(name) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return os.ReadFile(name)
	}
	text, err := files.ReadFile(path.Clean(name) + ending)
	if err != nil {
		return nil, fmt.Errorf("there is no profile %q; those there are: %s", name, strings.Join(near(name), ", "))
	}
	return text, nil
}

// near are the profiles of the maker that a name begins with, or all.
func near(name string) []string {
	maker, _, _ := strings.Cut(name, "/")
	same := slices.DeleteFunc(Names(), func(n string) bool { return !strings.HasPrefix(n, maker+"/") })
	if len(same) > 0 {
		return same
	}
	return Names()
}
