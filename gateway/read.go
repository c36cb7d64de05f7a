package gateway

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"fieldmq/broker/bridge"
	"fieldmq/broker/store"
	"fieldmq/configs"
	"fieldmq/configs/profiles"
	"fieldmq/drivers"
	"fieldmq/drivers/all"
	"fieldmq/gateway/arbiter"
	"fieldmq/gateway/levels"
	"fieldmq/mapping"
)

// Load reads and checks the file of a site. Faults of the text come back all
// at once, as configs.Faults. Nothing is opened but the file and the device
// profiles that it names.
func Load(path string) (*Config, error) {
	config, _, err := LoadText(path)
	return config, err
}

// readText reads the file of a site.
func readText(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	var failed *fs.PathError
	if errors.As(err, &failed) {
		return nil, configs.Faults{{File: path, Text: "cannot be read: " + failed.Err.Error()}}
	}
	return text, err
}

// Read is Load for a text in hand; file is its name in faults.
func Read(file string, text []byte, env func(string) (string, bool)) (*Config, error) {
	return newReader(file, text, env).read()
}

func newReader(file string, text []byte, env func(string) (string, bool)) *reader {
	return &reader{
		doc:      configs.Parse(file, text, env),
		profiles: map[string]*configs.Document{},
		dir:      filepath.Dir(file),
		env:      env,
		config:   defaults(),
		buses:    map[string]bus{},
		devices:  map[string]*configs.Node{},
		points:   map[[2]string]*configs.Node{},
		taken:    map[string]string{},
	}
}

func (r *reader) read() (*Config, error) {
	r.config.General.Data = defaultData(r.env)
	r.site()
	r.config.offered = r.config.General.Data != "" && r.config.General.Data == defaultData(r.env)
	if faults := r.faults(); len(faults) > 0 {
		return nil, faults
	}
	r.config.marks = marksOf(&r.config)
	r.config.source = source{file: r.doc.File(), text: r.doc.Masked(), read: time.Now()}
	config := r.config // without the reader, which holds the whole document
	return &config, nil
}

// site is the whole file.
type site struct {
	// Gateway is about the gateway itself.
	Gateway *General `yaml:"gateway"`
	// Broker is the MQTT broker in the gateway.
	Broker *Broker `yaml:"broker"`
	// Store is how the broker keeps on disk what must survive.
	Store *store.Config `yaml:"store"`
	// Page is what the gateway shows to a browser.
	Page *Page `yaml:"page"`
	// Metrics are figures and health over HTTP, for Prometheus and others.
	Metrics *Metrics `yaml:"metrics"`
	// Log is how much is logged, also for single parts and clients.
	Log *levels.Config `yaml:"log"`
	// HomeAssistant is what Home Assistant is told.
	HomeAssistant *HomeAssistant `yaml:"homeassistant"`
	// Buses are the lines, networks and chips that devices are on.
	Buses configs.Sections `yaml:"buses" check:"names"`
	// Devices are what is polled, under their ids: device/<id>/...
	Devices configs.Sections `yaml:"devices" check:"names"`
	// Upstreams are brokers elsewhere, usually in a cloud, that the gateway's is
	// bridged to.
	Upstreams configs.Sections `yaml:"upstreams" check:"names"`
}

// sections is the whole file, to be read into a configuration.
func sections(c *Config) *site {
	return &site{
		Gateway: &c.General,
		Broker:  &c.Broker,
		Store:   &c.Store,
		Page:    &c.Page,
		Metrics: &c.Metrics,
		Log:     &c.Log,

		HomeAssistant: &c.HomeAssistant,
	}
}

// busKeys are the keys that a bus has whatever its driver.
type busKeys struct {
	// Driver is the kind of bus.
	Driver string `yaml:"driver" check:"required"`
	// Serve are doors through which other masters reach a Modbus bus beside the
	// gateway: a SCADA system, a PLC, mbpoll.
	Serve    []arbiter.Config `yaml:"serve"`
	Defaults `yaml:",inline"`
}

