// Package metrics writes figures in the text format that Prometheus scrapes. It
// knows the format and nothing of what is counted.
package metrics

import (
	"math"
	"strconv"
	"strings"
)

// ContentType is that of the format.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Kind is what a figure does over time.
type Kind string

// Kinds of figures: counters rise until a restart, gauges go up and down.
const (
	Counter   Kind = "counter"
	Gauge     Kind = "gauge"
	histogram Kind = "histogram"
)

// Page collects figures; the zero Page is empty. Figures of one name follow each
// other, under one head.
type Page struct {
	text strings.Builder
	last string
}

// Add adds a figure. Labels are names and values by turns. The name says the
// unit, and of a counter ends with _total.
func (p *Page) Add(name, help string, kind Kind, value float64, labels ...string) {
	p.head(name, help, kind)
	p.line(name, value, labels)
}

// Histogram adds how often something fell below each bound, the bounds in rising
// order, how often it happened, and the sum.
func (p *Page) Histogram(name, help string, bounds []float64, below []int64, count int64, sum float64, labels ...string) {
	p.head(name, help, histogram)
	for i, bound := range bounds {
		p.line(name+"_bucket", float64(below[i]), append(labels[:len(labels):len(labels)], "le", number(bound)))
	}
	p.line(name+"_bucket", float64(count), append(labels[:len(labels):len(labels)], "le", "+Inf"))
	p.line(name+"_sum", sum, labels)
	p.line(name+"_count", float64(count), labels)
}

// String is the page.
func (p *Page) String() string { return p.text.String() }

func (p *Page) head(name, help string, kind Kind) {
	if name == p.last {
		return
	}
	p.last = name
	p.text.WriteString("# HELP " + name + " " + inHelp.Replace(help) + "\n# TYPE " + name + " " + string(kind) + "\n")
}

// What the format wants escaped.
var (
	inHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	inLabel = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func (p *Page) line(name string, value float64, labels []string) {
	p.text.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		p.text.WriteString(map[bool]string{true: "{", false: ","}[i == 0])
		p.text.WriteString(labels[i] + `="` + inLabel.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD")) + `"`)
	}
	if len(labels) > 0 {
		p.text.WriteByte('}')
	}
	p.text.WriteString(" " + number(value) + "\n")
}

func number(v float64) string {
	switch {
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
