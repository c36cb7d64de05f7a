package configs

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
)

const (
	secretMask = "***"
	fileSuffix = "_file"  // of the key that names a file with the secret
	mostSecret = 64 << 10 // bytes of a file with a secret
)

// Secret is a password or a key. A field of this type under the key "password"
// takes `password: text` or `password_file: path`, the path relative to the
// file of the key. It prints, logs and marshals as ***, whatever the verb.
type Secret struct {
	// A pointer, because fmt cannot call methods of unexported fields and
	// would print what it finds there.
	held *heldSecret
}

type heldSecret struct {
	text, file string
}

func secretText(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&heldSecret{text: text}}
}

func secretIn(file string) Secret { return Secret{&heldSecret{file: file}} }

// storeSecret takes a scalar and keeps it from being quoted.
func (n *Node) storeSecret(into *Secret) bool {
	if !n.is(Scalar) {
		return false
	}
	n.doc.hide(n.place)
	n.doc.hide(n.origin)
	*into = secretText(n.text)
	return true
}

// IsZero says whether the secret is not given, or the empty text.
func (s Secret) IsZero() bool { return s.held == nil }

// Equal says whether two secrets are written alike. It opens no files.
func (s Secret) Equal(t Secret) bool {
	if s.IsZero() || t.IsZero() {
		return s.IsZero() == t.IsZero()
	}
	return *s.held == *t.held
}

// File is the path of the file that holds the secret, empty if none does.
func (s Secret) File() string {
	if s.held == nil {
		return ""
	}
	return s.held.file
}

// Reveal is the secret itself. It reads the file, without a newline at its end,
// each time, so that a file may be changed; it fails for one that everybody
// on the machine can read.
func (s Secret) Reveal() (string, error) {
	if s.held == nil || s.held.file == "" {
		return s.plain(), nil
	}
	file := s.held.file
	info, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	switch {
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("read secret %s: not a regular file", file)
	case info.Mode().Perm()&0o007 != 0:
		return "", fmt.Errorf("read secret %s: open to everybody on this machine; chmod o-rwx it", file)
	case info.Size() > mostSecret:
		return "", fmt.Errorf("read secret %s: larger than %v", file, Size(mostSecret))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	return string(bytes.TrimSuffix(text, []byte("\r"))), nil
}

func (s Secret) plain() string {
	if s.held == nil {
		return ""
	}
	return s.held.text
}

// String is ***, or nothing where no secret is given.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	return secretMask
}

// Format writes String for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// LogValue is String.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText writes String.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
