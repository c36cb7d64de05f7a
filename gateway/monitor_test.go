package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fetch gets a page of the gateway's monitor.
func (f *field) fetch(path string) (status int, body string) {
	f.t.Helper()
	response, err := http.Get("http://" + f.g.monitor.Addr().String() + path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

const monitored = "gateway: {id: box, every: 1s}\nmetrics: {listen: \"127.0.0.1:0\", values: true}"

func TestMetricsTellOfBusesDevicesAndTheBroker(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("meter", "boiler", "box"))
	f.reload("gateway: {id: box, every: 1s}", monitored)
	f.order("device/boiler/setpoint/set", "61", `"value":61`)
	f.order("device/boiler/setpoint/set", "much", "not a number")
	_, page := f.fetch("/metrics")
	for _, want := range []string{
		`fieldmq_device_up{bus="panel",device="meter"} 1`,
		`fieldmq_device_up{bus="dead",device="nobody"} 0`,
		`fieldmq_bus_up{bus="panel"} 1`,
		`fieldmq_commands_total{bus="panel",result="done"} 1`,
		`fieldmq_commands_total{bus="panel",result="failed"} 1`,
		`fieldmq_value{device="meter",point="voltage",unit="V"} 2`,
		`fieldmq_mqtt_clients{state="connected"} 0`,
		`fieldmq_poll_duration_seconds_bucket{bus="panel",le="+Inf"}`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("%s is missing in\n%s", want, page)
		}
	}
	f.reload("gateway: {id: box, every: 1s}", strings.Replace(monitored, ", values: true", "", 1))
	if _, page := f.fetch("/metrics"); strings.Contains(page, "fieldmq_value") {
		t.Error("values are there though they are not asked for")
	}
	f.reload()
	if f.g.monitor != nil {
		t.Error("metrics are served though nobody asks for them")
	}
}

// TestMetricsFollowTheRulesOfPrometheus: names, heads, no figure twice, and
// those of a name together.
func TestMetricsFollowTheRulesOfPrometheus(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("meter", "box"))
	f.reload("gateway: {id: box, every: 1s}", monitored)
	_, page := f.fetch("/metrics")
	line := regexp.MustCompile(`^([a-z_]+)(\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? [-+0-9.eInf]+$`)
	kinds, seen, last := map[string]string{}, map[string]bool{}, ""
	for l := range strings.Lines(page) {
		l = strings.TrimSuffix(l, "\n")
		if head, is := strings.CutPrefix(l, "# TYPE "); is {
			name, kind, _ := strings.Cut(head, " ")
			if kinds[name] != "" {
				t.Errorf("%s has two heads", name)
			}
			if (kind == "counter") != strings.HasSuffix(name, "_total") {
				t.Errorf("%s is a %s", name, kind)
			}
			kinds[name], last = kind, name
			continue
		}
		if strings.HasPrefix(l, "# HELP ") {
			if !strings.HasSuffix(l, ".") {
				t.Errorf("no help: %s", l)
			}
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil || !strings.HasPrefix(m[1], "fieldmq_") {
			t.Errorf("no figure: %s", l)
			continue
		}
		base := m[1]
		if kinds[last] == "histogram" {
			base = regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(base, "")
		}
		if base != last || seen[m[1]+m[2]] {
			t.Errorf("%s stands under %s, or twice", l, last)
		}
		seen[m[1]+m[2]] = true
	}
	if len(kinds) < 25 {
		t.Errorf("only %d figures", len(kinds))
	}
}

func TestHealth(t *testing.T) {
	f := startField(t)
	expect(t, f.g, online("box"))
	f.reload("gateway: {id: box, every: 1s}", monitored)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := f.fetch(path); status != 200 || body != "ok\n" {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	f.g.ready.Store(false)
	if status, body := f.fetch("/readyz"); status != 503 || !strings.Contains(body, "starting or stopping") {
		t.Errorf("got %d %s", status, body)
	}
	f.g.ready.Store(true)
	if status, _ := f.fetch("/debug/pprof/"); status != 404 {
		t.Errorf("profiles are there: %d", status)
	}
}

// TestDashboardAsksForWhatThereIs: each figure that the dashboard and the alerts
// name is one that the gateway has.
func TestDashboardAsksForWhatThereIs(t *testing.T) {
	source, err := os.ReadFile("scrape.go")
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`"(?:fieldmq_)?([a-z_]+)"`).FindAllStringSubmatch(string(source), -1)
	var names []string
	for _, m := range known {
		names = append(names, "fieldmq_"+m[1], "fieldmq_bus_"+m[1], "fieldmq_mqtt_"+m[1], "fieldmq_"+m[1]+"_bucket")
	}
	for _, u := range upstreamFigures {
		names = append(names, "fieldmq_upstream_"+u.name, "fieldmq_upstream_"+u.name+"_total")
	}
	for _, file := range []string{"../docs/prometheus/grafana.json", "../docs/prometheus/alerts.yml"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, ".json") && !json.Valid(text) {
			t.Errorf("%s is no JSON", file)
		}
		asked := regexp.MustCompile(`fieldmq_[a-z_]+`).FindAllString(string(text), -1)
		if len(asked) < 5 {
			t.Errorf("%s asks for %q only", file, asked)
		}
		for _, name := range asked {
			if !slices.Contains(names, name) {
				t.Errorf("%s asks for %s, which is not there", file, name)
			}
		}
	}
}

func TestFaultsOfMetrics(t *testing.T) {
	for _, listen := range []string{"9464", "127.0.0.1", "127.0.0.1:http/x", "http://127.0.0.1:9464", "127.0.0.1:99999"} {
		_, err := Read("site.yaml", []byte("metrics: {listen: '"+listen+"'}"), nil)
		if err == nil || !strings.Contains(err.Error(), "site.yaml:1:19: metrics.listen: ") {
			t.Errorf("%s: got %v", listen, err)
		}
	}
}
