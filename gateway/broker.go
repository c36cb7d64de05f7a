package gateway

import (
	"errors"
	"fmt"
	"strings"

	"fieldmq/broker"
	"fieldmq/broker/access"
	"fieldmq/configs"
)

// Broker are the keys of the section broker.
type Broker struct {
	// Listen are the addresses that the broker serves.
	Listen []Listener `yaml:"listen" aka:"listener port bind_address"`
	// Users is the file with users and the hashes of their passwords, as
	// `fieldmq passwd` and mosquitto_passwd write it; relative to this file. A
	// password in the clear is taken, with a warning; `fieldmq passwd --hash` puts
	// hashes in the place of all. Read again when it changes: those whose line is
	// another one then are cut.
	// Without it only anonymous clients and those with certificates come in.
	Users string `yaml:"users" aka:"password_file"`
	// Access are rules of who may do what. The first rule whose user, client and
	// cert fit a client is the one that counts for it, and the others do not; who
	// fits none may do nothing. Default: who is let in may do all, but for topics
	// that begin with $, which only clients on this machine may have. SIGHUP
	// reads them again.
	Access access.Rules `yaml:"access" aka:"acl_file acl"`
	// Config are its limits.
	broker.Config `yaml:",inline"`
}

// Validate finds listeners that let nobody in or stand in each other's way, and rules that nobody fits.
func (b *Broker) Validate() error {
	var faults []error
	named := b.Users != ""
	taken := map[string]bool{}
	for i := range b.Listen {
		l := &b.Listen[i]
		named = named || l.CertUser
		_, _, address, _ := l.split()
		if taken[address] && !strings.HasSuffix(address, ":0") { // each gets a free port of its own
			faults = append(faults, configs.Bad(fmt.Sprintf("listen[%d].url", i), "another listener has %s already; write another port", address))
		}
		taken[address] = true
		if b.Users == "" && !l.CertUser && l.shut() {
			faults = append(faults, configs.Bad(fmt.Sprintf("listen[%d]", i),
				"%s lets nobody in: name a file of users under broker.users (`fieldmq passwd` makes it), or set anonymous: true to let everybody in", l.URL))
		}
	}
	for i := range b.Access {
		if user := b.Access[i].User; user != nil && *user != "" && !named {
			faults = append(faults, configs.Bad(fmt.Sprintf("access[%d].user", i),
				"no client has a user: name a file of users under broker.users, or set cert_user for a listener"))
		}
	}
	return errors.Join(faults...)
}

// resolve makes the names of files relative to a folder.
func (b *Broker) resolve(dir string) {
	b.Users = inDir(dir, b.Users)
	for i := range b.Listen {
		b.Listen[i].resolve(dir)
	}
}
