// Package store keeps on disk what a broker must not forget: one log in
// segments, as FORMAT.md describes it.
//
// Append changes the state in memory and encodes the record; Commit writes what
// has gathered in one go, for all who wait, and syncs it where the policy says
// so. Who comes first writes; there is no goroutine to hand things to. Run does
// what nobody waits for: it syncs, starts new segments and removes old ones.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"fieldmq/broker"
)

// lockName is the file of a folder that says who uses it.
const lockName = "lock"

// Store is the log of one folder. It implements broker.Store.
type Store struct {
	cfg     Config
	dir     string
	log     *slog.Logger
	lock    *os.File
	figures Figures
	damage  []Damage
	disk    disk

	appended, written, synced atomic.Uint64 // bytes since Open

	wake     chan struct{} // one place: Run has something to do before its next beat
	writer   chan struct{} // one place: who fills it may use what stands under it
	queue    []batch       // to be written, in order
	spare    []byte        // the buffer of the last one
	fetchers sync.Pool     // for Read
	last     uint64        // the highest number of a message that was written
	since    time.Time     // when the oldest byte that is not synced was written
	failed   time.Time     // when a sync last failed
	reserved bool          // there is room for what makes room

	misplaced error // the files are not where they belong

	mu       sync.Mutex
	state    *state
	segments []*segment // the oldest first; records go to the last
	pending  batch
	changed  uint64 // up to this byte there is something that is to be on the disk soon
	full     error  // nil: messages are taken
	room     int64  // bytes that may be taken until it is looked again
	fault    error  // of the last attempt to write
	broken   error  // records were left out: the store is of no use until it is opened again
	trouble  string
	closed   bool
}

var _ broker.Store = (*Store)(nil)

// batch is a run of records with its place in the log.
type batch struct {
	segment *segment
	at      int64
	buf     []byte
	last    uint64 // the highest number of a message up to its end
}

// disk is what tests have fail.
type disk struct {
	open     func(name string, flag int, mode os.FileMode) (*os.File, error)
	sync     func(*os.File) error
	allocate func(*os.File, int64) error
	free     func(dir string) (int64, error)
}

// Figures count what a store does. They may be read at any time.
type Figures struct {
	Written atomic.Int64 // bytes of records
	Copied  atomic.Int64 // those of them that were written before
	Syncs   atomic.Int64
	Refused atomic.Int64 // messages that found the store full
}

// Open locks a folder, which it makes if it is not there, and reads what is in
// it. What was damaged Damage tells. Queues are how the client ids begin of those that
// read by themselves: one whose own record was damaged is known by what waits for it.
// Close must be called. A store on a disk that has
// become read-only, as memory cards do when they are worn, fails as one whose disk
// fails later: what is in it can be read and delivered, and no message is taken.
func Open(dir string, cfg Config, log *slog.Logger, queues ...string) (*Store, error) {
	s, err := open(dir, cfg, disk{os.OpenFile, syncData, allocate, freeSpace}, log, queues...)
	if err != nil {
		return nil, fmt.Errorf("open the store in %s: %w", dir, err)
	}
	return s, nil
}

func open(dir string, cfg Config, d disk, log *slog.Logger, queues ...string) (_ *Store, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, dir: dir, log: log, disk: d, wake: make(chan struct{}, 1), writer: make(chan struct{}, 1)}
	s.fetchers.New = func() any { return &fetcher{} }
	if s.lock, err = lock(dir, &s.disk); err != nil {
		return nil, err
	}
	if err := s.begin(queues); err != nil {
		s.lock.Close()
		return nil, err
	}
	return s, nil
}

