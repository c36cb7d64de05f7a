package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
)

func TestWhatWasToldComesBack(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	m := newModel()
	for _, r := range history() {
		s.must(t, r)
		m.apply(r)
	}
	m.check(t, contents(t, s.state))
	s.die()
	got, damage := reopened(t, dir)
	m.check(t, got)
	if len(damage) > 0 {
		t.Error(damage)
	}
}

// The broker sends a message to some clients while it is written for others: it
// is the race detector that sees a field touched here.
func TestWritingLeavesTheFieldsAlone(t *testing.T) {
	shared := history()
	var wg sync.WaitGroup
	for range 2 {
		s := mustOpen(t, t.TempDir(), tiny())
		defer s.die()
		wg.Go(func() { s.must(t, shared...) })
	}
	wg.Wait()
}

func TestACutAtAnyByteLosesOnlyWhatStandsBehindIt(t *testing.T) {
	dir := t.TempDir()
	cfg := tiny()
	cfg.Segment = 1 << 20
	s := mustOpen(t, dir, cfg)
	ends := []int64{int64(headerSize)}
	for _, r := range history() {
		s.must(t, r)
		ends = append(ends, s.pending.segment.end)
	}
	s.die()
	file := files(t, dir)[0]
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole = whole[:ends[len(ends)-1]]
	for cut := range whole {
		for _, tail := range [][]byte{nil, make([]byte, 5000)} { // as a file system may leave it
			text := append(whole[:cut:cut], tail...)
			m, kept := newModel(), 0
			for kept < len(ends)-1 && int64(len(text)) >= ends[kept+1] && bytes.Equal(text[:ends[kept+1]], whole[:ends[kept+1]]) {
				m.apply(history()[kept])
				kept++
			}
			writeFile(t, file, text)
			got, damage := reopened(t, dir)
			m.check(t, got)
			torn := cut >= headerSize && !zeros(text[ends[kept]:])
			if torn != (len(damage) == 1) && cut >= headerSize {
				t.Fatalf("cut at %d: damage %v", cut, damage)
			}
		}
	}
}

func TestAFlippedBitCostsTheRecordItIsIn(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, retained("a", "1"))
	from := s.pending.segment.end
	s.must(t, retained("b", "2"))
	to := s.pending.segment.end
	s.must(t, retained("c", "3"))
	s.die()
	file := files(t, dir)[0]
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []broker.Record{retained("a", "1"), retained("c", "3")}
	for at := from; at < to; at++ {
		for bit := range 8 {
			text := bytes.Clone(whole)
			text[at] ^= 1 << bit
			writeFile(t, file, text)
			got, damage := reopened(t, dir)
			same(t, got, want)
			if len(damage) != 1 || damage[0].Bytes != to-from {
				t.Fatalf("byte %d bit %d: damage %v, want %d bytes", at, bit, damage, to-from)
			}
		}
	}
}

func TestAPayloadIsNotTakenForRecords(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	forged := appendFrame(nil, 0, &retainedRecord{retained("forged", "x")})
	s.must(t, retained("a", strings.Repeat(string(forged), 3)), retained("b", "1"))
	s.die()
	file := files(t, dir)[0]
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[headerSize+4]++ // the checksum of the first record
	writeFile(t, file, text)
	got, _ := reopened(t, dir)
	same(t, got, []broker.Record{retained("b", "1")})
}

func TestAMissingSegmentIsReportedAndTheRestKept(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	for _, topic := range []string{"a", "b", "c"} {
		s.must(t, retained(topic, "1"))
		if err := s.roll(); err != nil {
			t.Fatal(err)
		}
	}
	s.die()
	if err := os.Remove(files(t, dir)[1]); err != nil {
		t.Fatal(err)
	}
	got, damage := reopened(t, dir)
	same(t, got, []broker.Record{retained("a", "1"), retained("c", "1")})
	if len(damage) != 1 || damage[0].Text != "missing" {
		t.Errorf("damage %v", damage)
	}
}

