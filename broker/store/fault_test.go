package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/broker"
)

var errDisk = errors.New("input/output error")

func TestAFailedSyncMovesToANewSegment(t *testing.T) {
	dir := t.TempDir()
	cfg := tiny()
	cfg.Sync = Always()
	s := mustOpen(t, dir, cfg)
	s.must(t, entered("a"), retained("r", "1"), queued(1, "one", "a"))
	bad := s.segments[0]
	asked := 0
	s.disk.sync = func(f *os.File) error {
		if f == bad.file {
			asked++
			return errDisk
		}
		return syncData(f)
	}
	s.must(t, queued(2, "two", "a"))
	s.must(t, queued(3, "three", "a"))
	if asked != 1 {
		t.Errorf("the file was synced %d times", asked)
	}
	if bad.live != 0 {
		t.Errorf("%d bytes count in the bad segment", bad.live)
	}
	s.die()
	if err := os.Remove(bad.path); err != nil { // it is not needed any more
		t.Fatal(err)
	}
	got, _ := reopened(t, dir)
	same(t, got, []broker.Record{entered("a"), retained("r", "1"), queued(1, "one", "a"), queued(2, "two", "a"), queued(3, "three", "a")})
}

func TestADiskThatCannotSyncRefusesAcknowledgements(t *testing.T) {
	dir := t.TempDir()
	cfg := tiny()
	cfg.Sync = Always()
	s := mustOpen(t, dir, cfg)
	defer s.die()
	s.disk.sync = func(*os.File) error { return errDisk }
	for range 20 {
		if err := s.Append(retained("r", "1")); err != nil {
			t.Fatal(err)
		}
		if err := s.Commit(t.Context()); err == nil {
			t.Fatal("what is not on the disk is acknowledged")
		}
	}
	if n := len(files(t, dir)); n > 3 {
		t.Errorf("%d segments", n)
	}
	s.disk.sync = syncData
	s.failed = time.Time{}
	if err := s.Commit(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAFailedWriteIsRepeatedAndRefusesMessagesMeanwhile(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, entered("a"), queued(1, "one", "a"))
	g := s.pending.segment
	g.close()
	g.file, _ = os.Open(g.path) // for reading only: writing fails
	if err := s.Append(queued(2, "two", "a")); err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(t.Context()); err == nil {
		t.Fatal("committed")
	}
	if err := s.Append(queued(3, "three", "a")); err == nil {
		t.Error("a message is taken that cannot be written")
	}
	if err := s.Append(broker.Settled{ClientID: "a", Number: 1}); err != nil {
		t.Errorf("what carries no payload: %v", err)
	}
	g.close()
	if err := g.reopen(&s.disk); err != nil {
		t.Fatal(err)
	}
	s.must(t)
	s.must(t, queued(4, "four", "a"))
	s.die()
	got, damage := reopened(t, dir)
	same(t, got, []broker.Record{entered("a"), queued(2, "two", "a"), queued(4, "four", "a")})
	if len(damage) > 0 {
		t.Error(damage)
	}
}

func TestAFullStoreRefusesMessagesOnly(t *testing.T) {
	for name, fill := range map[string]func(*Store){
		"quota":     func(s *Store) { s.cfg.Max = 10 },
		"keep free": func(s *Store) { s.disk.free = func(string) (int64, error) { return 5, nil }; s.cfg.KeepFree = 6 },
	} {
		t.Run(name, func(t *testing.T) {
			s := mustOpen(t, t.TempDir(), tiny())
			defer s.die()
			s.must(t, entered("a"), queued(1, "one", "a"), retained("r", "1"))
			room := s.cfg
			fill(s)
			s.checkRoom()
			if err := s.Append(queued(2, "two", "a")); !errors.Is(err, ErrFull) {
				t.Errorf("a message: %v", err)
			}
			if err := s.Append(retained("s", "1")); !errors.Is(err, ErrFull) {
				t.Errorf("a retained message: %v", err)
			}
			s.must(t, broker.Settled{ClientID: "a", Number: 1}, retained("r", ""), entered("b"))
			if n := s.Figures().Refused.Load(); n != 2 {
				t.Errorf("%d refused", n)
			}
			s.cfg, s.disk.free = room, freeSpace
			s.checkRoom()
			s.must(t, queued(3, "three", "a"))
		})
	}
}

func TestADiskThatStaysBadDoesNotTakeTheMemory(t *testing.T) {
	s := mustOpen(t, t.TempDir(), tiny())
	defer s.die()
	g := s.pending.segment
	g.close()
	long := broker.Subscribed{ClientID: "a", Filter: "f"}
	s.must(t)
	if err := s.Append(entered("a")); err != nil {
		t.Fatal(err)
	}
	g.file, _ = os.Open(g.path)
	var err error
	for i := 0; err == nil; i++ {
		if i > 1<<20 {
			t.Fatal("it takes everything")
		}
		long.Filter = "f"
		e := entered("a")
		e.User = strings.Repeat("u", 60_000)
		err = s.Append(e)
	}
	if behind := s.appended.Load(); behind > 5*maxBehind {
		t.Errorf("%d bytes are held", behind)
	}
	if err := s.Commit(t.Context()); err == nil {
		t.Error("committed")
	}
}

func TestAReadOnlyFolderIsSaid(t *testing.T) {
	file := t.TempDir() + "/file"
	writeFile(t, file, nil)
	if _, err := Open(file+"/data", tiny(), quiet()); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("got %v", err)
	}
}