// Defaults are keys that a bus hands to its devices and a device to its points.
type Defaults struct {
	// Every is how often a point is read.
	Every configs.Duration `yaml:"every" check:"min=1ms" aka:"scan_interval poll_interval pollPeriod interval read_period_ms poll period update_interval"`
	// OfflineAfter is the number of polls in a row without an answer after
	// which a device is offline.
	OfflineAfter      int `yaml:"offline_after" check:"min=1,max=1000"`
	mapping.Reporting `yaml:",inline"`
}

// deviceKeys are the keys that a device has whatever its driver.
type deviceKeys struct {
	// Bus is the name of the bus that the device is on.
	Bus string `yaml:"bus" check:"required"`
	// Name is what people call the device.
	Name string `yaml:"name"`
	// Model says what it is: maker and type.
	Model string `yaml:"model"`
	// Profile names a list of points that fieldmq knows, such as eastron/sdm630,
	// or a file beside this one. Points of the device's own come on top.
	Profile string `yaml:"profile"`
	// Fingerprint stands in profiles: the points by which a device is known to
	// have this register map, each with the range that its value must lie in. scan
	// goes by it; a device that never fitted it has a doubt in its health.
	Fingerprint map[string]Span `yaml:"fingerprint"`
	Defaults    `yaml:",inline"`
	// Points are the quantities of the device.
	Points configs.Sections `yaml:"points" check:"names"`
}

// pointKeys are the keys that a point has whatever its driver.
type pointKeys struct {
	// Every is how often the point is read.
	Every        configs.Duration `yaml:"every" check:"min=1ms" aka:"scan_interval poll_interval pollPeriod interval read_period_ms poll period update_interval"`
	mapping.Rule `yaml:",inline"`
}

// Sections are what the sections of a file are read into whatever the driver,
// with their defaults: for the schema and the reference.
func Sections() (file, bus, device, point, upstream any) {
	config := defaults()
	config.General.ID = ""
	config.Broker.Listen = defaultListeners()
	d := busDefaults()
	u := bridge.Defaults()
	return sections(&config),
		&busKeys{Defaults: d},
		&deviceKeys{Defaults: d},
		&pointKeys{Every: d.Every, Rule: mapping.NewRule(d.Reporting)},
		&u
}

// busDefaults is what a bus hands on that says nothing for itself.
func busDefaults() Defaults {
	return Defaults{
		Every:        configs.Duration(time.Second),
		OfflineAfter: 3,
		Reporting:    mapping.DefaultReporting(),
	}
}

// reader turns a document into a Config.
type reader struct {
	doc      *configs.Document
	profiles map[string]*configs.Document // that devices named
	dir      string                       // of the file
	env      func(string) (string, bool)
	config   Config
	buses    map[string]bus
	devices  map[string]*configs.Node    // by id
	points   map[[2]string]*configs.Node // by device and name
	taken    map[string]string           // ports and the like, and the buses that have them
	doors    []string                    // that other masters are served at
}

// bus is where a bus stands in the Config, and what it hands to its devices.
type bus struct {
	index    int
	defaults Defaults
}

func (r *reader) faults() configs.Faults {
	faults := r.doc.Faults()
	for _, name := range slices.Sorted(maps.Keys(r.profiles)) {
		faults = append(faults, r.profiles[name].Faults()...)
	}
	return faults
}

func (r *reader) site() {
	s := sections(&r.config)
	r.doc.Root().Decode(s)
	if r.config.Broker.Listen == nil {
		r.config.Broker.Listen = defaultListeners()
	}
	r.config.Broker.resolve(r.dir)
	for _, section := range s.Buses {
		r.bus(section)
	}
	for _, section := range s.Devices {
		r.device(section, s.Buses)
	}
	for _, section := range s.Upstreams {
		r.upstream(section)
	}
	for _, b := range r.config.Buses {
		r.check(b)
		r.checkLosses(b)
	}
	r.compile()
}

