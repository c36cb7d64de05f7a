package access

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestFilesOfMosquittoAreRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	for _, args := range [][]string{
		{"-c", "-b", file, "ann", "secret"},
		{"-b", "-H", "sha512", file, "bob", "pässwörd"},
	} {
		if out, err := exec.Command("mosquitto_passwd", args...).CombinedOutput(); err != nil {
			t.Fatalf("mosquitto_passwd %q: %v: %s", args, err, out)
		}
	}
	if err := os.Chmod(file, 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, password := range map[string]string{"ann": "secret", "bob": "pässwörd"} {
		s, ok := u.byName[name]
		if !ok || !s.hash.fits([]byte(password)) || s.hash.fits([]byte(password+"x")) || s.hash.fits(nil) {
			t.Errorf("%s is not known by %s", name, password)
		}
	}
}

func TestEncodedPasswordFitsItself(t *testing.T) {
	one, two := Encode([]byte("a")), Encode([]byte("a"))
	if one == two || !strings.HasPrefix(one, "$argon2id$v=19$") {
		t.Errorf("%s and %s", one, two)
	}
	h, err := parseHash(one)
	if err != nil || !h.fits([]byte("a")) || h.fits([]byte("b")) {
		t.Errorf("%v, or it fits the wrong password", err)
	}
}