func TestSyncPolicies(t *testing.T) {
	const none = -1
	for _, c := range []struct {
		name    string
		sync    Sync
		records []broker.Record
		after   time.Duration // until a sync; none: not within ten seconds
	}{
		{"always, at once", Always(), []broker.Record{retained("r", "1")}, 0},
		{"an interval", Sync{every: 3 * time.Second}, []broker.Record{retained("r", "1")}, 3 * time.Second},
		{"adaptive, a message waits", Sync{}, []broker.Record{entered("a"), queued(1, "x", "a")}, time.Second},
		{"adaptive, a message was delivered", Sync{}, []broker.Record{queued(1, "x", "z"), broker.Settled{ClientID: "z", Number: 1}}, none},
		{"adaptive, a retained message", Sync{}, []broker.Record{retained("r", "1")}, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := tiny()
				cfg.Sync = c.sync
				s := mustOpen(t, t.TempDir(), cfg)
				defer s.die()
				s.must(t, broker.Entered{ClientID: "z", New: true, Expiry: time.Hour})
				if err := s.sync(); err != nil {
					t.Fatal(err)
				}
				before := s.figures.Syncs.Load()
				s.must(t, c.records...)
				began := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var running sync.WaitGroup
				running.Go(func() { s.Run(ctx) })
				for s.figures.Syncs.Load() == before && ctx.Err() == nil {
					time.Sleep(10 * time.Millisecond)
				}
				took := time.Since(began)
				cancel()
				running.Wait()
				if c.after == none && took < 10*time.Second || c.after != none && took > c.after+20*time.Millisecond {
					t.Errorf("synced after %v", took)
				}
			})
		})
	}
}

// A gateway that is at work all the time hardly touches its card, also where a session
// that nobody comes back to has messages that wait.
func TestWhatWasSyncedIsNoReasonToSyncAgain(t *testing.T) {
	for name, records := range map[string][]broker.Record{
		"a change of a session": {entered("a")},
		"a message that waits":  {entered("a"), queued(1, "waits", "a")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				cfg := tiny()
				cfg.Segment = 1 << 20
				s := mustOpen(t, t.TempDir(), cfg)
				defer s.die()
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				var running sync.WaitGroup
				running.Go(func() { s.Run(ctx) })
				s.must(t, broker.Entered{ClientID: "up", New: true, Expiry: time.Hour})
				s.must(t, records...)
				for i := range 1000 {
					time.Sleep(10 * time.Millisecond)
					n := uint64(i + 2)
					s.must(t, queued(n, "is delivered", "up"), broker.Settled{ClientID: "up", Number: n}, retained("r", fmt.Sprint(i)))
				}
				cancel()
				running.Wait()
				if n := s.Figures().Syncs.Load(); n != 1 {
					t.Errorf("%d syncs", n)
				}
			})
		})
	}
}

func TestChurnIsBoundedInSizeAndInWriting(t *testing.T) {
	dir := t.TempDir()
	cfg := tiny()
	cfg.Segment = 1 << 20
	s := mustOpen(t, dir, cfg)
	s.must(t, entered("a"), entered("away"), queued(1, "waits for long", "away"))
	payload := strings.Repeat("v", 200)
	most := int64(0)
	for i := range 40_000 {
		n := uint64(i + 2)
		s.must(t, retained(fmt.Sprint("device/", i%100), payload), queued(n, payload, "a"),
			broker.Sent{ClientID: "a", Number: n, PacketID: uint16(i)}, broker.Settled{ClientID: "a", Number: n})
		if i%100 == 0 {
			if err := s.tend(true); err != nil {
				t.Fatal(err)
			}
			total, _ := s.Size()
			most = max(most, total)
		}
	}
	f := s.Figures()
	if total, live := s.Size(); most > 2*live+slack+200<<10 {
		t.Errorf("the log grew to %d bytes, %d of %d count", most, live, total)
	}
	if written, copied := f.Written.Load(), f.Copied.Load(); copied > written/4 {
		t.Errorf("%d of %d bytes written are copies", copied, written)
	}
	if n := f.Syncs.Load(); n > 500 {
		t.Errorf("%d syncs", n)
	}
	s.die()
	got, _ := reopened(t, dir)
	if len(got) != 2+100+1 {
		t.Errorf("%d records come back", len(got))
	}
}

