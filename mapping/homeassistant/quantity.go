package homeassistant

import (
	"strings"

	"fieldmq/mapping"
)

// quantity is what Home Assistant calls a unit, and what it makes of it.
type quantity struct {
	unit, class string
	state       string
	counts      bool // the class goes with totals only
}

const (
	measurement = "measurement"
	increasing  = "total_increasing"
)

// quantities are those of UCUM codes.
var quantities = map[string]quantity{
	"Cel":    {unit: "°C", class: "temperature"},
	"[degF]": {unit: "°F", class: "temperature"},
	"K":      {unit: "K", class: "temperature"},
	"mV":     {unit: "mV", class: "voltage"},
	"V":      {unit: "V", class: "voltage"},
	"kV":     {unit: "kV", class: "voltage"},
	"mA":     {unit: "mA", class: "current"},
	"A":      {unit: "A", class: "current"},
	"mW":     {unit: "mW", class: "power"},
	"W":      {unit: "W", class: "power"},
	"kW":     {unit: "kW", class: "power"},
	"MW":     {unit: "MW", class: "power"},
	"V.A":    {unit: "VA", class: "apparent_power"},
	"VA":     {unit: "VA", class: "apparent_power"},
	"kV.A":   {unit: "kVA", class: "apparent_power"},
	"var":    {unit: "var", class: "reactive_power"},
	"kvar":   {unit: "kvar", class: "reactive_power"},
	"W.h":    {unit: "Wh", class: "energy", state: increasing, counts: true},
	"kW.h":   {unit: "kWh", class: "energy", state: increasing, counts: true},
	"MW.h":   {unit: "MWh", class: "energy", state: increasing, counts: true},
	"J":      {unit: "J", class: "energy", state: increasing, counts: true},
	"kJ":     {unit: "kJ", class: "energy", state: increasing, counts: true},
	"MJ":     {unit: "MJ", class: "energy", state: increasing, counts: true},
	"GJ":     {unit: "GJ", class: "energy", state: increasing, counts: true},
	"var.h":  {unit: "varh", class: "reactive_energy", state: increasing, counts: true},
	"kvar.h": {unit: "kvarh", class: "reactive_energy", state: increasing, counts: true},
	"kV.A.h": {unit: "kVAh", state: increasing},
	"Hz":     {unit: "Hz", class: "frequency"},
	"kHz":    {unit: "kHz", class: "frequency"},
	"Pa":     {unit: "Pa", class: "pressure"},
	"hPa":    {unit: "hPa", class: "pressure"},
	"kPa":    {unit: "kPa", class: "pressure"},
	"bar":    {unit: "bar", class: "pressure"},
	"mbar":   {unit: "mbar", class: "pressure"},
	"[psi]":  {unit: "psi", class: "pressure"},
	"L":      {unit: "L", class: "volume", state: increasing, counts: true},
	"l":      {unit: "L", class: "volume", state: increasing, counts: true},
	"m3":     {unit: "m³", class: "volume", state: increasing, counts: true},
	"m3/h":   {unit: "m³/h", class: "volume_flow_rate"},
	"L/min":  {unit: "L/min", class: "volume_flow_rate"},
	"l/min":  {unit: "L/min", class: "volume_flow_rate"},
	"kg":     {unit: "kg", class: "weight"},
	"g":      {unit: "g", class: "weight"},
	"t":      {unit: "t"},
	"mm":     {unit: "mm", class: "distance"},
	"cm":     {unit: "cm", class: "distance"},
	"m":      {unit: "m", class: "distance"},
	"km":     {unit: "km", class: "distance"},
	"m/s":    {unit: "m/s", class: "speed"},
	"km/h":   {unit: "km/h", class: "speed"},
	"W/m2":   {unit: "W/m²", class: "irradiance"},
	"lx":     {unit: "lx", class: "illuminance"},
	"ms":     {unit: "ms", class: "duration"},
	"s":      {unit: "s", class: "duration"},
	"min":    {unit: "min", class: "duration"},
	"h":      {unit: "h", class: "duration"},
	"d":      {unit: "d", class: "duration"},
	"By":     {unit: "B", class: "data_size"},
	"[ppm]":  {unit: "ppm"},
	"ppm":    {unit: "ppm"},
	"dB":     {unit: "dB"},
	"deg":    {unit: "°"},
	"[pH]":   {class: "ph"},
	"ug/m3":  {unit: "µg/m³"},
	"uS/cm":  {unit: "µS/cm", class: "conductivity"},
	"mS/cm":  {unit: "mS/cm", class: "conductivity"},
	"{rpm}":  {unit: "rpm"},
	"/min":   {unit: "rpm"},
	"1":      {},
	"":       {},
}

// named are quantities that the name of a point tells and its unit does not.
var named = []struct{ word, unit, class string }{
	{"humidity", "%", "humidity"},
	{"battery", "%", "battery"},
	{"soc", "%", "battery"},
	{"power_factor", "", "power_factor"},
	{"co2", "ppm", "carbon_dioxide"},
}

// quantityOf is what a point's unit and name say.
func quantityOf(p *mapping.PointDescription) quantity {
	q, known := quantities[p.Unit]
	if !known {
		q.unit = p.Unit
	}
	for _, n := range named {
		if q.class == "" && strings.Contains(p.Name, n.word) && q.unit == n.unit {
			q.class = n.class
		}
	}
	if q.state == "" {
		q.state = measurement
	}
	return q
}
