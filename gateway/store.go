package gateway

import (
	"context"
	"errors"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"fieldmq/broker/bridge"
	"fieldmq/broker/store"
)

// stateDirectory is what systemd calls the folder that it made for a service
// with StateDirectory=, the first if there are several.
const stateDirectory = "STATE_DIRECTORY"

// defaultData is the folder for what is to survive where the file names none.
func defaultData(env func(string) (string, bool)) string {
	if env == nil {
		return ""
	}
	folders, _ := env(stateDirectory)
	first, _, _ := strings.Cut(folders, ":")
	return first
}

// Keep makes the broker keep in the folder gateway.data what must survive, and
// takes up what is there already. Nothing happens without a folder. It is
// called before Run, which lets go of the folder in the end.
func (s *Service) Keep(config *Config) error {
	dir := config.General.Data
	if dir == "" {
		return nil
	}
	log := s.log.With("part", "store")
	kept, err := store.Open(dir, config.Store, log, bridge.Feeds)
	if errors.Is(err, syscall.EROFS) && config.offered {
		log.Warn("nothing survives a restart: the service's folder is on a read-only file system; gateway.data can name another", "folder", dir)
		config.General.Data = ""
		return nil
	}
	if err != nil {
		s.close()
		return err
	}
	for _, d := range kept.Damage() {
		log.Error("a part of the store is lost", "file", d.File, "what", d.Text, "bytes", d.Bytes)
	}
	s.store, s.server.Store = kept, kept
	if err := s.server.Load(); err != nil {
		s.close()
		return err
	}
	return nil
}

// runStore runs the store until stop is called, which is when nobody uses the
// broker any more.
func (s *Service) runStore(ctx context.Context) (stop func() error) {
	if s.store == nil {
		return func() error { return nil }
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	group.Go(func() error { return s.store.Run(ctx) })
	return func() error {
		cancel()
		if err := group.Wait(); err != nil {
			return err
		}
		return s.store.Close()
	}
}
