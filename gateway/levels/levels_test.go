package levels

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// written is a log and what it has written.
func written(l *Levels) (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(l.Handler(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))), &b
}

func TestRulesGoByTheNamesOfALogger(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []Rule
		with  []any
		want  slog.Level
	}{
		{"the base without a rule", nil, []any{"part", "broker"}, slog.LevelInfo},
		{"a part", []Rule{{"part=broker", "debug"}}, []any{"part", "broker"}, slog.LevelDebug},
		{"another part", []Rule{{"part=broker", "debug"}}, []any{"part", "store"}, slog.LevelInfo},
		{"a client within a part", []Rule{{"client=a", "debug"}, {"part=broker", "warn"}}, []any{"part", "broker", "client", "a"}, slog.LevelDebug},
		{"any end", []Rule{{"client=meter-*", "debug"}}, []any{"client", "meter-7"}, slog.LevelDebug},
		{"the last rule", []Rule{{"client=*", "debug"}, {"client=a", "error"}}, []any{"client", "a"}, slog.LevelError},
		{"a value that only begins so", []Rule{{"client=a", "debug"}}, []any{"client", "ab"}, slog.LevelInfo},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := New(slog.LevelInfo)
			l.Set(&Config{Rules: c.rules})
			log, _ := written(l)
			log = log.With(c.with...)
			for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
				if got := log.Enabled(context.Background(), level); got != (level >= c.want) {
					t.Errorf("%v is enabled: %v", level, got)
				}
			}
		})
	}
}

func TestLevelsChangeWhileLoggersAreInUse(t *testing.T) {
	l := New(slog.LevelInfo)
	log, b := written(l)
	log = log.With("client", "a")
	log.Debug("one")
	l.Set(&Config{Rules: []Rule{{"client=a", "debug"}}})
	log.Debug("two")
	l.Set(&Config{Level: "warn"})
	log.Info("three")
	if got := b.String(); strings.Contains(got, "one") || !strings.Contains(got, "two") || strings.Contains(got, "three") {
		t.Errorf("got %s", got)
	}
}

func TestRaisedLevelsEndByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(slog.LevelInfo)
		log, b := written(l)
		log = log.With("client", "a")
		if reply, err := l.Ask([]byte(`{"for": "client=a", "level": "debug", "time": "10m"}`)); err != nil || !strings.Contains(string(reply), `"client=a"`) {
			t.Fatalf("%s, %v", reply, err)
		}
		time.Sleep(9 * time.Minute)
		log.Debug("early")
		time.Sleep(2 * time.Minute)
		log.Debug("late")
		if got := b.String(); !strings.Contains(got, "early") || strings.Contains(got, "late") {
			t.Errorf("got %s", got)
		}
		if n := len(l.Raised()); n != 0 {
			t.Errorf("%d are raised", n)
		}
	})
}

func TestRaisedLevelsEndWhenToldTo(t *testing.T) {
	l := New(slog.LevelInfo)
	log, _ := written(l)
	log = log.With("bus", "panel")
	for _, c := range []struct {
		request string
		want    bool
	}{
		{`{"for": "bus=panel", "level": "debug"}`, true},
		{``, true},
		{`{"for": "bus=panel", "level": ""}`, false},
	} {
		if _, err := l.Ask([]byte(c.request)); err != nil {
			t.Fatal(err)
		}
		if got := log.Enabled(context.Background(), slog.LevelDebug); got != c.want {
			t.Errorf("after %s: %v", c.request, got)
		}
	}
}

func TestBadRequestsAreAnswered(t *testing.T) {
	for request, want := range map[string]string{
		`debug`:                                                 "not a request such as",
		`{"for": "client=a", "lvl": "debug"}`:                   "not a request such as",
		`{"for": "meter-7", "level": "debug"}`:                  "is no part such as",
		`{"for": "client=", "level": "debug"}`:                  "is no part such as",
		`{"for": "client=a", "level": "loud"}`:                  "is none of debug",
		`{"for": "client=a", "level": "debug", "time": "48h"}`:  "is no time up to",
		`{"for": "client=a", "level": "debug", "time": "soon"}`: "is no time up to",
	} {
		reply, err := New(slog.LevelInfo).Ask([]byte(request))
		var a answer
		if err == nil || json.Unmarshal(reply, &a) != nil || a.OK || !strings.Contains(a.Error, want) {
			t.Errorf("%s: %s, %v", request, reply, err)
		}
	}
}

func TestRaisedLevelsHaveALimit(t *testing.T) {
	l := New(slog.LevelInfo)
	for i := range mostRaised {
		if _, err := l.Ask([]byte(fmt.Sprintf(`{"for": "client=%d", "level": "debug"}`, i))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Ask([]byte(`{"for": "client=x", "level": "debug"}`)); err == nil {
		t.Error("one more is raised")
	}
	if _, err := l.Ask([]byte(`{"for": "client=0", "level": "error"}`)); err != nil {
		t.Errorf("a known one: %v", err)
	}
}