// begin recovers the log and opens a segment for what comes.
func (s *Store) begin(queues []string) error {
	found, err := read(s.dir, func(record) {}, queues...)
	if err != nil {
		return err
	}
	if err := found.tidy(); err != nil && !errors.Is(err, syscall.EROFS) { // then it is found again
		return err
	}
	s.state, s.segments, s.damage = found.state, found.segments, found.damage
	_, err = os.Stat(s.reservePath())
	s.reserved = err == nil // an earlier life left it
	active := found.last()
	if active == nil || active.end >= int64(s.cfg.Segment) {
		next, err := s.create(found.next)
		switch {
		case err == nil:
			active = next
			s.segments = append(s.segments, active)
		case active == nil && (noRoom(err) || errors.Is(err, syscall.EROFS) && found.next > 1): // what is there can be read
			s.log.Warn("no new segment of the store", "error", err)
			active, err = newSegment(s.dir, found.next), nil
			s.segments = append(s.segments, active)
		case active == nil:
			return err
		default: // a disk that is full may have room in what it has given us
			s.log.Warn("no new segment of the store", "error", err)
			err = active.resume(&s.disk)
		}
		if err != nil {
			return err
		}
	} else if err := active.resume(&s.disk); err != nil {
		return err
	}
	s.pending = batch{segment: active, at: active.end}
	s.since = time.Now() // what an earlier life has left to the kernel is to be synced, too
	for _, r := range found.orphans {
		s.log.Error("the session of a queue was damaged, and begins anew with what waits for it", "queue", r.ClientID)
		s.put(r)
	}
	s.checkRoom()
	return nil
}

// Damage is what Open found that could not be read.
func (s *Store) Damage() []Damage { return s.damage }

// Figures are the store's counters.
func (s *Store) Figures() *Figures { return &s.figures }

// Size is how many bytes the log takes, and how many of them are of facts that
// hold.
func (s *Store) Size() (total, live int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size()
}

func (s *Store) size() (total, live int64) {
	for _, g := range s.segments {
		total += g.end
		live += g.live
	}
	return total, live
}

// maxBehind is how many bytes may wait to be written before messages are
// refused, and four times that, before the store gives up: more than a disk that
// works is ever behind.
const maxBehind = 16 << 20

// Append implements broker.Store. It fails for a message that the store has no
// room for.
func (s *Store) Append(r broker.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.append(s.state.note(r))
}

// append takes note of a record, unless that is nil. Lock held.
func (s *Store) append(note record) error {
	if s.closed {
		return ErrClosed
	}
	if note == nil {
		return nil
	}
	if err := s.admit(note); err != nil {
		s.figures.Refused.Add(1)
		return err
	}
	s.put(note)
	if s.laden() {
		s.poke()
	}
	return nil
}

// admit refuses records that carry a payload while there is no room for them.
func (s *Store) admit(r record) error {
	behind := s.appended.Load() - s.written.Load()
	switch r := r.(type) {
	case *messageRecord:
	case *retainedRecord:
		if len(r.Message.Payload) == 0 {
			return nil
		}
	default:
		if behind > 4*maxBehind {
			s.broken = errBehind
		}
		return s.broken
	}
	if behind > maxBehind && s.fault == nil {
		return ErrFull
	}
	if s.room < 0 {
		s.full = ErrFull
	}
	err := cmp.Or(s.broken, s.fault, s.full)
	if noRoom(err) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return err
}

// put adds a record to the log. Lock held.
func (s *Store) put(r record) {
	p := &s.pending
	start := len(p.buf)
	p.buf = appendFrame(p.buf, p.segment.salt, r)
	size := len(p.buf) - start
	s.state.apply(r, place{p.segment, p.segment.end, size})
	p.segment.end += int64(size)
	s.room -= int64(size)
	s.appended.Add(uint64(size))
	if s.state.changed {
		s.state.changed, s.changed = false, s.appended.Load()
	}
}

func (s *Store) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Commit implements broker.Store: on return what was appended is in the file,
// and with Sync always on the disk.
func (s *Store) Commit(ctx context.Context) error {
	target := s.appended.Load()
	safe := &s.written
	if s.cfg.Sync.always {
		safe = &s.synced
	}
	if safe.Load() >= target {
		return nil
	}
	if err := s.take(ctx); err != nil {
		return err
	}
	defer s.yield()
	if safe.Load() >= target { // someone else's write had ours in it
		return nil
	}
	if err := s.flush(); err != nil {
		return err
	}
	if s.cfg.Sync.always {
		return s.sync()
	}
	return nil
}

// take waits for the right to write.
func (s *Store) take(ctx context.Context) error {
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) yield() { <-s.writer }

// Close writes and syncs what is left, and lets go of the folder. Nobody may
// append any more.
func (s *Store) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.writer <- struct{}{}
	defer s.yield()
	err := s.flush()
	if err == nil {
		err = s.sync()
	}
	for _, g := range s.segments {
		g.close()
	}
	s.lock.Close()
	return err
}
