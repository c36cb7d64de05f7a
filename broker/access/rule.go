package access

import (
	"errors"
	"fmt"
	"strings"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
	"fieldmq/configs"
)

// Rule says what some clients may do.
type Rule struct {
	// User is the user that the rule is for; one * stands for any characters.
	// Empty ("") for clients without a user. Default: with or without.
	User *string `yaml:"user"`
	// Client is the client id that the rule is for; one * stands for any
	// characters. Clients choose their ids themselves, so an id proves nothing.
	// Default: any.
	Client string `yaml:"client"`
	// Cert is the common name in the client's certificate; one * stands for any
	// characters. Default: with or without a certificate.
	Cert string `yaml:"cert"`
	// Subscribe are the topic filters whose messages these clients may have. A
	// subscription must lie within one of them. %u stands for the user and %c for
	// the client id; where those are empty, begin with $ or contain +, # or /, the
	// filter takes nothing. Topics that begin with $, such as $SYS/#, must be
	// named: # does not take them.
	Subscribe []mqtt.Filter `yaml:"subscribe"`
	// Publish are the topic filters that these clients may publish to, wills
	// included. %u and %c as above.
	Publish []mqtt.Filter `yaml:"publish"`
	// Deny are the topic filters that these clients may neither publish to nor hear
	// of, whatever subscribe and publish say. A subscription may be wider: what is
	// denied does not come by it. It is refused if it takes nothing else, or is
	// shared. %u and %c as above; where they cannot stand, all is denied from that
	// level on.
	Deny []mqtt.Filter `yaml:"deny"`
}

// Validate checks names and filters.
func (r *Rule) Validate() error {
	faults := []error{oneStar("client", r.Client), oneStar("cert", r.Cert), filters("subscribe", r.Subscribe), filters("publish", r.Publish), filters("deny", r.Deny)}
	if r.User != nil {
		faults = append(faults, oneStar("user", *r.User))
	}
	return errors.Join(faults...)
}

func oneStar(key, pattern string) error {
	if strings.Count(pattern, "*") > 1 {
		return configs.Bad(key, "%q has more than one *", pattern)
	}
	return nil
}

func filters(key string, list []mqtt.Filter) error {
	var faults []error
	for i, f := range list {
		plain := mqtt.Filter(strings.NewReplacer("%u", "x", "%c", "x").Replace(string(f)))
		at := fmt.Sprintf("%s[%d]", key, i)
		switch share, _ := f.Split(); {
		case !plain.Valid():
			faults = append(faults, configs.Bad(at, "%q is no topic filter", f))
		case share != "":
			faults = append(faults, configs.Bad(at, "write %q without $share and its name; the rule counts for shared subscriptions too", f))
		}
	}
	return errors.Join(faults...)
}

// matches says whether the rule is for the client.
func (r *Rule) matches(p *broker.Peer) bool {
	switch {
	case r.User == nil:
	case *r.User == "":
		if p.User != "" {
			return false
		}
	case p.User == "" || !like(*r.User, p.User):
		return false
	}
	return (r.Client == "" || like(r.Client, p.ClientID)) && (r.Cert == "" || p.Cert != "" && like(r.Cert, p.Cert))
}

// forAll says whether there is no client that the rule is not for.
func (r *Rule) forAll() bool {
	return r.User == nil && (r.Client == "" || r.Client == "*") && r.Cert == ""
}

// like says whether a text fits a pattern, in which one * stands for any
// characters.
func like(pattern, text string) bool {
	before, after, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	return len(text) >= len(before)+len(after) && strings.HasPrefix(text, before) && strings.HasSuffix(text, after)
}

// Rules are looked at in order: the first that is for a client is the one that
// counts for it, and the others do not. A client that none is for may do
// nothing. Nil: there are no rules.
type Rules []Rule

// Validate finds rules that no client reaches.
func (r *Rules) Validate() error {
	for i := range max(0, len(*r)-1) {
		if (*r)[i].forAll() {
			return configs.Bad(fmt.Sprintf("[%d]", i+1), "no client gets here: the rule before is for all; put that last")
		}
	}
	return nil
}

// find is the rule that counts for a client, nil if there is none.
func (r Rules) find(p *broker.Peer) *Rule {
	for i := range r {
		if r[i].matches(p) {
			return &r[i]
		}
	}
	return nil
}
