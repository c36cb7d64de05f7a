package access

import (
	"strings"
	"sync"
)

// plainHash is a password that stands in the clear in the file. It is hashed when
// it is first asked for: a check takes as long as others, and the file is read at
// once.
type plainHash struct{ hashed func() *argonHash }

func newPlain(password string) plainHash {
	return plainHash{sync.OnceValue(func() *argonHash { return newArgon([]byte(password)) })}
}

func (h plainHash) fits(password []byte) bool { return h.hashed().fits(password) }

// isPlain says whether what stands behind a name is a password and not a hash.
func isPlain(text string) bool { return text != "" && text[0] != '$' }

// HashPlain puts hashes in the place of the passwords that stand in the clear in
// a file of users, and says how many there were. A file without is left as it is.
func HashPlain(file string) (n int, err error) {
	users, err := Load(file)
	if err != nil || users.Plain == 0 {
		return 0, err
	}
	err = change(file, false, func(lines []string) ([]string, error) {
		for i, line := range lines {
			name, text, _ := strings.Cut(line, ":")
			if text = strings.TrimSpace(text); !strings.HasPrefix(line, "#") && isPlain(text) {
				lines[i] = name + ":" + Encode([]byte(text))
				n++
			}
		}
		return lines, nil
	})
	return n, err
}
