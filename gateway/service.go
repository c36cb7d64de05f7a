package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker"
	"fieldmq/broker/access"
	"fieldmq/broker/store"
	"fieldmq/gateway/levels"
)

// Service is the broker with its listeners, users and rules.
type Service struct {
	log    *slog.Logger
	server *broker.Server
	levels *levels.Levels // of the log; nil: they stay as they are
	access *access.Control
	store  *store.Store // nil: nothing is kept
	serve  func(*door)  // begins to; belongs to the goroutine of watch
	tasks  chan func()  // for that goroutine

	page      *page     // what listeners have for browsers; nil: nothing
	forgetful forgetful // the Keeper without a store

	mu     sync.Mutex // of what a changed configuration changes
	config *Broker
	doors  []*door // one for each of config.Listen
	users  files
}

// door is an open listener.
type door struct {
	net.Listener
	config   Listener
	identity *identity     // nil: in the clear
	follows  *door         // that had the socket before; nil: none
	stop     func()        // ends serving
	ended    chan struct{} // it has ended
}

// OpenBroker makes a broker ready: it reads users and certificates and takes
// the ports, so that what is in the way is known before anything starts. Run
// closes them.
func OpenBroker(ctx context.Context, config *Broker, log *slog.Logger) (*Service, error) {
	s := &Service{log: log, config: config, tasks: make(chan func())}
	first, err := s.prepare(ctx, config)
	if err != nil {
		return nil, err
	}
	s.doors, s.users = first.doors, newFiles(config.Users)
	s.access = access.New(first.users, config.Access)
	s.server = broker.New(config.Config, log.With("part", "broker"))
	s.server.Access, s.server.Version = s.access, Version()
	for _, d := range s.doors {
		s.warnShut(d)
	}
	return s, nil
}

// warnShut tells of a listener that nobody can come in by.
func (s *Service) warnShut(d *door) {
	l := &d.config
	if s.config.Users == "" && !l.CertUser && !local(d.Addr()) && l.Anonymous == nil {
		s.log.Warn("the listener lets nobody in: there are no users, and anonymous is not set", "url", l.at(d.Addr()))
	}
}

func (s *Service) close() {
	for _, d := range s.present() {
		d.Close()
	}
	if s.store != nil {
		s.store.Close()
	}
}

// readUsers is nil without a file.
func readUsers(file string) (*access.Users, error) {
	if file == "" {
		return nil, nil
	}
	return access.Load(file)
}

// warnOfUsers says what others on the machine could learn from the file of users.
func warnOfUsers(log *slog.Logger, users *access.Users, file string) {
	if users == nil {
		return
	}
	if users.Exposed {
		log.Warn("everybody on this machine can read the file of users; chmod o-rwx it", "file", file)
	}
	if users.Plain > 0 {
		log.Warn("passwords stand in the clear in the file of users; `fieldmq passwd --hash --file FILE` puts hashes in their place", "file", file, "users", users.Plain)
	}
}

// present are the doors now.
func (s *Service) present() []*door {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.doors
}

// Server is the broker itself, for those in the same process.
func (s *Service) Server() *broker.Server { return s.server }

// URLs are where the broker is reached, in the order of the configuration.
func (s *Service) URLs() []string {
	var urls []string
	for _, d := range s.present() {
		urls = append(urls, d.config.at(d.Addr()))
	}
	return urls
}

// Run serves until ctx ends or a listener fails, and returns when all clients
// are gone.
func (s *Service) Run(ctx context.Context) error {
	stop := s.runStore(ctx)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.server.Run(ctx) })
	group.Go(func() error { return s.access.Run(ctx) })
	s.serve = func(d *door) {
		serving, end := context.WithCancel(ctx)
		d.stop, d.ended = end, make(chan struct{})
		group.Go(func() error {
			defer end()
			defer close(d.ended)
			return d.config.serve(serving, s.server, d.Listener, d.identity, s.page.of(s, d))
		})
	}
	for _, d := range s.present() {
		s.serve(d)
	}
	group.Go(func() error { return s.watch(ctx) })
	group.Go(func() error { return s.listenLevels(ctx) })
	return errors.Join(group.Wait(), stop())
}

// watchEvery is how often files are looked at.
const watchEvery = 2 * time.Second

// watch reads users and certificates again when their files change.
func (s *Service) watch(ctx context.Context) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.reread()
		case task := <-s.tasks:
			task()
		}
	}
}

// Reload takes the listeners, limits, users and rules of a configuration that was
// read again. Listeners that stay keep their clients; clients that lose their right
// are cut, or lose their subscriptions. If a port is taken, or a file cannot be
// read, nothing changes.
func (s *Service) Reload(ctx context.Context, config *Broker) error {
	r, err := s.prepare(ctx, config)
	if err != nil {
		return err
	}
	return s.apply(ctx, r)
}

// apply makes a change come true, and returns when it has.
func (s *Service) apply(ctx context.Context, r *renewal) error {
	done := make(chan struct{})
	select {
	case s.tasks <- func() { defer close(done); s.renew(r) }:
		<-done
		return nil
	case <-ctx.Done():
		r.giveUp(s.present())
		return ctx.Err()
	}
}

// reread reads users and certificates again whose files have changed. A file
// with faults changes nothing, and is logged.
func (s *Service) reread() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.doors {
		if d.identity != nil && d.identity.files.changed() {
			s.tell(d.identity.read(), "certificate", d.config.Cert)
		}
	}
	if !s.users.changed() {
		return
	}
	users, err := readUsers(s.config.Users)
	s.tell(err, "users", s.config.Users)
	if err != nil {
		return
	}
	warnOfUsers(s.log, users, s.config.Users)
	s.access.Set(users, s.config.Access)
	s.server.Review(s.access.Stays)
}

// tell logs what became of a file that was read again.
func (s *Service) tell(err error, what, file string) {
	if err != nil {
		s.log.Error("what was read before stays in force", "kind", what, "error", err)
		return
	}
	s.log.Info("read again", "kind", what, "file", file)
}
