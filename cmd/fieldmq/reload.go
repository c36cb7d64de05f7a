package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"fieldmq/configs"
	"fieldmq/gateway"
	"fieldmq/gateway/levels"
)

// hangups are the SIGHUPs from now on; without it the first would end the
// process. Several in a row are one.
func hangups() (signals <-chan os.Signal, stop func()) {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c, func() { signal.Stop(c) }
}

// reloadBroker reads the configuration of a broker that runs alone again at
// each signal, until ctx ends. A file with faults changes nothing. Config is the
// one that it began with.
func reloadBroker(ctx context.Context, signals <-chan os.Signal, log *slog.Logger, config *gateway.Config, load func() (*gateway.Config, error), service *gateway.Service, levels *levels.Levels) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
		}
		next, err := load()
		if err == nil {
			err = service.Reload(ctx, &next.Broker)
		}
		if err != nil {
			log.Error("the configuration stays as it was", "error", err)
			continue
		}
		levels.Set(&next.Log)
		log.Info("the configuration is read again")
		for _, key := range next.TakesRestart(config) {
			if key == "gateway.data" || strings.HasPrefix(key, "store.") {
				log.Warn("takes a restart", "key", key)
			}
		}
	}
}

// reloadFlags are the flags of reload.
type reloadFlags struct {
	file, data       string
	rollback, asJSON bool
}

func reloadCommand() *cobra.Command {
	var f reloadFlags
	c := &cobra.Command{
		Use:   "reload [pid]",
		Short: "Put a changed configuration file into force, or go back to the last one",
		Long: `Reload has the gateway that runs with the file read it again. What did not change
is not touched: buses go on polling, clients stay connected. What is gone is
cleaned up, its retained messages too, here and upstream. A file with faults
changes nothing; they are listed as check lists them.

The gateway keeps the last five files that were in force. --rollback writes the
one before back to the file and puts it into force; where the file holds changes
that are not in force, it takes these back. Twice is there and back again. It
works while the gateway is down, too.

With the pid of a gateway that is older than this program, or that runs in a
container, the file is checked and SIGHUP is sent.

Exit codes: 0 in force, 1 not possible, 3 faults.`,
		Example: "  fieldmq reload\n  fieldmq reload --rollback",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && f.rollback:
				return usage("--rollback takes no pid")
			case len(args) == 1:
				return hangUp(f.file, args[0])
			case f.rollback:
				return rollBack(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
			}
			return reload(c.Context(), f, c.OutOrStdout())
		},
	}
	c.Flags().StringVarP(&f.file, "config", "c", defaultConfig, "the configuration `file`")
	c.Flags().BoolVar(&f.rollback, "rollback", false, "go back to the file that was in force before")
	c.Flags().StringVar(&f.data, "data", "", "the `folder` gateway.data, where --rollback cannot learn it")
	c.Flags().BoolVar(&f.asJSON, "json", false, "what became of it as one JSON object")
	return c
}

// reload asks the gateway, and says what it answered.
func reload(ctx context.Context, f reloadFlags, out io.Writer) error {
	o, err := gateway.AskReload(ctx, f.file)
	if errors.Is(err, gateway.ErrNotRunning) {
		if _, bad := gateway.Load(f.file); bad != nil {
			return bad
		}
		return fmt.Errorf("%s: %w; start it with `fieldmq run --config %s`, or with systemctl start fieldmq", f.file, err, f.file)
	}
	if err != nil {
		return err
	}
	if f.asJSON {
		if err := json.NewEncoder(out).Encode(o); err != nil {
			return err
		}
	}
	switch {
	case len(o.Faults) > 0 && f.asJSON:
		return errors.Join(errTold, o.Faults)
	case len(o.Faults) > 0:
		return o.Faults
	case o.Error != "":
		return errors.New(o.Error)
	case f.asJSON:
		return nil
	case len(o.Changes) == 0:
		fmt.Fprintf(out, "%s: nothing has changed\n", o.File)
	}
	for _, c := range o.Changes {
		fmt.Fprintln(out, c)
	}
	return nil
}

// hangUp checks the file and sends the signal.
func hangUp(file, pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil || n <= 1 {
		return usage("%q is no process id; a file is named by --config", pid)
	}
	if _, err := gateway.Load(file); err != nil {
		return err
	}
	if err := syscall.Kill(n, syscall.SIGHUP); err != nil {
		return fmt.Errorf("hang up process %d: %w", n, err)
	}
	return nil
}

// rollBack writes the file that was in force before, and reloads.
func rollBack(ctx context.Context, f reloadFlags, out, errs io.Writer) error {
	text, err := gateway.AskBefore(ctx, f.file)
	down := errors.Is(err, gateway.ErrNotRunning)
	if down {
		text, err = beforeOnDisk(f)
	}
	if err != nil {
		return err
	}
	if _, err := gateway.Read(f.file, text, os.LookupEnv); err != nil {
		return fmt.Errorf("the configuration before has faults now, and the file stays as it is: %w", err)
	}
	if err := gateway.ReplaceFile(f.file, text, 0o640); err != nil {
		return err
	}
	fmt.Fprintf(errs, "%s is what was in force before\n", f.file)
	if down {
		fmt.Fprintln(errs, "the gateway does not run; it will start with this file")
		return nil
	}
	return reload(ctx, f, out)
}

// beforeOnDisk is the text to go back to while no gateway runs.
func beforeOnDisk(f reloadFlags) ([]byte, error) {
	now, _ := os.ReadFile(f.file) // it may be gone
	data := f.data
	if data == "" { // as far as the file can be read: it may have faults
		var site struct {
			Gateway struct {
				Data string `yaml:"data"`
			} `yaml:"gateway"`
		}
		configs.Parse(f.file, now, os.LookupEnv).Root().Decode(&site, configs.Any)
		data = site.Gateway.Data
	}
	if data == "" {
		data = "/var/lib/fieldmq"
	}
	text, err := gateway.OpenHistory(data).Before(now)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; --data names another folder", data, err)
	}
	return text, nil
}