func TestFilesThatAreNoSegmentsAreSetAside(t *testing.T) {
	for name, c := range map[string]struct {
		text []byte
		last bool
	}{
		"an empty file amid others": {nil, false}, "zeros amid others": {make([]byte, 8192), false}, "something else": {bytes.Repeat([]byte("x"), 100), true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, tiny())
			s.must(t, retained("a", "1"))
			if !c.last {
				if err := errors.Join(s.roll(), s.roll()); err != nil {
					t.Fatal(err)
				}
			}
			s.die()
			writeFile(t, segmentPath(dir, 2), c.text)
			s = mustOpen(t, dir, tiny())
			if d := s.Damage(); len(d) != 1 || d[0].Text != "no segment" {
				t.Errorf("damage %v", d)
			}
			s.must(t, retained("b", "2"))
			s.die()
			got, _ := reopened(t, dir)
			same(t, got, []broker.Record{retained("a", "1"), retained("b", "2")})
			if _, err := os.Stat(segmentPath(dir, 2) + ".bad"); err != nil {
				t.Error(err)
			}
		})
	}
}

// A power cut leaves it so, for nothing that it could have held was promised.
func TestASegmentThatHadJustBegunIsNoDamage(t *testing.T) {
	for name, text := range map[string][]byte{"an empty file": nil, "zeros": make([]byte, 8192)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := mustOpen(t, dir, tiny())
			s.must(t, retained("a", "1"))
			s.die()
			writeFile(t, segmentPath(dir, 2), text)
			for range 2 {
				s = mustOpen(t, dir, tiny())
				if len(s.Damage()) > 0 {
					t.Errorf("damage %v", s.Damage())
				}
				s.must(t, retained("b", "2"))
				s.die()
			}
			got, damage := reopened(t, dir)
			same(t, got, []broker.Record{retained("a", "1"), retained("b", "2")})
			if len(damage) > 0 {
				t.Errorf("damage %v", damage)
			}
		})
	}
}

func TestAnotherFormatIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	text := binary.LittleEndian.AppendUint32([]byte(magic), version+1)
	writeFile(t, segmentPath(dir, 1), append(text, make([]byte, 100)...))
	_, err := Open(dir, tiny(), quiet())
	var v *VersionError
	if !errors.As(err, &v) || v.Version != version+1 {
		t.Errorf("got %v", err)
	}
}

