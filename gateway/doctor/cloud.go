package doctor

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"fieldmq/gateway"
)

func (d *doctor) cloud(ctx context.Context) {
	for i := range d.Upstreams {
		u := &d.Upstreams[i]
		r := d.about("cloud", u.Name+", "+u.URL)
		d.files(r, "upstreams."+u.Name+".", u.Cert)
		if d.Running != nil {
			d.connected(ctx, r, u)
			continue
		}
		d.reach(ctx, r, u)
	}
}

// connected asks the gateway that runs: a second connection would throw out its
// own.
func (d *doctor) connected(ctx context.Context, r report, u *gateway.Upstream) {
	value := func(name string) string {
		payload, err := d.Running.Retained(ctx, "device/"+d.General.ID+"/upstream_"+u.Name+"_"+name)
		if err != nil {
			return ""
		}
		return string(payload)
	}
	switch value("connected") {
	case "true":
		r.ok("the gateway is connected; %s messages wait", orNone(value("backlog")))
	case "false":
		r.bad("the gateway's log says why (`journalctl -u fieldmq`); or stop it and run this again", "the gateway is not connected; %s messages wait", orNone(value("backlog")))
	default:
		r.warn("`fieldmq reload` or a restart takes the file over", "the gateway that runs says nothing of it")
	}
}

func orNone(text string) string {
	if text == "" {
		return "no"
	}
	return text
}

// reach goes the way to the cloud step by step.
func (d *doctor) reach(ctx context.Context, r report, u *gateway.Upstream) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	at, err := url.Parse(u.URL)
	if err != nil {
		r.bad("", "%v", err)
		return
	}
	if net.ParseIP(at.Hostname()) == nil && u.Proxy.IsZero() {
		addresses, err := net.DefaultResolver.LookupHost(ctx, at.Hostname())
		if err != nil {
			r.bad("is the name right? does `getent hosts "+at.Hostname()+"` know it? is there a way to the internet?", "DNS: %v", err)
			return
		}
		r.ok("DNS knows %s: %s", at.Hostname(), strings.Join(addresses[:min(len(addresses), 3)], ", "))
	}
	t := u.Try(ctx)
	if len(t.Certificates) > 0 {
		r.dates(t.Certificates[0], "the broker's certificate")
	}
	switch {
	case t.Reason == "":
		r.ok("the broker lets the gateway in as client %s", u.ClientID)
	case t.Reached:
		r.bad("ask whoever runs the broker what it wants: client_id, username, password, certificate", "the broker is reached, and does not let the gateway in: %s", t.Reason)
	default:
		r.bad("check url, ca, cert, key, password_file and the firewall", "%s", t.Reason)
	}
}
