package metrics

import "testing"

func TestPage(t *testing.T) {
	var p Page
	p.Add("a_total", "Of a\\b\nc.", Counter, 12, "bus", "panel", "text", "\"\\\n\xff")
	p.Add("a_total", "Of a.", Counter, 1e21, "bus", "plc")
	p.Add("b", "Of b.", Gauge, 0.25)
	p.Histogram("c_seconds", "Of c.", []float64{0.1, 1}, []int64{2, 3}, 4, 7.5, "bus", "x")
	want := `# HELP a_total Of a\\b\nc.
# TYPE a_total counter
a_total{bus="panel",text="\"\\\n` + "\uFFFD" + `"} 12
a_total{bus="plc"} 1e+21
# HELP b Of b.
# TYPE b gauge
b 0.25
# HELP c_seconds Of c.
# TYPE c_seconds histogram
c_seconds_bucket{bus="x",le="0.1"} 2
c_seconds_bucket{bus="x",le="1"} 3
c_seconds_bucket{bus="x",le="+Inf"} 4
c_seconds_sum{bus="x"} 7.5
c_seconds_count{bus="x"} 4
`
	if got := p.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