// bus reads the section of one bus.
func (r *reader) bus(section configs.Named) {
	keys := busKeys{Defaults: busDefaults()}
	name, ok := section.Text("driver")
	driver, known := all.Find(name)
	if !known {
		section.Decode(&keys, configs.Any)
		if ok {
			section.Bad("driver", "%q is none of %s", name, all.Names())
		}
		return
	}
	settings := driver.New()
	section.Decode(&keys, settings)
	r.serve(section, name, keys.Serve)
	r.claim(section, settings)
	if files, ok := settings.(drivers.Files); ok {
		files.Resolve(r.dir)
	}
	r.buses[section.Name] = bus{len(r.config.Buses), keys.Defaults}
	r.config.Buses = append(r.config.Buses, Bus{Name: section.Name, Driver: name, Settings: settings, Serve: keys.Serve})
}

// claim finds two buses that want the same: devices of one line belong on one.
func (r *reader) claim(section configs.Named, settings drivers.Settings) {
	exclusive, ok := settings.(drivers.Exclusive)
	if !ok {
		return
	}
	key, what := exclusive.Takes()
	if what == "" {
		return
	}
	if other, taken := r.taken[what]; taken {
		section.Bad(key, "bus %s has %s already: two buses cannot share it, but devices can share a bus", other, what)
		return
	}
	r.taken[what] = section.Name
}

// device reads the section of one device and its points, on top of its profile.
func (r *reader) device(section configs.Named, buses configs.Sections) {
	name, named := section.Text("bus")
	on, ok := r.buses[name]
	if !ok {
		section.Decode(&deviceKeys{}, configs.Any)
		if named && !buses.Has(name) { // what is wrong with a bus is said there
			section.Bad("bus", "there is no bus %q%s", name, buses.Nearest(name))
		}
		return
	}
	r.devices[section.Name] = section.Node
	clash := section.Name == r.config.General.ID
	if clash {
		section.Bad("", "%q is the id of the gateway itself; rename the device, or set gateway.id", section.Name)
	}
	b := &r.config.Buses[on.index]
	keys := deviceKeys{Defaults: on.defaults}
	own := b.Settings.Device()
	below, ok := r.profile(section)
	configs.Decode(append(below, section.Node), &keys, own)
	if ok && len(keys.Points) == 0 {
		section.Bad("", "%s has no points: list some under points, or name a profile", section.Name)
	}
	d := Device{
		Device: mapping.Device{
			ID: section.Name, Name: keys.Name, Model: keys.Model,
			Driver: b.Driver, Bus: b.Name, Via: r.config.General.ID, Reporting: keys.Reporting,
		},
		OfflineAfter: keys.OfflineAfter,
		Fingerprint:  keys.Fingerprint,
	}
	for _, name := range slices.Sorted(maps.Keys(keys.Fingerprint)) {
		if !keys.Points.Has(name) {
			section.Bad("fingerprint", "there is no point %q%s", name, keys.Points.Nearest(name))
		}
	}
	for _, p := range keys.Points {
		if e, ok := r.computed(d.ID, p, keys.Defaults); ok {
			d.Computed = append(d.Computed, e)
			continue
		}
		d.Points = append(d.Points, r.point(d.ID, p, keys.Defaults, own.Address()))
	}
	if section.Proper() && !clash { // else what follows is but a consequence
		b.Devices = append(b.Devices, d)
	}
}