func TestFaultsOfUsersHaveTheirLines(t *testing.T) {
	good := "ann:" + Encode([]byte("x"))
	for _, c := range []struct{ name, text, want string }{
		{"no colon", "# users\n\nann\n", "u:3: no colon"},
		{"no name", ":$6$YWJj$YWJj", "u:1: a user needs a name"},
		{"no password", "ann:", "u:1: no hash of a kind that is known"},
		{"a hash of another kind", "ann:$2b$10$x", "u:1: no hash of a kind that is known"},
		{"a user twice", good + "\n" + good, `u:2: "ann" stands here a second time; the first is on line 1`},
		{"too dear a hash", "a:$argon2id$v=19$m=4194304,t=3,p=1$YWJjZGVmZ2g$" + strings.Repeat("YWFh", 8), "u:1: argon2id that costs more"},
		{"another argon2", "a:$argon2i$v=19$m=4096,t=3,p=1$YWJjZGVmZ2g$" + strings.Repeat("YWFh", 8), "u:1: no hash"},
		{"endless iterations", "a:$7$999999999$YWJj$" + strings.Repeat("YWFh", 8), "u:1: PBKDF2"},
		{"a hash cut short", "a:$7$101$YWJj$YWJj", "u:1: salt or hash is cut short"},
		{"a hash that is not base64", "a:$6$!$!", "u:1: salt or hash is not base64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Parse("u", c.text)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	_, err := Parse("u", "x\ny\n")
	if err == nil || err.Error() != "u:1: no colon; a line is name:hash, as `fieldmq passwd` writes it\nu:2: no colon; a line is name:hash, as `fieldmq passwd` writes it" {
		t.Errorf("got %v, want both faults", err)
	}
}

func TestFileThatEverybodyCanWriteIsRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	if _, err := SetPassword(file, "ann", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if users, err := Load(file); err != nil || users.Exposed {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil { // as mosquitto's tools may leave it
		t.Fatal(err)
	}
	if users, err := Load(file); err != nil || !users.Exposed {
		t.Errorf("got %v, %v, want users and a word about the file", users, err)
	}
	if err := os.Chmod(file, 0o602); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(file); err == nil || !strings.Contains(err.Error(), "can write it") {
		t.Errorf("got %v", err)
	}
	if _, err := Load(file + "x"); err == nil || !strings.Contains(err.Error(), "fieldmq passwd --file") {
		t.Errorf("got %v", err)
	}
	if _, err := Load(filepath.Dir(file)); err == nil {
		t.Error("a folder is a file of users")
	}
}

func TestFileIsEditedInPlace(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "users"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("# ours\nann:old\nbob:$6$x$y"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(file, 0o644); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	added, err := SetPassword(link, "ann", []byte("new"))
	if err != nil || added {
		t.Fatalf("added %v, %v", added, err)
	}
	if added, err = SetPassword(link, "céline", []byte("x")); err != nil || !added {
		t.Fatalf("added %v, %v", added, err)
	}
	if err := Delete(link, "bob"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(got), "\n")
	if len(lines) != 4 || lines[0] != "# ours" || !strings.HasPrefix(lines[1], "ann:$argon2id$") || !strings.HasPrefix(lines[2], "céline:$argon2id$") || lines[3] != "" {
		t.Errorf("the file is\n%s", got)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v; want nobody else to read it", info.Mode(), err)
	}
	if at, err := os.Readlink(link); err != nil || at != file {
		t.Errorf("the link leads to %q, %v", at, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".users-*")); len(left) > 0 {
		t.Errorf("%v is left behind", left)
	}
	for _, name := range []string{"", "a:b", "#a", "a\nb"} {
		if _, err := SetPassword(file, name, nil); err == nil {
			t.Errorf("%q is a name", name)
		}
	}
	if err := Delete(file, "bob"); err == nil {
		t.Error("a user is deleted twice")
	}
}

// A service reads what root writes: /etc/fieldmq is root's and the service's group's.
func TestNewFileIsReadByTheGroupOfItsFolder(t *testing.T) {
	group := 1
	if os.Getuid() != 0 { // who may only give away what is theirs
		group = os.Getegid()
		if all, err := os.Getgroups(); err == nil && len(all) > 0 {
			group = all[len(all)-1]
		}
	}
	for folder, want := range map[os.FileMode]os.FileMode{0o750: 0o640, 0o755: 0o600, 0o700: 0o600} {
		dir := filepath.Join(t.TempDir(), "etc")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, -1, group), os.Chmod(dir, folder)); err != nil {
			t.Fatal(err)
		}
		if group == os.Getegid() {
			want = 0o600
		}
		file := filepath.Join(dir, "users")
		if _, err := SetPassword(file, "ann", []byte("secret")); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("in a folder of mode %o it is %o, want %o", folder, got, want)
		}
		if gid := int(info.Sys().(*syscall.Stat_t).Gid); want == 0o640 && gid != group {
			t.Errorf("it is of group %d, want %d", gid, group)
		}
	}
}

func TestPasswordsInTheClearAreReadAndHashed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	hashed := "bob:" + Encode([]byte("b"))
	if err := os.WriteFile(file, []byte("# ann:old\nann: secret:with colon \n"+hashed+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	known := func(plain int) {
		t.Helper()
		u, err := Load(file)
		if err != nil || u.Plain != plain {
			t.Fatalf("%v, or not %d in the clear", err, plain)
		}
		ann := u.byName["ann"].hash
		if !ann.fits([]byte("secret:with colon")) || ann.fits([]byte("secret")) || ann.fits(nil) || !u.byName["bob"].hash.fits([]byte("b")) {
			t.Error("passwords do not fit")
		}
	}
	known(1)
	for i, want := range []int{1, 0} {
		if n, err := HashPlain(file); n != want || err != nil {
			t.Errorf("attempt %d: hashed %d, %v", i, n, err)
		}
		known(0)
	}
	text, err := os.ReadFile(file)
	if lines := strings.Split(string(text), "\n"); err != nil || strings.Contains(string(text), "secret") || lines[0] != "# ann:old" || lines[2] != hashed {
		t.Errorf("%v: the file is\n%s", err, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("ann:$7$101$YWJj$" + strings.Repeat("YWFh", 8))
	f.Add("ann:$argon2id$v=19$m=8,t=1,p=1$YWJjZGVmZ2g$" + strings.Repeat("YWFh", 8))
	f.Add("a:$6$YWJj$" + strings.Repeat("YWFh", 21) + "YQ==\n#\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		u, err := Parse("u", text)
		if err != nil {
			return
		}
		for name, s := range u.byName {
			if ValidName(name) != nil || s.hash == nil {
				t.Errorf("%q is a user", name)
			}
		}
	})
}
