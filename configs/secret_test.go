package configs_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fieldmq/configs"
)

type login struct {
	Password configs.Secret `yaml:"password"`
}

func TestSecretIsNeverPrinted(t *testing.T) {
	var c login
	decode(t, "password: hunter2", &c)
	hidden := struct{ inner login }{c}
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "secret", c.Password, "struct", c)
	marshaled, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %s %q %d %x %v %+v %#v %d", c, c, c, c.Password, c.Password,
		c.Password, c.Password, hidden, &hidden, hidden, hidden)
	for _, text := range []string{printed, logged.String(), string(marshaled), c.Password.String()} {
		if strings.Contains(text, "hunter2") || strings.Contains(text, fmt.Sprintf("%x", "hunter2")) {
			t.Errorf("%s has the secret", text)
		}
		if !strings.Contains(text, "***") {
			t.Errorf("%s does not say that there is a secret", text)
		}
	}
}

func TestSecretIsNotQuoted(t *testing.T) {
	for _, text := range []string{
		"{password: hunter2, x: 1}",
		"{x: 1, password: hunter2}",
		"{pasword: hunter2}",
		"password: hunter2\npassword_file: x",
	} {
		d := configs.Parse("a.yaml", []byte(text), nil)
		d.Root().Decode(&login{})
		explained := d.Faults().Explain()
		if strings.Contains(explained, "hunter2") || d.Err() == nil {
			t.Errorf("%s is explained as\n%s", text, explained)
		}
	}
}

func TestSecretIsRevealed(t *testing.T) {
	var c login
	decode(t, "password: hunter2", &c)
	if got, err := c.Password.Reveal(); got != "hunter2" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := (configs.Secret{}).Reveal(); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSecretComesFromAFileBesideTheConfig(t *testing.T) {
	dir := t.TempDir()
	write := func(text string, mode os.FileMode) {
		name := filepath.Join(dir, "pass")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	d := configs.Parse(filepath.Join(dir, "site.yaml"), []byte("password_file: pass"), nil)
	var c login
	d.Root().Decode(&c) // the file is not there yet
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	if got := c.Password.File(); got != filepath.Join(dir, "pass") {
		t.Errorf("the file is %s", got)
	}
	if _, err := c.Password.Reveal(); !os.IsNotExist(err) {
		t.Errorf("a missing file: got %v", err)
	}
	for _, text := range []string{"hunter2", "hunter2\n", "hunter2\r\n"} {
		write(text, 0o640)
		if got, err := c.Password.Reveal(); got != "hunter2" || err != nil {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	write("hunter2", 0o644)
	if got, err := c.Password.Reveal(); got != "" || err == nil {
		t.Errorf("a file for everybody: got %q, %v", got, err)
	}
	write(strings.Repeat("x", 1<<17), 0o600)
	if got, err := c.Password.Reveal(); got != "" || err == nil {
		t.Errorf("a huge file: got %d bytes, %v", len(got), err)
	}
}

func TestSecretThatIsNoFileIsNotWaitedFor(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	var c login
	decode(t, "password_file: "+pipe, &c)
	if _, err := c.Password.Reveal(); err == nil {
		t.Error("a pipe is a secret")
	}
}

func TestSecretsAreEqualIfWrittenAlike(t *testing.T) {
	read := func(text string) configs.Secret {
		var c login
		decode(t, text, &c)
		return c.Password
	}
	a := read("password: a")
	for _, c := range []struct {
		text string
		want bool
	}{
		{"password: a", true},
		{"password: b", false},
		{"password_file: a", false},
		{"password: ''", false},
		{"{}", false},
	} {
		if got := a.Equal(read(c.text)); got != c.want {
			t.Errorf("%s: got %v", c.text, got)
		}
	}
	if zero := (configs.Secret{}); !zero.Equal(read("password: ''")) || !zero.IsZero() {
		t.Error("no secret is not equal to an empty one")
	}
}

func TestUppermostLayerChoosesWhereTheSecretIs(t *testing.T) {
	for _, c := range []struct{ text, file string }{
		{"s: {a: {password: a}, b: {password_file: /b}}", "/b"},
		{"s: {a: {password_file: /a}, b: {password: b}}", ""},
		{"s: {a: {password_file: /a}, b: {}}", "/a"},
	} {
		d := configs.Parse("a.yaml", []byte(c.text), nil)
		var l login
		layered(d, &l)
		if err := d.Err(); err != nil || l.Password.IsZero() || l.Password.File() != c.file {
			t.Errorf("%s: got file %q, %v", c.text, l.Password.File(), err)
		}
	}
}
