package gpio

import (
	"context"
	"fmt"
	"strings"
	"time"

	"fieldmq/drivers"
)

// absent stands for a chip that could not be opened, on a bus of PWM outputs alone.
// Lines may be asked of it when the file has changed.
type absent struct {
	*feed
	name string
}

var _ chip = (*absent)(nil)

func newAbsent(name string) *absent { return &absent{newFeed(), name} }

// simulated says whether the chip is behind a socket, as far as its name tells.
func (s *Settings) simulated() bool {
	return strings.Contains(s.Chip, "/") && !strings.HasPrefix(s.Chip, "/dev/")
}

// NeedsChip says whether the chip of the bus must be there, once its points were
// checked.
func (s *Settings) NeedsChip() bool { return !s.lineless || s.simulated() }

// find finds no line, but perhaps that the chip has come, which is then opened as
// one that was lost.
func (a *absent) find(string) (int, error) {
	c, err := openChip(context.Background(), a.name)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", drivers.ErrOffline, err)
	}
	c.Close()
	return 0, fmt.Errorf("%w: %s was not there, and is now", errLost, a.name)
}

func (a *absent) input(int, string, string, time.Duration) (line, error) { return nil, errLost }

func (a *absent) output(int, *bool) (line, error) { return nil, errLost }

func (a *absent) look(int) (line, error) { return nil, errLost }

// Close has nothing to release.
func (a *absent) Close() error { return nil }
