package journal

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// open is a logger that writes warnings, with its journal.
func open() (*slog.Logger, *Journal, *bytes.Buffer) {
	j, out := New(), &bytes.Buffer{}
	return slog.New(j.Handler(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelWarn}))), j, out
}

func TestEntriesSayWhoSpeaks(t *testing.T) {
	log, j, _ := open()
	log.Info("stopped", "error", nil)
	log.With("part", "broker").Info("client", "client", "plc")
	log.With("part", "bridge", "upstream", "cloud").Warn("upstream is away", "reason", errors.New("no route"))
	log.With("bus", "panel").With("device", "boiler").Error("device offline")
	entries, count := j.Since(0)
	if count != 4 {
		t.Fatalf("%d entries, want 4", count)
	}
	for i, want := range []struct{ part, level, key, detail string }{
		{"gateway", "info", "", ""}, {"broker", "info", "client", "plc"}, {"cloud", "warn", "reason", "no route"}, {"panel", "error", "device", "boiler"},
	} {
		if e := entries[i]; e.Part != want.part || e.Level != want.level || e.Details[want.key] != want.detail || e.Time == 0 || e.Details["error"] != "" {
			t.Errorf("got %+v, want %+v", e, want)
		}
	}
}

func TestJournalKeepsWhatTheLogDoesNotWrite(t *testing.T) {
	log, j, out := open()
	log.Debug("exchange")
	log.Info("bus open")
	log.Warn("bus is down")
	if entries, _ := j.Since(0); len(entries) != 2 {
		t.Errorf("%d entries, want those of info and warn", len(entries))
	}
	if got := out.String(); strings.Contains(got, "bus open") || !strings.Contains(got, "bus is down") {
		t.Errorf("written: %s", got)
	}
}

func TestWhatIsDebuggedIsKeptApart(t *testing.T) {
	j := New()
	log := slog.New(j.Handler(slog.NewTextHandler(&bytes.Buffer{}, &slog.HandlerOptions{Level: slog.LevelDebug})))
	log.Info("bus open")
	began := time.Now().UnixMilli()
	for i := range 3 * most {
		log.Debug("exchange", "n", i)
	}
	log.Info("bus is down")
	if told, _ := j.Since(0); len(told) != 2 {
		t.Errorf("told of %d entries, want the two that are not debugging", len(told))
	}
	all := j.Last(2*most, 0)
	if len(all) != most+2 || all[0].Text != "bus open" || all[1].Level != "debug" || all[most+1].Text != "bus is down" {
		t.Errorf("%d entries: %v ... %v", len(all), all[:2], all[len(all)-1])
	}
	if few := j.Last(2, 0); len(few) != 2 || few[0].Details["n"] != "1499" {
		t.Errorf("the last two are %v", few)
	}
	if late := j.Last(2*most, began+60_000); len(late) != 0 {
		t.Errorf("%d entries of a minute to come", len(late))
	}
}

func TestJournalIsBounded(t *testing.T) {
	log, j, _ := open()
	for i := range 3 * most {
		log.Info(strings.Repeat("é", longest), "n", i)
	}
	entries, count := j.Since(0)
	if len(entries) != most || count != 3*most || len(entries[0].Text) > longest+5 {
		t.Errorf("%d entries of %d, %d bytes long", len(entries), count, len(entries[0].Text))
	}
	if fresh, _ := j.Since(count - 2); len(fresh) != 2 || fresh[1].Details["n"] != "1499" {
		t.Errorf("the last two are %v", fresh)
	}
}

func TestListenersHearDebugging(t *testing.T) {
	log, j, _ := open()
	log = log.With("bus", "panel")
	var heard []string
	stop := j.Listen(func(r slog.Record, attrs []slog.Attr) { heard = append(heard, attrs[0].Value.String()+" "+r.Message) })
	other := j.Listen(func(slog.Record, []slog.Attr) {})
	log.Debug("exchange")
	stop()
	log.Debug("another")
	other()
	if len(heard) != 1 || heard[0] != "panel exchange" {
		t.Errorf("heard %q", heard)
	}
	if log.Enabled(t.Context(), slog.LevelDebug) {
		t.Error("nobody listens, and debugging goes on")
	}
}
