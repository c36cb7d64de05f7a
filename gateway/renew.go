package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"

	"fieldmq/broker/access"
)

// renewal is a change of the broker's listeners, limits, users and rules that was
// looked into: all that can fail is done, and nothing has changed yet.
type renewal struct {
	config *Broker
	users  *access.Users
	doors  []*door // of config.Listen, in order; those that stay are the present ones
}

// prepare takes the ports that are new and reads the files. What it opened must
// be taken by renew, or given up.
func (s *Service) prepare(ctx context.Context, config *Broker) (*renewal, error) {
	users, err := readUsers(config.Users)
	if err != nil {
		return nil, err
	}
	warnOfUsers(s.log, users, config.Users)
	r := &renewal{config: config, users: users}
	present := s.present()
	for i := range config.Listen {
		d, err := s.door(ctx, &config.Listen[i], present, r.doors)
		if err != nil {
			r.giveUp(present)
			return nil, err
		}
		r.doors = append(r.doors, d)
	}
	return r, nil
}

// door is the door of a listener: the present one if nothing has changed about
// it, or a new one. One at the same address takes the socket over, so that no
// connection is refused in between.
func (s *Service) door(ctx context.Context, l *Listener, present, taken []*door) (*door, error) {
	for _, d := range present {
		if digestOf(d.config) == digestOf(*l) && !slices.Contains(taken, d) {
			return d, nil
		}
	}
	id, err := newIdentity(l)
	if err != nil {
		return nil, err
	}
	_, network, address, _ := l.split()
	for _, d := range present {
		if _, n, a, _ := d.config.split(); n == network && a == address {
			ln, err := double(d.Listener)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", l.URL, err)
			}
			return &door{Listener: ln, identity: id, config: *l, follows: d}, nil
		}
	}
	ln, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return &door{Listener: ln, identity: id, config: *l}, nil
}

// double is a second handle of a listening socket.
func double(ln net.Listener) (net.Listener, error) {
	filer, ok := ln.(interface{ File() (*os.File, error) })
	if !ok {
		return nil, errors.New("its socket cannot be handed over")
	}
	file, err := filer.File()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	second, err := net.FileListener(file)
	if u, ok := second.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(true)
	}
	return second, err
}

// giveUp closes what was opened.
func (r *renewal) giveUp(present []*door) {
	for _, d := range r.doors {
		if !slices.Contains(present, d) {
			if u, ok := d.Listener.(*net.UnixListener); ok && d.follows != nil {
				u.SetUnlinkOnClose(false)
			}
			d.Close()
		}
	}
}

// renew makes a change come true. It runs in the goroutine of watch.
func (s *Service) renew(r *renewal) {
	s.mu.Lock()
	s.config, s.users = r.config, newFiles(r.config.Users)
	before := s.doors
	s.doors = r.doors
	s.mu.Unlock()
	s.server.SetLimits(r.config.Config)
	s.access.Set(r.users, r.config.Access)
	s.server.Review(s.access.Stays)
	for _, d := range before {
		if !slices.Contains(r.doors, d) {
			s.shut(d, r.doors)
		}
	}
	for _, d := range r.doors {
		switch {
		case !slices.Contains(before, d):
			d.follows = nil
			s.serve(d)
			s.log.Info("listening", "url", d.config.at(d.Addr()))
		case d.identity != nil:
			s.tell(d.identity.read(), "certificate", d.config.Cert)
		}
	}
}

// shut ends a door and waits until its clients are gone.
func (s *Service) shut(d *door, doors []*door) {
	for _, other := range doors {
		if other.follows == d {
			if u, ok := d.Listener.(*net.UnixListener); ok {
				u.SetUnlinkOnClose(false)
			}
		}
	}
	d.stop()
	<-d.ended
	s.log.Info("no longer listening", "url", d.config.at(d.Addr()))
}
