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
)

// Service is the broker with its listeners, users and rules.
type Service struct {
	config *Broker
	log    *slog.Logger
	server *broker.Server
	access *access.Control
	doors  []door       // one for each of config.Listen
	store  *store.Store // nil: nothing is kept

	mu    sync.Mutex // of what is read again
	users files
	rules access.Rules
}

// door is an open listener.
type door struct {
	net.Listener
	identity *identity // nil: in the clear
}

// OpenBroker makes a broker ready: it reads users and certificates and takes
// the ports, so that what is in the way is known before anything starts. Run
// closes them.
func OpenBroker(ctx context.Context, config *Broker, log *slog.Logger) (*Service, error) {
	s := &Service{config: config, log: log, rules: config.Access, users: newFiles(config.Users)}
	users, err := s.readUsers()
	if err != nil {
		return nil, err
	}
	s.access = access.New(users, s.rules)
	s.server = broker.New(config.Config, log.With("part", "broker"))
	s.server.Access = s.access
	for i := range config.Listen {
		if err := s.open(ctx, &config.Listen[i]); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

func (s *Service) open(ctx context.Context, l *Listener) error {
	id, err := newIdentity(l)
	if err != nil {
		return err
	}
	ln, err := l.open(ctx)
	if err != nil {
		return err
	}
	s.doors = append(s.doors, door{ln, id})
	if s.config.Users == "" && !l.CertUser && !local(ln.Addr()) && l.Anonymous == nil {
		s.log.Warn("the listener lets nobody in: there are no users, and anonymous is not set", "url", l.at(ln.Addr()))
	}
	return nil
}

func (s *Service) close() {
	for _, d := range s.doors {
		d.Close()
	}
	if s.store != nil {
		s.store.Close()
	}
}

// readUsers is nil without a file.
func (s *Service) readUsers() (*access.Users, error) {
	if s.config.Users == "" {
		return nil, nil
	}
	return access.Load(s.config.Users)
}

// Server is the broker itself, for those in the same process.
func (s *Service) Server() *broker.Server { return s.server }

// URLs are where the broker is reached, in the order of the configuration.
func (s *Service) URLs() []string {
	urls := make([]string, len(s.doors))
	for i, d := range s.doors {
		urls[i] = s.config.Listen[i].at(d.Addr())
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
	group.Go(func() error { return s.watch(ctx) })
	for i, d := range s.doors {
		group.Go(func() error { return s.config.Listen[i].serve(ctx, s.server, d.Listener, d.identity) })
	}
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
			s.reread(false, nil)
		}
	}
}

// Reload takes the rules of a configuration that was read again, and reads
// users and certificates again. Clients that lose their right are cut, or lose
// their subscriptions. A file with faults changes nothing, and is logged.
// Listeners and limits stay as they are.
func (s *Service) Reload(config *Broker) { s.reread(true, config) }

func (s *Service) reread(all bool, config *Broker) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.doors {
		if d.identity != nil && (d.identity.files.changed() || all) {
			s.tell(d.identity.read(), "certificate", d.identity.listener.Cert)
		}
	}
	if config != nil {
		s.rules = config.Access
	}
	if !s.users.changed() && !all {
		return
	}
	users, err := s.readUsers()
	if s.config.Users != "" {
		s.tell(err, "users", s.config.Users)
	}
	if err != nil {
		return
	}
	s.access.Set(users, s.rules)
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
