package gpio

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// patience is how long a simulated chip may think. It is on this machine.
const patience = 5 * time.Second

var _ chip = (*socket)(nil)

// socket is a simulated chip behind a unix socket.
type socket struct {
	*feed
	conn    net.Conn
	in      *bufio.Scanner
	answers chan string // one at most: requests wait for theirs
	names   map[string]int
	count   int // of lines
}

// dial connects to a simulated chip and asks for its lines.
func dial(ctx context.Context, path string) (chip, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open chip %s: %w", path, err)
	}
	s, err := connect(ctx, conn)
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("open chip %s: %w", path, err)
	}
	return s, nil
}

// connect learns a chip's lines over conn, which is its own from then on.
func connect(ctx context.Context, conn net.Conn) (*socket, error) {
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	s := &socket{
		feed:    newFeed(),
		conn:    conn,
		in:      bufio.NewScanner(conn),
		answers: make(chan string, 1),
		names:   make(map[string]int),
	}
	s.in.Buffer(make([]byte, 0, maxText), maxText)
	conn.SetDeadline(time.Now().Add(patience))
	if err := s.info(); err != nil {
		return nil, err
	}
	if !stop() {
		return nil, ctx.Err()
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	s.tasks.Go(s.listen)
	return s, nil
}

// info asks for the chip's lines. No edge can come before one was requested.
func (s *socket) info() error {
	if _, err := fmt.Fprintln(s.conn, "info"); err != nil {
		return err
	}
	first, err := s.next()
	if err != nil {
		return err
	}
	if s.count, err = parseChip(first); err != nil {
		return err
	}
	for range s.count {
		text, err := s.next()
		if err != nil {
			return err
		}
		offset, name, err := parseLine(text)
		if err != nil {
			return err
		}
		if _, taken := s.names[name]; name != "" && !taken {
			s.names[name] = offset
		}
	}
	return nil
}

func (s *socket) next() (string, error) {
	if s.in.Scan() {
		return s.in.Text(), nil
	}
	if err := s.in.Err(); err != nil {
		return "", err
	}
	return "", fmt.Errorf("%w: connection closed", errLost)
}

// listen parts edges from answers until the connection ends.
func (s *socket) listen() {
	defer s.lose()
	for s.in.Scan() {
		text := s.in.Text()
		if !strings.HasPrefix(text, "edge ") {
			select {
			case s.answers <- text:
				continue
			default:
				return // nobody asked: we have lost step
			}
		}
		e, err := parseEdge(text)
		if err != nil || !s.tell(e) {
			return
		}
	}
}

// ask sends a request whose answer is a level.
func (s *socket) ask(format string, args ...any) (bool, error) {
	answer, err := s.exchange(format, args...)
	if err != nil {
		return false, err
	}
	return parseLevel(answer)
}

// exchange sends a request and waits for its answer. Without one the chip is lost,
// because answers have no names.
func (s *socket) exchange(format string, args ...any) (string, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return "", fmt.Errorf("%w: %w", errLost, err)
	}
	if _, err := fmt.Fprintf(s.conn, format+"\n", args...); err != nil {
		return "", fmt.Errorf("%w: %w", errLost, err)
	}
	select {
	case answer := <-s.answers:
		return answer, nil
	case <-s.lost:
		return "", fmt.Errorf("%w: connection closed", errLost)
	case <-timer.C:
		s.conn.Close() // ends listen
		return "", fmt.Errorf("%w: no answer", errLost)
	}
}

func (s *socket) find(name string) (int, error) { return findLine(s.names, s.count, name) }

func (s *socket) input(offset int, bias, edges string, _ time.Duration) (line, error) {
	if _, err := s.ask("input %d %s %s", offset, bias, edges); err != nil {
		return nil, err
	}
	return &socketLine{s, offset}, nil
}

func (s *socket) output(offset int, level *bool) (line, error) {
	l := &socketLine{s, offset}
	if level == nil {
		now, err := l.get()
		if refused := refusal(""); errors.As(err, &refused) {
			// A chip may insist on a request first.
			now, err = s.ask("input %d %s %s", offset, biasAsIs, none)
		}
		if err != nil {
			return nil, err
		}
		level = &now
	}
	if err := l.set(*level); err != nil {
		return nil, err
	}
	return l, nil
}

func (s *socket) look(offset int) (line, error) { return s.output(offset, nil) }

// Close ends the connection, which releases what is still requested.
func (s *socket) Close() error {
	close(s.quit)
	err := s.conn.Close()
	s.tasks.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// socketLine is a line of a simulated chip.
type socketLine struct {
	chip   *socket
	offset int
}

func (l *socketLine) get() (bool, error) { return l.chip.ask("get %d", l.offset) }

func (l *socketLine) set(level bool) error {
	bit := 0
	if level {
		bit = 1
	}
	_, err := l.chip.ask("output %d %d", l.offset, bit)
	return err
}

func (l *socketLine) Close() error {
	_, err := l.chip.ask("release %d", l.offset)
	return err
}
