package access

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"fieldmq/broker/mqtt"
)

// mostUsers is the size in bytes of the largest file of users.
const mostUsers = 8 << 20

// Users are the users of a file, with the hashes of their passwords.
type Users struct {
	// Exposed says that everybody on the machine can read the file, and guess at
	// the passwords behind the hashes.
	Exposed bool
	// Plain is how many passwords stand in the clear in the file.
	Plain int

	byName map[string]stored
	nobody stored // for names that are not there
}

// stored is a user's password as it is kept.
type stored struct {
	text string // as in the file
	hash hash
}

// Load reads a file of users: a line `name:hash` for each, as `fieldmq passwd`
// and mosquitto_passwd write them, or `name:password`; # begins a comment. It fails for a file that
// everybody on the machine can write, and says each line that is wrong.
func Load(file string) (*Users, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fmt.Errorf("read users: %w; `fieldmq passwd --file %s name` makes it", err, file)
	case err != nil:
		return nil, fmt.Errorf("read users: %w", err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read users %s: not a regular file", file)
	case info.Mode().Perm()&0o002 != 0:
		return nil, fmt.Errorf("read users %s: everybody on this machine can write it; chmod o-rwx it", file)
	case info.Size() > mostUsers:
		return nil, fmt.Errorf("read users %s: larger than %d bytes", file, mostUsers)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	users, err := Parse(file, string(text))
	if err == nil {
		users.Exposed = info.Mode().Perm()&0o004 != 0
	}
	return users, err
}

// Parse is Load for a text in hand; file is its name in faults.
func Parse(file, text string) (*Users, error) {
	u := &Users{byName: map[string]stored{}, nobody: newNobody()}
	lines := map[string]int{}
	var faults []error
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		name, s, err := parseUser(line)
		if first, twice := lines[name]; err == nil && twice {
			err = fmt.Errorf("%q stands here a second time; the first is on line %d", name, first)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: %w", file, number, err))
			continue
		}
		lines[name], u.byName[name] = number, s
		if _, plain := s.hash.(plainHash); plain {
			u.Plain++
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return u, nil
}

func parseUser(line string) (name string, s stored, err error) {
	name, text, ok := strings.Cut(line, ":")
	if !ok {
		return "", s, errors.New("no colon; a line is name:hash, as `fieldmq passwd` writes it")
	}
	if err := ValidName(name); err != nil {
		return "", s, err
	}
	h, err := parseHash(strings.TrimSpace(text))
	return name, stored{text, h}, err
}

// newNobody is a password that is none: it takes as long to check as others.
func newNobody() stored {
	return stored{hash: &argonHash{memory: hashMemory, time: hashTime, threads: 1, salt: make([]byte, saltLength), sum: make([]byte, hashLength)}}
}

// Len is the number of users.
func (u *Users) Len() int { return len(u.byName) }

// ValidName says what keeps a text from being a user's name in a file.
func ValidName(name string) error {
	switch {
	case name == "":
		return errors.New("a user needs a name")
	case strings.ContainsAny(name, ":\r\n") || name[0] == '#' || !mqtt.ValidString(name):
		return fmt.Errorf("%.60q is no name for a user: it must be UTF-8, without a colon and not begin with #", name)
	}
	return nil
}
