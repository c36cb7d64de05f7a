package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// patience is how long the broker may take for anything, on a machine that has other
// things to do.
const patience = 2 * time.Minute

// silence is how long a client that is deaf reads nothing at most.
const silence = 200 * time.Millisecond

// play acts out a script on a connection, and returns when the broker has ended
// it. It fails if the broker does not, or sends something that is no packet.
func (s *script) play(conn net.Conn) error {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	said := make(chan struct{})
	go func() {
		defer close(said)
		s.say(conn)
	}()
	if s.deaf {
		select {
		case <-said:
		case <-time.After(silence): // the broker may wait for it to read
		}
	}
	err := s.listen(conn)
	_ = conn.Close() // so that who says ends, too
	<-said
	return err
}

// say writes all in pieces. The broker may have ended the connection.
func (s *script) say(conn net.Conn) {
	for out := s.out; len(out) > 0; {
		n := min(s.piece, len(out))
		if _, err := conn.Write(out[:n]); err != nil {
			return
		}
		out = out[n:]
	}
	if tcp, ok := conn.(*net.TCPConn); ok && s.reset {
		_ = tcp.SetLinger(0) // of a connection that may be gone
	}
	if s.reset {
		_ = conn.Close()
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// listen reads to the end of the connection, and acknowledges messages.
func (s *script) listen(conn net.Conn) error {
	var in io.Reader = conn
	if s.web {
		in = &webReader{in: conn}
	}
	r := packet.NewReader(in, packet.MaxPacket)
	r.SetVersion(s.version)
	for {
		f, err := r.Next()
		var fault *packet.Error
		switch {
		case errors.As(err, &fault) && !s.broken:
			return fmt.Errorf("the broker says what is no packet: %w", err)
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("the broker does not end the connection within %v", patience)
		case err != nil:
			return nil
		}
		if answer := s.answer(f); answer != nil && !s.web {
			_, _ = conn.Write(answer) // the broker may have ended the connection
		}
	}
}

// answer is what the client says to a packet; nil for nothing.
func (s *script) answer(f packet.Frame) []byte {
	var id uint16
	var t packet.Type
	switch f.Type() {
	case packet.PUBLISH:
		var p packet.Publish
		if p.Decode(s.version, f) != nil || p.QoS == mqtt.AtMostOnce {
			return nil
		}
		if id, t = p.ID, packet.PUBACK; p.QoS == mqtt.ExactlyOnce {
			t = packet.PUBREC
		}
	case packet.PUBREC, packet.PUBREL:
		var p packet.Ack
		if p.Decode(s.version, f) != nil {
			return nil
		}
		if id, t = p.ID, packet.PUBREL; f.Type() == packet.PUBREL {
			t = packet.PUBCOMP
		}
	}
	switch {
	case t == 0 || s.answers == noAnswers:
		return nil
	case s.answers == wildAnswers:
		t, id = packet.PUBACK+packet.Type(id)%4, id/2
	}
	return packet.AppendAck(nil, s.version, t, id, packet.Success)
}
