package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"fieldmq/drivers"
	serialline "fieldmq/drivers/line"
	"fieldmq/drivers/modbus"
	"fieldmq/gateway"
	"fieldmq/gateway/probe"
	"fieldmq/gateway/remote"
)

// via is how a tool gets a bus that a running gateway holds: it asks the
// gateway, by way of its broker.
type via struct {
	url   string
	look  bool      // and write nothing
	first bool      // ask before a connection to a device on the network is made
	errs  io.Writer // where to say so
}

// viaNone is the word for never asking a gateway.
const viaNone = "none"

// viaHelp says it in the help of several commands.
const viaHelp = `A running gateway has its serial ports for itself, and many devices take one
connection only. Where a bus cannot be opened, or a device on the network does
not answer, the gateway that holds it is asked instead, at the broker of the
configuration file or at --via, and the bus stays at work. What it lets tools do is gateway.tools in its file; points with
write: are written by name anyway.`

func (v *via) flags(c *cobra.Command) {
	c.Flags().StringVar(&v.url, "via", "", "the broker of the gateway to ask, such as `mqtt://127.0.0.1:1883`; none never asks one")
	c.PreRun = func(c *cobra.Command, _ []string) { v.errs = c.ErrOrStderr() }
}

// onBus is a device on its bus, which this process has opened or a gateway
// lends.
type onBus struct {
	*probe.Probe
	client *remote.Client // of the gateway; nil: the bus is our own
}

// open opens the bus of a device of a site.
func (v *via) open(ctx context.Context, config *gateway.Config, brokers []string, device string) (*onBus, error) {
	on, d, err := probe.Find(config, device)
	if err != nil {
		return nil, err
	}
	bus, client, err := v.bus(ctx, on, brokers)
	if err != nil {
		return nil, err
	}
	p, err := probe.New(d, bus)
	if err != nil {
		bus.Close()
		return nil, err
	}
	return &onBus{p, client}, nil
}

// instead is the device on the bus of a gateway that has it, after it was silent on
// one of our own, which is closed then: it may take one connection only.
func (v *via) instead(ctx context.Context, ours *onBus, config *gateway.Config, brokers []string, device string) (*onBus, bool) {
	on, d, err := probe.Find(config, device)
	if err != nil || ours.client != nil || v.url == viaNone || !networked(on) {
		return nil, false
	}
	bus, client, _, err := v.borrow(ctx, brokers, on.Place())
	if err != nil {
		return nil, false
	}
	p, err := probe.New(d, bus)
	if err != nil {
		bus.Close() // and client
		return nil, false
	}
	ours.Close()
	return &onBus{p, client}, true
}

// networked says whether a bus is a connection that we make to a device or a box.
func networked(b gateway.Bus) bool {
	s, ok := b.Settings.(interface{ DialsIn() *modbus.DialIn })
	return ok && s.DialsIn().Listen == ""
}

// errNotLent is for a bus that only the gateway itself may use: it lends those that
// speak Modbus.
var errNotLent = errors.New("a running gateway lends Modbus buses only; it has the values of others on their topics, or stop it")

// bus opens a bus, or borrows it.
func (v *via) bus(ctx context.Context, on gateway.Bus, brokers []string) (drivers.Bus, *remote.Client, error) {
	_, lent := modbusKinds[on.Driver]
	if v.url != "" && v.url != viaNone {
		if !lent {
			return nil, nil, errNotLent
		}
		bus, client, _, err := v.borrow(ctx, []string{v.url}, on.Place())
		return bus, client, err
	}
	if v.first && v.url != viaNone && networked(on) {
		if bus, client, _, err := v.borrow(ctx, brokers, on.Place()); err == nil {
			return bus, client, nil
		}
	}
	if l, ok := on.Settings.(drivers.Looker); ok && v.look {
		l.OnlyLook()
	}
	bus, err := on.Settings.Open(ctx, slog.New(slog.DiscardHandler))
	if err == nil || ctx.Err() != nil {
		return bus, nil, err
	}
	var network *net.OpError
	if errors.As(err, &network) {
		err = fmt.Errorf("%w: %w", drivers.ErrOffline, err)
	}
	if v.url == viaNone || network == nil && !serialline.InUse(err) {
		return nil, nil, err
	}
	if !lent {
		return nil, nil, fmt.Errorf("%w; %w", err, errNotLent)
	}
	borrowed, client, _, lending := v.borrow(ctx, brokers, on.Place())
	if lending != nil && serialline.InUse(err) {
		return nil, nil, fmt.Errorf("%w; no gateway lends it: %w", err, lending)
	}
	if lending != nil { // a peer that is away, most likely
		return nil, nil, err
	}
	return borrowed, client, nil
}

// borrow finds the gateway that has the bus at a place, and says so.
func (v *via) borrow(ctx context.Context, brokers []string, place string) (*modbus.Bus, *remote.Client, remote.Place, error) {
	var errs []error
	port, _, _ := strings.Cut(place, " ")
	for _, url := range brokers {
		client, err := remote.Dial(ctx, remote.Config{URL: url, User: os.Getenv("FIELDMQ_USER"), Password: os.Getenv("FIELDMQ_PASSWORD")})
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found, err := client.Find(ctx, port)
		if err != nil {
			client.Close()
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(v.errs, "the gateway %s has %s and asks for us (by way of %s)\n", found.Gateway, found.Line, client.URL())
		return client.Bus(found), client, found, nil
	}
	return nil, nil, remote.Place{}, errors.Join(errs...)
}

// brokersOf are those of a file, or the usual one if it cannot be read.
func brokersOf(file string) []string {
	config, err := gateway.Load(file)
	if err != nil {
		return []string{"mqtt://127.0.0.1:1883"}
	}
	return brokers(config)
}

// brokers are the listeners of a site as its own machine reaches them.
func brokers(config *gateway.Config) []string {
	var urls []string
	for _, l := range config.Broker.Listen {
		u, err := url.Parse(l.URL)
		if err != nil || u.Scheme != "mqtt" && u.Scheme != "mqtts" && u.Scheme != "unix" {
			continue
		}
		if ip := net.ParseIP(u.Hostname()); u.Scheme != "unix" && (u.Hostname() == "" || ip != nil && ip.IsUnspecified()) {
			host := "127.0.0.1"
			if u.Port() != "" {
				host = net.JoinHostPort(host, u.Port())
			}
			u.Host = host
		}
		urls = append(urls, u.String())
	}
	return urls
}
