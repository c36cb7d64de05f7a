package access

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/packet"
)

func TestGuessingIsSlowedMoreAndMore(t *testing.T) {
	b, now := newBrake(), time.Now()
	p := place{"ann", "10.0.0.1"}
	var waits []time.Duration
	for range 12 {
		waits = append(waits, b.wait(p, now))
		now = now.Add(b.wait(p, now))
		b.failed(p, now)
	}
	for i, w := range waits {
		switch {
		case i <= 3 && w != 0:
			t.Errorf("the first mistakes cost %v", waits)
		case i > 4 && w < waits[i-1]-time.Second || w > 10*time.Second:
			t.Errorf("waits %v", waits)
		}
	}
	if last := waits[len(waits)-1]; last < 5*time.Second {
		t.Errorf("the wait grows to %v only", last)
	}
	if w := b.wait(p, now.Add(time.Hour)); w != 0 {
		t.Errorf("an hour later the wait is %v", w)
	}
}

func TestGuesserDoesNotLockOthersOut(t *testing.T) {
	b, now := newBrake(), time.Now()
	home := place{"ann", "10.0.0.1"}
	b.passed(home)
	for i := range 1000 {
		b.failed(place{"ann", fmt.Sprintf("10.1.%d.%d", i/250, i%250)}, now)
		b.failed(place{fmt.Sprint("user", i), "10.0.0.66"}, now)
	}
	for _, c := range []struct {
		name  string
		place place
		free  bool
	}{
		{"the user where it has logged in before", home, true},
		{"another user elsewhere", place{"bob", "10.0.0.2"}, true},
		{"the user elsewhere", place{"ann", "10.0.0.2"}, false},
		{"another user at the guesser's address", place{"bob", "10.0.0.66"}, false},
	} {
		if got := b.wait(c.place, now) == 0; got != c.free {
			t.Errorf("%s may come in: %v", c.name, got)
		}
	}
}