func TestAFolderHasOneUser(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := mustOpen(t, dir, tiny())
	if _, err := Open(dir, tiny(), quiet()); !errors.Is(err, ErrLocked) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if info, err := os.Stat(files(t, dir)[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	mustOpen(t, dir, tiny()).die()
}

func TestTheLogAgreesWithAModel(t *testing.T) {
	for seed := range uint64(8) {
		w := &walker{rand: rand.New(rand.NewPCG(seed, 1)), model: newModel()}
		dir := t.TempDir()
		s := mustOpen(t, dir, tiny())
		for range 4000 {
			r := w.step()
			s.must(t, r)
			w.model.apply(r)
			switch w.rand.IntN(200) {
			case 0:
				if err := s.roll(); err != nil {
					t.Fatal(err)
				}
			case 1, 2, 3:
				if err := s.tend(true); err != nil {
					t.Fatal(err)
				}
			case 4:
				s.die()
				s = mustOpen(t, dir, tiny())
			case 5: // whatever the trigger thinks of it
				if n := len(s.segments); n > 1 {
					for _, g := range s.segments[:n/2] {
						if err := s.rewrite(g); err != nil {
							t.Fatal(err)
						}
					}
					if err := errors.Join(s.flush(), s.remove(n/2)); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		w.model.check(t, contents(t, s.state))
		s.die()
		got, damage := reopened(t, dir)
		w.model.check(t, got)
		if len(damage) > 0 {
			t.Error(damage)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// walker makes up a life of a broker.
type walker struct {
	rand   *rand.Rand
	model  *model
	number uint64
	id     uint16
}

func (w *walker) step() broker.Record {
	id := string(rune('a' + w.rand.IntN(5)))
	c := w.model.clients[id]
	if w.rand.IntN(4) == 0 {
		payload := strings.Repeat("x", w.rand.IntN(3)*w.rand.IntN(100))
		return retained(string(rune('A'+w.rand.IntN(6))), payload)
	}
	if c == nil {
		return entered(id)
	}
	w.id++
	switch w.rand.IntN(16) {
	case 0:
		e := entered(id)
		e.New = w.rand.IntN(3) == 0
		return e
	case 1:
		return broker.Left{ClientID: id, At: time.Unix(int64(w.id), 0), Expiry: time.Hour}
	case 2:
		if w.rand.IntN(4) == 0 {
			return broker.Ended{ClientID: id}
		}
	case 3:
		return broker.Subscribed{ClientID: id, Filter: "f", QoS: 1, ID: uint32(w.id)}
	case 4:
		return broker.Unsubscribed{ClientID: id, Filter: "f"}
	case 5:
		return broker.Received{ClientID: id, PacketID: w.id%10 + 1}
	case 6:
		return broker.Forgotten{ClientID: id, PacketID: w.id%10 + 1}
	case 7, 8, 9:
		if n := w.pick(c); n != 0 {
			return broker.Settled{ClientID: id, Number: n}
		}
	case 14:
		return broker.Counted{ClientID: id, Number: w.pick(c), Account: string(rune('x' + w.rand.IntN(2))), Count: uint64(1 + w.rand.IntN(3))}
	case 15:
		return broker.Counted{ClientID: id, Number: w.pick(c), Account: "x", Reason: string(rune('r' + w.rand.IntN(3))), Count: 1}
	case 10, 11:
		n := w.pick(c)
		flying := slices.ContainsFunc(c.flights, func(s broker.Sent) bool { return s.Number == n })
		if n != 0 && flying {
			return broker.Released{ClientID: id, Number: n}
		}
		if n != 0 {
			return broker.Sent{ClientID: id, Number: n, PacketID: w.id}
		}
	}
	w.number++
	var to []string
	for other := range w.model.clients {
		if other != id && w.rand.IntN(2) == 0 {
			to = append(to, other)
		}
	}
	return queued(w.number, strings.Repeat("m", w.rand.IntN(200)), append(to, id)...)
}

// pick is a message that waits for a client, 0 if none does.
func (w *walker) pick(c *modelClient) uint64 {
	if len(c.queue) == 0 {
		return 0
	}
	return c.queue[w.rand.IntN(len(c.queue))]
}

func TestATornEndIsCutOffAndReportedOnce(t *testing.T) {
	dir := t.TempDir()
	s := mustOpen(t, dir, tiny())
	s.must(t, retained("a", "1"))
	end := s.pending.segment.end
	s.must(t, retained("b", "2"))
	s.die()
	if err := os.Truncate(files(t, dir)[0], end+9); err != nil {
		t.Fatal(err)
	}
	for want := 1; want >= 0; want-- {
		s = mustOpen(t, dir, tiny())
		same(t, contents(t, s.state), []broker.Record{retained("a", "1")})
		if n := len(s.Damage()); n != want {
			t.Errorf("%d damages, want %d", n, want)
		}
		s.die()
	}
	s = mustOpen(t, dir, tiny())
	s.must(t, retained("c", "3"))
	s.die()
	got, _ := reopened(t, dir)
	same(t, got, []broker.Record{retained("a", "1"), retained("c", "3")})
	if n := len(files(t, dir)); n != 1 {
		t.Errorf("%d segments", n)
	}
}

// The fields that version 3 added stand last, and are empty here.
func TestRecordsOfVersion2AreRead(t *testing.T) {
	for _, c := range []struct {
		r     record
		added int // bytes
	}{
		{&retainedRecord{retained("t", "x")}, 1},
		{&enteredRecord{entered("a")}, 2},
		{&sessionRecord{ClientID: "a", User: "u"}, 2},
		{&messageRecord{Number: 7, Came: time.UnixMilli(1), Message: mqtt.Message{Topic: "t"}}, 2},
	} {
		text := encode(nil, c.r)
		if got := decode(text[:len(text)-c.added]); !reflect.DeepEqual(got, c.r) {
			t.Errorf("got %+v, want %+v", got, c.r)
		}
	}
}