// point reads the section of one point; at is its place, to be filled.
func (r *reader) point(device string, section configs.Named, defaults Defaults, at drivers.Address) mapping.Entry {
	r.points[[2]string{device, section.Name}] = section.Node
	keys := pointKeys{Every: defaults.Every, Rule: mapping.NewRule(defaults.Reporting)}
	section.Decode(&keys, at)
	if place, ok := at.(drivers.Output); ok && keys.Write.Allowed {
		place.AllowWrite()
	}
	only, ok := at.(drivers.WriteOnly)
	return mapping.Entry{
		Point:     &drivers.Point{Device: device, Name: section.Name, At: at},
		Rule:      keys.Rule,
		Every:     keys.Every.D(),
		WriteOnly: !keys.Read || ok && only.WriteOnly(),
	}
}

// computed reads the section of a point that is made of others; ok is false if
// it is none.
func (r *reader) computed(device string, section configs.Named, defaults Defaults) (e mapping.Entry, ok bool) {
	text, given := section.Text("expr")
	var expression mapping.Expression
	if !given || expression.UnmarshalText([]byte(text)) != nil || !expression.Computed() {
		return e, false
	}
	r.points[[2]string{device, section.Name}] = section.Node
	keys := pointKeys{Every: defaults.Every, Rule: mapping.NewRule(defaults.Reporting)}
	section.Decode(&keys)
	return mapping.Entry{
		Point: &drivers.Point{Device: device, Name: section.Name, At: mapping.NewFormula(keys.Expr)},
		Rule:  keys.Rule,
		Every: keys.Every.D(),
	}, true
}

// check finds points that contradict each other on their bus.
func (r *reader) check(b Bus) {
	checker, ok := b.Settings.(drivers.Checker)
	if !ok {
		return
	}
	var points []*drivers.Point
	for _, d := range b.Devices {
		for _, e := range d.Points {
			points = append(points, e.Point)
		}
	}
	for _, c := range checker.Check(points) {
		r.points[[2]string{c.Point.Device, c.Point.Name}].Bad(c.Key, "%s", c.Text)
	}
}

// checkLosses finds points that wait for an upstream that there is none of.
func (r *reader) checkLosses(b Bus) {
	for _, d := range b.Devices {
		for _, e := range d.Points {
			f := e.Rule.OnUplinkLost
			if !f.Given || slices.ContainsFunc(r.config.Upstreams, func(u Upstream) bool { return f.Upstream == "" || u.Name == f.Upstream }) {
				continue
			}
			at := r.points[[2]string{d.ID, e.Point.Name}]
			if f.Upstream == "" {
				at.Bad("on_uplink_lost", "there are no upstreams that could be lost")
			} else {
				at.Bad("on_uplink_lost.upstream", "there is no upstream %q", f.Upstream)
			}
		}
	}
}

// compile finds rules that contradict the places of their points, or each
// other: the topics of all buses are one space.
func (r *reader) compile() {
	devices := []mapping.Device{newFigures().bus(&r.config).Devices[0].Device}
	for _, b := range r.config.Buses {
		for _, d := range b.Devices {
			devices = append(devices, d.Device)
		}
	}
	_, err := mapping.Compile(devices)
	var faults mapping.Faults
	errors.As(err, &faults)
	for _, f := range faults {
		if f.Point != "" && f.Key == "" && !mapping.IsName(f.Point) {
			continue // said where the name stands
		}
		at := r.devices[f.Device]
		if f.Point != "" {
			at = r.points[[2]string{f.Device, f.Point}]
		}
		if at != nil { // else it is the gateway itself
			at.Bad(f.Key, "%s", f.Text)
		}
	}
}

// profile is the layer below a device that names a profile, else none; ok is
// false if the profile cannot be read.
func (r *reader) profile(section configs.Named) (below []*configs.Node, ok bool) {
	name, named := section.Text("profile")
	if !named {
		return nil, true
	}
	doc := r.profiles[name]
	if doc == nil {
		text, err := profiles.Read(name, r.dir)
		if err != nil {
			section.Bad("profile", "%v", err)
			return nil, false
		}
		doc = configs.Parse(profiles.File(name), text, nil)
		r.profiles[name] = doc
	}
	return []*configs.Node{doc.Root()}, true
}
