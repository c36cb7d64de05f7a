package gpio

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"
)

// chip is a GPIO chip. Levels are those of the wire: true is high. All but
// heard and gone are called by one goroutine at a time.
type chip interface {
	// find is the offset of a line that is given by its name or its offset.
	find(name string) (offset int, err error)
	// input requests a line as an input that tells of its edges. A chip that can
	// tells only of those after which the level held; see debouncer.
	input(offset int, bias, edges string, hold time.Duration) (line, error)
	// output requests a line as an output at a level; nil keeps the one that
	// the line has, without a glitch.
	output(offset int, level *bool) (line, error)
	// look requests a line as it is, to be read only.
	look(offset int) (line, error)
	// heard are the edges of all lines.
	heard() <-chan edge
	// gone is closed when the chip was lost.
	gone() <-chan struct{}
	// Close releases all lines, and waits for what the chip has started.
	// Outputs keep their level as far as the hardware lets them.
	io.Closer
}

// line is a line that was requested; Close releases it.
type line interface {
	get() (bool, error)
	set(level bool) error
	io.Closer
}

// debouncer is a line that may be debounced already.
type debouncer interface {
	debounced() bool
}

// edge is a change of a line's level.
type edge struct {
	offset int
	level  bool // after the change
	at     time.Time
}

// errLost marks errors after which the chip must be opened again.
var errLost = errors.New("chip lost")

// room is the number of edges that may wait for the bus. It never blocks for
// long; the kernel, or the socket, keeps what does not fit.
const room = 256

// feed carries what a chip's goroutines hear.
type feed struct {
	edges chan edge
	lost  chan struct{}
	quit  chan struct{}
	once  sync.Once
	tasks sync.WaitGroup
}

func newFeed() *feed {
	return &feed{edges: make(chan edge, room), lost: make(chan struct{}), quit: make(chan struct{})}
}

func (f *feed) heard() <-chan edge    { return f.edges }
func (f *feed) gone() <-chan struct{} { return f.lost }

// tell hands an edge over; it fails when the chip is being closed.
func (f *feed) tell(e edge) bool {
	select {
	case f.edges <- e:
		return true
	case <-f.quit:
		return false
	}
}

// lose says that the chip is gone.
func (f *feed) lose() { f.once.Do(func() { close(f.lost) }) }

// openChip opens the chip that a configuration names.
func openChip(ctx context.Context, name string) (chip, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if st, err := os.Stat(name); err == nil && st.Mode()&fs.ModeSocket != 0 {
		return dial(ctx, name)
	}
	return openKernel(name)
}
