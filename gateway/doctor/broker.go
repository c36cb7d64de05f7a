package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"time"

	"fieldmq/broker/access"
	"fieldmq/gateway"
	"fieldmq/gateway/remote"
)

func (d *doctor) broker(ctx context.Context) {
	for i := range d.Broker.Listen {
		l := &d.Broker.Listen[i]
		r := d.about("broker", l.URL)
		taken := l.Taken(ctx)
		switch {
		case !taken && d.Running != nil:
			r.bad("`fieldmq reload`, or a restart, takes the file over", "the gateway that runs does not listen here")
		case !taken:
			r.ok("the address is free, for the gateway does not run")
		case d.Running == nil && !greets(ctx, l.URL):
			r.bad("stop the other program (`sudo ss -ltnp` names it), or set another port under broker.listen", "another program listens here, and does not speak MQTT 5 or lets nobody in")
		case d.Running == nil:
			r.warn("another broker (mosquitto?) or another gateway has the address: stop it, or set another port under broker.listen", "an MQTT broker listens here that is not this gateway")
		default:
			r.ok("the gateway listens")
		}
		d.files(r, fmt.Sprintf("broker.listen[%d].", i), l.Cert)
	}
	d.users()
}

// greets says whether an MQTT broker answers; not every listener can be asked.
func greets(ctx context.Context, text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "mqtt" && u.Scheme != "unix" {
		return true
	}
	c, err := remote.Dial(ctx, remote.Config{URL: text})
	if err != nil {
		return errors.Is(err, remote.ErrRefused)
	}
	c.Close()
	return true
}

// users looks at the file of users.
func (d *doctor) users() {
	file := d.Broker.Users
	if file == "" {
		return
	}
	r := d.about("broker", file)
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.bad("fieldmq passwd "+file+" NAME", "the file of users is not there, and the gateway does not start")
		return
	case err != nil:
		r.bad("", "%v", err)
		return
	}
	if _, err := access.Load(file); err != nil {
		r.bad("", "%v", err)
		return
	}
	if info.Mode().Perm()&0o004 != 0 {
		r.warn("chmod o-r "+file, "everybody on this machine may read the hashes of the passwords")
		return
	}
	r.ok("the users can be read")
}

// soon is how long before its end a certificate is worth a word.
const soon = 21 * 24 * time.Hour

// files says what is wrong with the files of a section, or else how long its certificate
// holds; cert is empty if it has none.
func (d *doctor) files(r report, section, cert string) {
	lacks := 0
	for _, l := range d.Lacks(time.Now()) {
		if key, ours := strings.CutPrefix(l.Path, section); ours {
			r.bad(l.Do, "%s: %s", key, l.Text)
			lacks++
		}
	}
	if lacks > 0 || cert == "" {
		return
	}
	if c, err := gateway.ReadCertificate(cert); err == nil { // else it is a lack
		r.dates(c, "the certificate in "+cert)
	}
}

// dates tells how long a certificate holds.
func (r report) dates(c *x509.Certificate, what string) {
	now := time.Now()
	day := func(t time.Time) string { return t.Format(time.DateOnly) }
	switch {
	case now.After(c.NotAfter):
		r.bad("renew it, or set this machine's clock", "%s has ended on %s", what, day(c.NotAfter))
	case now.Before(c.NotBefore):
		r.bad("set this machine's clock", "%s begins on %s", what, day(c.NotBefore))
	case c.NotAfter.Sub(now) < soon:
		r.warn("renew it", "%s ends on %s, in %s", what, day(c.NotAfter), days(c.NotAfter.Sub(now)))
	default:
		r.ok("%s holds until %s", what, day(c.NotAfter))
	}
}

func days(d time.Duration) string {
	if n := int(d.Hours() / 24); n != 1 {
		return fmt.Sprintf("%d days", n)
	}
	return "1 day"
}
