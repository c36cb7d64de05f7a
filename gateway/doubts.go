package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"fieldmq/drivers"
	"fieldmq/mapping"
)

// doubts compare what devices say with the fingerprints of their profiles, and
// tell once of each that is not what its profile says. It is a word to people:
// reads go on. A device whose fingerprint fitted once is believed from then on,
// for a phase may fail. It belongs to the goroutine of the bus's loop, and costs
// the bus nothing.
type doubts struct {
	tell func(device, text string) // an empty text takes a doubt back
	log  *slog.Logger
	open map[string]*doubt // by device: those whose fingerprints have not fitted yet
}

// doubt is what is known of one device.
type doubt struct {
	model       string
	fingerprint map[string]Span
	against     map[string]string // by point, what speaks against the profile; empty: nothing does
	told        bool
}

func newDoubts(devices []Device, tell func(device, text string), log *slog.Logger) *doubts {
	d := &doubts{tell: tell, log: log, open: map[string]*doubt{}}
	d.change(devices, func(string) bool { return false })
	return d
}

// change has other devices from now on; of those that stay all is known that
// was known before.
func (d *doubts) change(devices []Device, stays func(device string) bool) {
	before := d.open
	d.open = map[string]*doubt{}
	for _, device := range devices {
		old := before[device.ID]
		switch {
		case stays(device.ID):
			if old != nil {
				d.open[device.ID] = old
			}
			continue
		case old != nil && old.told:
			d.tell(device.ID, "")
		}
		if len(device.Fingerprint) > 0 {
			d.open[device.ID] = &doubt{model: device.Model, fingerprint: device.Fingerprint, against: map[string]string{}}
		}
	}
}

// hear takes samples that the table has heard.
func (d *doubts) hear(samples []drivers.Sample, table *mapping.Table) {
	if len(d.open) == 0 {
		return
	}
	for _, s := range samples {
		if known := d.open[s.Point.Device]; known != nil && known.hear(s, table) {
			d.settle(s.Point.Device, known)
		}
	}
}

// settle draws the conclusion, once all of a fingerprint is known.
func (d *doubts) settle(device string, known *doubt) {
	text := known.text()
	switch {
	case text == "":
		delete(d.open, device)
		if known.told {
			d.log.Info("device is what its profile says", "device", device)
			d.tell(device, "")
		}
	case !known.told:
		known.told = true
		d.log.Warn("device is not what its profile says", "device", device, "reason", text)
		d.tell(device, text)
	}
}

// hear takes in a sample, and says whether all points of the fingerprint are
// known.
func (d *doubt) hear(s drivers.Sample, table *mapping.Table) (all bool) {
	span, ok := d.fingerprint[s.Point.Name]
	if !ok {
		return false
	}
	value, known := table.Number(s.Point)
	switch {
	case errors.Is(s.Err, drivers.ErrRefused):
		d.against[s.Point.Name] = s.Point.Name + ": " + s.Err.Error()
	case s.Err != nil || !known:
		return false
	case value < span.Min || value > span.Max:
		d.against[s.Point.Name] = fmt.Sprintf("%s is %v, not %v to %v", s.Point.Name,
			drivers.Float(value), drivers.Float(span.Min), drivers.Float(span.Max))
	default:
		d.against[s.Point.Name] = ""
	}
	return len(d.against) == len(d.fingerprint)
}

// text is "is it Eastron SDM630? frequency is 0, not 45 to 65", or empty.
func (d *doubt) text() string {
	var against []string
	for _, name := range slices.Sorted(maps.Keys(d.against)) {
		if d.against[name] != "" {
			against = append(against, d.against[name])
		}
	}
	if len(against) == 0 {
		return ""
	}
	return "is it " + cmp.Or(d.model, "the right profile") + "? " + strings.Join(against, ", ")
}
