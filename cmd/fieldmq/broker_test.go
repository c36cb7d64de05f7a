package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// testBroker is `fieldmq broker` with a file of its own.
type testBroker struct {
	*process
	dir  string // of the file, and of what it names
	port string
}

// newBroker writes a configuration and starts its broker. PORT and DIR stand for
// a free port and the folder; prepare makes what the file names.
func newBroker(t *testing.T, text string, prepare func(dir string)) *testBroker {
	t.Helper()
	b := &testBroker{dir: t.TempDir(), port: freePort(t)}
	prepare(b.dir)
	b.configure(t, text)
	b.process = start(t, binary, "broker", "--config", filepath.Join(b.dir, "broker.yaml"))
	b.expect("listening")
	return b
}

func (b *testBroker) configure(t *testing.T, text string) {
	t.Helper()
	text = strings.NewReplacer("PORT", b.port, "DIR", b.dir).Replace(text)
	if err := os.WriteFile(filepath.Join(b.dir, "broker.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// args are the flags of a mosquitto client of the broker, DIR as above.
func (b *testBroker) args(args ...string) []string {
	all := []string{"-h", "127.0.0.1", "-p", b.port}
	for _, a := range args {
		all = append(all, strings.ReplaceAll(a, "DIR", b.dir))
	}
	return all
}

// talkative is a mosquitto_sub that prints what it does when it does it, and
// "topic payload" for messages.
func talkative(t *testing.T, args ...string) *process {
	t.Helper()
	return start(t, "stdbuf", append([]string{"-oL", "mosquitto_sub", "-d", "-F", "%t %p"}, args...)...)
}

// subscribe is a mosquitto_sub that has subscribed.
func (b *testBroker) subscribe(t *testing.T, args ...string) *process {
	t.Helper()
	sub := talkative(t, b.args(args...)...)
	sub.expect("Subscribed")
	return sub
}

func (b *testBroker) publish(t *testing.T, args ...string) (printed string, code int) {
	t.Helper()
	out, errs, code := output(t, "mosquitto_pub", b.args(args...)...)
	return out + errs, code
}

// addUser gives a user a password.
func addUser(t *testing.T, dir, name, password string) {
	t.Helper()
	cmd := exec.Command(binary, "passwd", "--file", filepath.Join(dir, "users"), name)
	cmd.Stdin = strings.NewReader(password + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("passwd: %v: %s", err, out)
	}
}

const guardedYAML = `
broker:
  listen: [{url: "mqtt://127.0.0.1:PORT", anonymous: false}]
  users: users
  access:
    - {user: dashboard, subscribe: ["device/#"], publish: ["device/+/+/set"]}
    - {user: "*", subscribe: ["device/%u/#"], publish: ["device/%u/#"]}
`

func addUsers(t *testing.T) func(string) {
	return func(dir string) {
		addUser(t, dir, "dashboard", "lights")
		addUser(t, dir, "ann", "secret")
	}
}

func TestUsersComeInWithTheirPasswords(t *testing.T) {
	b := newBroker(t, guardedYAML, addUsers(t))
	for _, version := range []string{"311", "5"} {
		for _, c := range []struct {
			name string
			args []string
			says string // empty: comes in
		}{
			{"with the password", []string{"-u", "ann", "-P", "secret"}, ""},
			{"with another", []string{"-u", "ann", "-P", "wrong"}, "bad user name or password"},
			{"as nobody that is known", []string{"-u", "eve", "-P", "secret"}, "bad user name or password"},
			{"without a name", nil, "not authori"},
			{"with a will elsewhere", []string{"-u", "ann", "-P", "secret", "--will-topic", "device/bob/x"}, "not authori"},
		} {
			t.Run(version+", "+c.name, func(t *testing.T) {
				printed, code := b.publish(t, append([]string{"-V", version, "-t", "device/ann/x", "-m", "1"}, c.args...)...)
				if (code == 0) != (c.says == "") || !strings.Contains(strings.ToLower(printed), c.says) {
					t.Errorf("exit %d: %s", code, printed)
				}
			})
		}
	}
}

func TestRulesHoldForClientsOfBothVersions(t *testing.T) {
	b := newBroker(t, guardedYAML, addUsers(t))
	for _, version := range []string{"311", "5"} {
		t.Run(version, func(t *testing.T) {
			ann := []string{"-V", version, "-u", "ann", "-P", "secret"}
			dashboard := b.subscribe(t, "-V", version, "-u", "dashboard", "-P", "lights", "-t", "device/#", "-q", "1")
			for i, topic := range []string{"device/bob/x", "device/ann/x"} {
				printed, _ := b.publish(t, append([]string{"-d", "-q", "1", "-t", topic, "-m", version}, ann...)...)
				if denied := strings.Contains(printed, "RC:135"); denied != (i == 0 && version == "5") {
					t.Errorf("publish to %s: %s", topic, printed)
				}
			}
			dashboard.expect("device/ann/x " + version)
			for _, line := range dashboard.printed() {
				if strings.HasPrefix(line, "device/bob/x ") {
					t.Errorf("a message that was denied arrived: %s", line)
				}
			}
			dashboard.stop(syscall.SIGTERM)
			sub := talkative(t, b.args(append([]string{"-t", "device/#"}, ann...)...)...)
			sub.expect(map[string]string{"311": "Subscribed (mid: 1): 128", "5": "Subscribed (mid: 1): 135"}[version])
		})
	}
}

func TestUserThatIsDeletedIsCut(t *testing.T) {
	b := newBroker(t, guardedYAML, addUsers(t))
	ann := b.subscribe(t, "-V", "5", "-u", "ann", "-P", "secret", "-t", "device/ann/#")
	dashboard := b.subscribe(t, "-V", "5", "-u", "dashboard", "-P", "lights", "-t", "device/#")
	if _, errs, code := output(t, binary, "passwd", "--delete", "--file", filepath.Join(b.dir, "users"), "ann"); code != 0 {
		t.Fatalf("exit %d: %s", code, errs)
	}
	ann.expect("DISCONNECT (135)")
	ann.kill()
	addUser(t, b.dir, "bob", "bob")
	b.wait(0, "that it read the users twice", func(string) bool {
		return strings.Count(strings.Join(b.printed(), "\n"), "kind=users") >= 2
	})
	if printed, code := b.publish(t, "-u", "bob", "-P", "bob", "-t", "device/bob/x", "-m", "here"); code != 0 {
		t.Errorf("a new user: exit %d: %s", code, printed)
	}
	dashboard.expect("device/bob/x here")
}

func TestHangupReadsTheRulesAgain(t *testing.T) {
	b := newBroker(t, guardedYAML, addUsers(t))
	dashboard := b.subscribe(t, "-V", "5", "-u", "dashboard", "-P", "lights", "-t", "device/#", "-t", "device/ann/y")
	b.configure(t, strings.Replace(guardedYAML, `subscribe: ["device/#"]`, `subscribe: ["device/+/y"]`, 1))
	b.cmd.Process.Signal(syscall.SIGHUP)
	b.expect("subscriptions ended")
	for _, topic := range []string{"device/ann/x", "device/ann/y"} {
		if printed, code := b.publish(t, "-u", "ann", "-P", "secret", "-t", topic, "-m", "1"); code != 0 {
			t.Fatalf("exit %d: %s", code, printed)
		}
	}
	dashboard.expect("device/ann/y 1")
	if strings.Contains(strings.Join(dashboard.printed(), "\n"), "device/ann/x 1") {
		t.Error("a subscription outlived its right")
	}
	b.configure(t, "broker: {users: nowhere, listne: []}")
	b.cmd.Process.Signal(syscall.SIGHUP)
	b.expect("the configuration stays as it was")
	if printed, code := b.publish(t, "-u", "ann", "-P", "secret", "-t", "device/ann/y", "-m", "2"); code != 0 {
		t.Errorf("after a file with faults: exit %d: %s", code, printed)
	}
	dashboard.expect("device/ann/y 2")
}

func TestGuesserIsSlowedAndOthersAreNot(t *testing.T) {
	b := newBroker(t, guardedYAML, addUsers(t))
	slowed := false
	for range 10 {
		printed, code := b.publish(t, "-V", "5", "-u", "ann", "-P", "guess", "-t", "x", "-m", "x")
		if code == 0 {
			t.Fatal("a guess came in")
		}
		slowed = slowed || !strings.Contains(strings.ToLower(printed), "bad user name")
	}
	if !slowed {
		t.Error("ten guesses in a row were all looked at")
	}
	b.expect("connection rate exceeded")
	if printed, code := b.publish(t, "-u", "dashboard", "-P", "lights", "-t", "device/a/b/set", "-m", "1"); code != 0 {
		t.Errorf("another user: exit %d: %s", code, printed)
	}
}

func TestClientsComeByUnixSocket(t *testing.T) {
	dir := t.TempDir()
	file, socket := filepath.Join(dir, "broker.yaml"), filepath.Join(dir, "mqtt.sock")
	if err := os.WriteFile(file, []byte("broker: {listen: [{url: \"unix://"+socket+"\"}]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := start(t, binary, "broker", "--config", file)
	b.expect("listening")
	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	exchange := func() {
		t.Helper()
		sub := talkative(t, "--unix", socket, "-t", "a", "-C", "1")
		sub.expect("Subscribed")
		if _, errs, code := output(t, "mosquitto_pub", "--unix", socket, "-t", "a", "-m", "by socket"); code != 0 {
			t.Fatalf("exit %d: %s", code, errs)
		}
		sub.expect("by socket")
	}
	exchange()
	if _, errs, code := output(t, binary, "broker", "--config", file); code != 1 || !strings.Contains(errs, "is taken by another program") {
		t.Errorf("a second broker: exit %d: %s", code, errs)
	}
	exchange()
	b.kill() // and its socket stays behind
	b = start(t, binary, "broker", "--config", file)
	b.expect("listening")
	exchange()
	if code := b.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit %d", code)
	}
	if _, err := os.Stat(socket); err == nil {
		t.Error("the socket is left behind")
	}
}

func TestHangupReadsTheLimitsAgain(t *testing.T) {
	const yaml = "broker: {listen: [{url: \"mqtt://127.0.0.1:PORT\"}]}\n"
	b := newBroker(t, yaml, func(string) {})
	watch := b.subscribe(t, "-t", "t")
	limited := strings.Replace(yaml, "broker: {", "store: {max: 8MiB}\nbroker: {message_size_limit: 3, ", 1)
	from := 0
	for _, step := range []struct{ yaml, says string }{{limited, "RC:151"}, {yaml, "RC:0"}} {
		b.configure(t, step.yaml)
		b.cmd.Process.Signal(syscall.SIGHUP)
		_, from = b.expectAfter(from, "the configuration is read again")
		if printed, _ := b.publish(t, "-d", "-V", "5", "-q", "1", "-t", "t", "-m", "long"); !strings.Contains(printed, step.says) {
			t.Errorf("%s: %s", step.yaml, printed)
		}
	}
	watch.expect("t long")
	b.expect("takes a restart\" key=store.max")
}

func TestBrokerHasTheVersionOfTheProgram(t *testing.T) {
	b := newBroker(t, "broker: {listen: [{url: \"mqtt://127.0.0.1:PORT\"}]}\n", func(string) {})
	ours, _, _ := output(t, binary, "version")
	told, errs, code := output(t, "mosquitto_sub", b.args("-C", "1", "-t", "$SYS/broker/version")...)
	version, named := strings.CutPrefix(strings.TrimSpace(told), "fieldmq version ")
	if code != 0 || !named || !strings.Contains(ours, version) {
		t.Errorf("told %q (%s), the program says %q", told, errs, ours)
	}
}
