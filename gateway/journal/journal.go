// Package journal keeps the last entries of a log for those who look at it from
// elsewhere, and tells of new ones. It stands before the handler that writes the
// log and takes what is of interest to people, whatever that one writes; and beside
// it, what that one debugs, of which it does not tell by itself.
package journal

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Entry is one line of the log.
type Entry struct {
	Time    int64             `json:"ts"`    // Unix milliseconds
	Level   string            `json:"level"` // debug, info, warn or error
	Part    string            `json:"part"`  // who says it: a bus, an upstream, a part of the gateway
	Text    string            `json:"text"`
	Details map[string]string `json:"details,omitempty"`

	number int // in the order they came
}

// Bounds of what is kept.
const (
	most        = 500 // entries
	mostDetails = 12  // of one
	longest     = 300 // bytes of a text
)

// Journal is the entries of one process. Its Handler may be used from anywhere,
// under any lock: it waits for nobody.
type Journal struct {
	mu      sync.Mutex
	entries []Entry // the newest last
	debug   []Entry // likewise, as many at most
	count   int     // of all entries there were
	numbers int     // given so far
	news    chan struct{}
	ears    []*ear // replaced, never changed
}

// ear is someone who listens.
type ear struct {
	hear func(slog.Record, []slog.Attr)
}

// New is an empty journal.
func New() *Journal { return &Journal{news: make(chan struct{}, 1)} }

// Handler hands entries on to next, and keeps those of Info and above, and those
// below that next takes.
func (j *Journal) Handler(next slog.Handler) slog.Handler { return &handler{journal: j, next: next} }

// News has a value after entries came since it was last read.
func (j *Journal) News() <-chan struct{} { return j.news }

// Since returns the entries after the first n that there ever were, as far as
// they are kept, and how many there are now.
func (j *Journal) Since(n int) ([]Entry, int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	fresh := min(max(j.count-n, 0), len(j.entries))
	return slices.Clone(j.entries[len(j.entries)-fresh:]), j.count
}

// Last returns the last entries that came at a time or later, debugging ones among
// them, in the order they came.
func (j *Journal) Last(n int, from int64) []Entry {
	j.mu.Lock()
	all := slices.Concat(j.entries, j.debug)
	j.mu.Unlock()
	all = slices.DeleteFunc(all, func(e Entry) bool { return e.Time < from })
	slices.SortFunc(all, func(a, b Entry) int { return a.number - b.number })
	return all[max(0, len(all)-n):]
}

// Listen has hear called with every record, debugging ones too, until stop is
// called. hear must not log.
func (j *Journal) Listen(hear func(r slog.Record, attrs []slog.Attr)) (stop func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	own := &ear{hear}
	j.ears = append(slices.Clip(j.ears), own)
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.ears = slices.DeleteFunc(slices.Clone(j.ears), func(e *ear) bool { return e == own })
	}
}

// listeners are the ears now.
func (j *Journal) listeners() []*ear {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.ears
}

func (j *Journal) add(e Entry) {
	j.mu.Lock()
	j.entries = j.push(j.entries, e)
	j.count++
	j.mu.Unlock()
	select {
	case j.news <- struct{}{}:
	default: // there are news already
	}
}

func (j *Journal) addDebug(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.debug = j.push(j.debug, e)
}

// push adds an entry to those that are kept. The lock is held.
func (j *Journal) push(entries []Entry, e Entry) []Entry {
	j.numbers++
	e.number = j.numbers
	entries = append(entries, e)
	return slices.Delete(entries, 0, max(0, len(entries)-most))
}

// handler is one logger's end of the journal.
type handler struct {
	journal *Journal
	next    slog.Handler
	attrs   []slog.Attr
}

var _ slog.Handler = (*handler)(nil)

// Enabled implements slog.Handler.
func (h *handler) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || h.next.Enabled(ctx, l) || len(h.journal.listeners()) > 0
}

// Handle implements slog.Handler.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	for _, e := range h.journal.listeners() {
		e.hear(r, h.attrs)
	}
	written := h.next.Enabled(ctx, r.Level)
	switch {
	case r.Level >= slog.LevelInfo:
		h.journal.add(h.entry(r))
	case written:
		h.journal.addDebug(h.entry(r))
	}
	if !written {
		return nil
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.journal, h.next.WithAttrs(attrs), append(slices.Clip(h.attrs), attrs...)}
}

// WithGroup implements slog.Handler. The journal knows no groups.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.journal, h.next.WithGroup(name), h.attrs}
}

// parts are the keys whose value says who speaks, the most telling first.
var parts = []string{"upstream", "bus", "part"}

// entry is a record for people elsewhere.
func (h *handler) entry(r slog.Record) Entry {
	e := Entry{Time: r.Time.UnixMilli(), Level: strings.ToLower(r.Level.String()), Text: cut(r.Message), Part: "gateway"}
	if r.Time.IsZero() {
		e.Time = time.Now().UnixMilli()
	}
	rank := len(parts)
	take := func(a slog.Attr) bool {
		v := a.Value.Resolve()
		if v.Kind() == slog.KindAny && v.Any() == nil { // an error that is none
			return true
		}
		text := cut(v.String())
		if at := slices.Index(parts, a.Key); at >= 0 {
			if at < rank {
				rank, e.Part = at, text
			}
			return true
		}
		if e.Details == nil {
			e.Details = map[string]string{}
		}
		if len(e.Details) < mostDetails {
			e.Details[a.Key] = text
		}
		return true
	}
	for _, a := range h.attrs {
		take(a)
	}
	r.Attrs(take)
	return e
}

// cut shortens a text to what is worth sending.
func cut(text string) string {
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "…"
}