func TestOneGuesserHasOneNetwork(t *testing.T) {
	for address, want := range map[string]string{
		"10.0.0.1": "10.0.0.1", "2001:db8::1": "2001:db8::/64", "2001:db8:0:0:ffff::9": "2001:db8::/64", "::1": "::/64", "@": "@", "": "",
		"fe80::1%eth0": "fe80::/64", "::ffff:10.0.0.1": "::ffff:10.0.0.1",
	} {
		if got := network(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

func TestFailuresAreRememberedWithinBounds(t *testing.T) {
	b, now := newBrake(), time.Now()
	guessed := place{"ann", "10.0.0.1"}
	for range 10 {
		b.failed(guessed, now)
	}
	for i := range 3 * mostCounted {
		p := place{fmt.Sprint(i), fmt.Sprint(i)}
		b.failed(p, now)
		b.passed(p)
		b.failed(p, now)
	}
	for name, n := range map[string]int{"pairs": len(b.pairs.counts), "addresses": len(b.addresses.counts), "users": len(b.users.counts), "places": len(b.places)} {
		if n != mostCounted {
			t.Errorf("%d %s are remembered, want %d", n, name, mostCounted)
		}
	}
	if b.wait(guessed, now) == 0 {
		t.Error("a flood of names made the guesses forgotten")
	}
}

func TestRightPasswordIsCheckedOnce(t *testing.T) {
	slow := &counted{}
	u := &Users{byName: map[string]stored{"ann": {"one", slow}}, nobody: newNobody()}
	control := New(u, nil)
	for range 3 {
		if r := control.Connect(peer("ann", "a"), []byte("yes")); r != packet.Success {
			t.Fatal(r)
		}
	}
	if slow.calls != 1 {
		t.Errorf("checked %d times", slow.calls)
	}
	control.Set(&Users{byName: map[string]stored{"ann": {"two", slow}}, nobody: newNobody()}, nil)
	control.Connect(peer("ann", "a"), []byte("yes"))
	if slow.calls != 2 {
		t.Error("a password that has changed is remembered")
	}
}

func TestGuessIsRefusedWithoutALook(t *testing.T) {
	slow := &counted{}
	control := New(&Users{byName: map[string]stored{"ann": {"one", slow}}, nobody: newNobody()}, nil)
	if r := control.Connect(peer("ann", "a"), []byte("yes")); r != packet.Success {
		t.Fatal(r)
	}
	got := map[packet.Reason]int{}
	for i := range 20 {
		got[control.Connect(peer("ann", "a"), fmt.Append(nil, "no", i))]++
	}
	if got[packet.ConnectionRate] < 10 || got[packet.BadUserOrPassword] == 0 || slow.calls > 10 {
		t.Errorf("got %v with %d checks", got, slow.calls)
	}
	elsewhere := peer("ann", "a")
	elsewhere.Addr = &net.TCPAddr{IP: net.IPv4(10, 0, 0, 2)}
	if r := control.Connect(elsewhere, []byte("yes")); r != packet.Success {
		t.Errorf("at another address: %v", r)
	}
}

// A device that nobody has told of the new password comes again and again with the
// old one. Others with its user may come from the same address.
func TestOldPasswordIsNoGuess(t *testing.T) {
	slow := &counted{}
	control := New(&Users{byName: map[string]stored{"ann": {"one", slow}}, nobody: newNobody()}, nil)
	got := map[packet.Reason]int{}
	for range 100 {
		got[control.Connect(peer("ann", "old"), []byte("no"))]++
	}
	if slow.calls != 1 || got[packet.BadUserOrPassword] == 0 || got[packet.ConnectionRate] < 50 || got[packet.BadUserOrPassword]+got[packet.ConnectionRate] != 100 {
		t.Errorf("checked %d times, got %v", slow.calls, got)
	}
	if r := control.Connect(peer("ann", "new"), []byte("yes")); r != packet.Success {
		t.Errorf("another client of the user: %v", r)
	}
	control.Set(&Users{byName: map[string]stored{"ann": {"two", newPlain("no")}}, nobody: newNobody()}, nil)
	if r := control.Connect(peer("ann", "old"), []byte("no")); r != packet.Success {
		t.Errorf("when it is right: %v", r)
	}
}

func TestFewPasswordsAreCheckedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &counted{takes: time.Second}
		byName := map[string]stored{}
		for i := range 100 {
			byName[fmt.Sprint(i)] = stored{fmt.Sprint(i), slow}
		}
		control := New(&Users{byName: byName, nobody: newNobody()}, nil)
		var mu sync.Mutex
		got := map[packet.Reason]int{}
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				p := &broker.Peer{User: fmt.Sprint(i), Addr: &net.TCPAddr{IP: net.IPv4(10, 0, 0, byte(i))}}
				r := control.Connect(p, []byte("yes"))
				mu.Lock()
				defer mu.Unlock()
				got[r]++
			})
		}
		all.Wait()
		if most := cap(control.verifier.slots); slow.most > most || slow.most == 0 {
			t.Errorf("%d at once, want %d at most", slow.most, most)
		}
		if got[packet.Success] == 0 || got[packet.ServerBusy] == 0 || got[packet.Success]+got[packet.ServerBusy] != 100 {
			t.Errorf("got %v", got)
		}
	})
}

func TestEndSendsThoseAwayWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		control := New(&Users{byName: map[string]stored{"ann": {"one", &counted{}}}, nobody: newNobody()}, nil)
		for range cap(control.verifier.slots) {
			control.verifier.enter()
		}
		ctx, cancel := context.WithCancel(t.Context())
		go control.Run(ctx) //nolint:errcheck // it returns nil
		begin := time.Now()
		time.AfterFunc(time.Second, cancel)
		if r := control.Connect(peer("ann", "a"), []byte("yes")); r != packet.ServerBusy || time.Since(begin) != time.Second {
			t.Errorf("%v after %v", r, time.Since(begin))
		}
	})
}

// counted is a hash that the password yes fits.
type counted struct {
	takes       time.Duration
	mu          sync.Mutex
	calls       int
	under, most int
}

func (c *counted) fits(password []byte) bool {
	c.mu.Lock()
	c.calls++
	c.under++
	c.most = max(c.most, c.under)
	c.mu.Unlock()
	time.Sleep(c.takes)
	c.mu.Lock()
	c.under--
	c.mu.Unlock()
	return string(password) == "yes"
}
