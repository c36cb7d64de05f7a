package levels

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"fieldmq/configs"
)

// Config are the keys of the section log.
type Config struct {
	// Level is how much is logged: debug, info, warn or error. debug shows every
	// packet and every exchange, without payloads. Default: what --log-level says.
	Level string `yaml:"level" check:"oneof=debug|info|warn|error"`
	// Rules say it for parts. Which one holds for a line is decided by the names
	// that the line begins with, the last name first; the last rule counts. Clients
	// may raise levels for a while by $CONTROL/log, if the rules of access let them
	// publish there.
	Rules []Rule `yaml:"rules"`
}

// Rule is the level of a part.
type Rule struct {
	// For is the part, as lines of the log name it: client=meter-7, bus=panel,
	// device=boiler, upstream=cloud, part=broker. A * at the end stands for any end.
	For string `yaml:"for" check:"required"`
	// Level is debug, info, warn or error.
	Level string `yaml:"level" check:"required,oneof=debug|info|warn|error"`
}

// Names are the attributes that a rule may go by.
var names = []string{"client", "bus", "device", "upstream", "part", "remote", "serve"}

// Validate finds rules for nothing.
func (c *Config) Validate() error {
	var faults []error
	for i, r := range c.Rules {
		if err := r.check(); err != nil {
			faults = append(faults, configs.Bad(fmt.Sprintf("rules[%d].for", i), "%v", err))
		}
	}
	return errors.Join(faults...)
}

// check says what is wrong with what the rule is for.
func (r Rule) check() error {
	name, value, _ := strings.Cut(r.For, "=")
	for _, known := range names {
		if name == known && value != "" {
			return nil
		}
	}
	return fmt.Errorf("%q is no part such as client=meter-7 (%s)", r.For, strings.Join(names, ", "))
}

// level is a level by its name, which was checked.
func level(name string) (l slog.Level) {
	_ = l.UnmarshalText([]byte(name)) // one that is none is info
	return l
}