func TestManyCommitsShareAWrite(t *testing.T) {
	cfg := tiny()
	cfg.Sync = Always()
	s := mustOpen(t, t.TempDir(), cfg)
	defer s.die()
	s.writer <- struct{}{} // somebody writes
	var waiting sync.WaitGroup
	failed := make(chan error, 50)
	for i := range cap(failed) {
		if err := s.Append(retained(fmt.Sprint(i), "1")); err != nil {
			t.Fatal(err)
		}
		waiting.Go(func() {
			if err := s.Commit(t.Context()); err != nil {
				failed <- err
			}
		})
	}
	<-s.writer
	waiting.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	if n := s.Figures().Syncs.Load(); n != 1 {
		t.Errorf("%d syncs", n)
	}
}

func TestCommitEndsWithItsContext(t *testing.T) {
	s := mustOpen(t, t.TempDir(), tiny())
	defer s.die()
	s.writer <- struct{}{}
	if err := s.Append(retained("r", "1")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-s.writer
}

// A power cut leaves what was synced, and of the rest nothing at worst; files
// that were removed are gone.
func TestAPowerCutLeavesFactsThatAreOlder(t *testing.T) {
	s := mustOpen(t, t.TempDir(), tiny())
	defer s.die()
	disk := map[string][]byte{}
	s.disk.sync = func(f *os.File) error {
		text, err := os.ReadFile(f.Name())
		disk[f.Name()] = text
		return err
	}
	const topics = 20
	s.must(t, entered("away"), broker.Subscribed{ClientID: "away", Filter: "f"}, queued(1, "waits", "away"))
	for i := range topics {
		s.must(t, retained(fmt.Sprint("r/", i), "first"))
	}
	if err := s.sync(); err != nil {
		t.Fatal(err)
	}
	payload, removed := strings.Repeat("v", 1000), false
	for i := range 2000 {
		s.must(t, retained(fmt.Sprint("r/", i%topics), payload))
		if i%10 > 0 {
			continue
		}
		if err := s.tend(i%50 == 0); err != nil {
			t.Fatal(err)
		}
		removed = removed || s.segments[0].number > 1
		after := t.TempDir()
		for _, g := range s.segments {
			if text, synced := disk[g.path]; synced {
				writeFile(t, segmentPath(after, g.number), text)
			}
		}
		got, _ := reopened(t, after)
		if want := 2 + topics + 1; len(got) != want {
			t.Fatalf("after %d messages %d records are left, want %d", i, len(got), want)
		}
	}
	if !removed {
		t.Error("nothing was ever removed")
	}
}

func TestWhatAnEarlierLifeLeftIsSyncedToo(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, retained("r", "1"))
	if err := s.roll(); err != nil {
		t.Fatal(err)
	}
	s.must(t, retained("r", "2"))
	s.die()
	s = mustOpen(t, dir, tiny())
	defer s.die()
	synced := map[string]bool{}
	s.disk.sync = func(f *os.File) error {
		synced[f.Name()] = true
		return nil
	}
	if err := s.sync(); err != nil {
		t.Fatal(err)
	}
	if len(synced) != 2 {
		t.Errorf("synced: %v", synced)
	}
}

func TestChangesOfHealthAreSaidOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said strings.Builder
		s := mustOpen(t, t.TempDir(), tiny())
		defer s.die()
		s.log = slog.New(slog.NewTextHandler(&said, nil))
		var h health
		var troubles []string
		report := func(err error) {
			h.report(s, err)
			if now := s.Trouble(); len(troubles) == 0 || troubles[len(troubles)-1] != now {
				troubles = append(troubles, now)
			}
			time.Sleep(calm / 2)
		}
		for _, err := range []error{nil, errDisk, errSyncFailed, nil, errDisk, nil, nil, nil} {
			report(err)
		}
		s.full = ErrFull
		report(nil)
		report(nil)
		s.full = nil
		report(nil)
		report(nil)
		report(nil)
		if want := []string{"", errDisk.Error(), errSyncFailed.Error(), errDisk.Error(), "", ErrFull.Error(), ""}; !slices.Equal(troubles, want) {
			t.Errorf("got %q, want %q", troubles, want)
		}
		for _, text := range []string{"store fails", "works again", "store is full", "has room again"} {
			if n := strings.Count(said.String(), text); n != 1 {
				t.Errorf("%q is said %d times", text, n)
			}
		}
	})
}
