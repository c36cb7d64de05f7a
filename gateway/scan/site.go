package scan

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"fieldmq/gateway"
	"fieldmq/gateway/probe"
)

// Site is the configuration of what was found, with the best guesses. What is
// unknown has its first holding register as a point, for a beginning.
func Site(found []Found) (string, error) {
	var buses, devices strings.Builder
	names := map[string]string{} // of buses, by their words
	taken := map[string]bool{}   // ids of devices
	for _, f := range found {
		if names[f.Bus] == "" {
			names[f.Bus] = fmt.Sprintf("bus%d", len(names)+1)
			section, err := probe.BusSection(f.Bus)
			if err != nil {
				return "", err
			}
			fmt.Fprintf(&buses, "  %s: %s\n", names[f.Bus], flow(section))
		}
		id := free(taken, f.id())
		fmt.Fprintf(&devices, "  %s:\n    bus: %s\n    unit: %d\n%s", id, names[f.Bus], f.Unit, f.points())
	}
	text := "# Written by fieldmq scan. Give things your own names.\nbuses:\n" + buses.String() + "devices:\n" + devices.String()
	if len(found) == 0 {
		return "", fmt.Errorf("nothing was found to be written")
	}
	_, err := gateway.Read("site.yaml", []byte(text), nil)
	return text, err
}

// Section is the section of a bus that is written in words, on one line of YAML;
// empty braces if they say none.
func Section(words string) string {
	section, _ := probe.BusSection(words) // nil where it fails
	return flow(section)
}

// flow is a section on one line.
func flow(section map[string]any) string {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(section)) {
		value := fmt.Sprint(section[key])
		if text, ok := section[key].(string); ok {
			value = fmt.Sprintf("%q", text)
		}
		keys = append(keys, key+": "+value)
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

// id is a name for the device: what it is and its unit id.
func (f *Found) id() string {
	what := "unit"
	if len(f.Guesses) > 0 {
		what = path.Base(f.Guesses[0].Profile)
	}
	return fmt.Sprintf("%s-%d", what, f.Unit)
}

// free is a name that is not taken, and takes it.
func free(taken map[string]bool, name string) string {
	unique := name
	for n := 2; taken[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", name, n)
	}
	taken[unique] = true
	return unique
}

// points are the profile of the device, or a first point.
func (f *Found) points() string {
	if len(f.Guesses) == 0 {
		return fmt.Sprintf("    points:  # unknown: %s\n      holding-0: {holding: 0}\n", f.Answer)
	}
	line := "    profile: " + f.Guesses[0].Profile
	var others []string
	for _, g := range f.Guesses[1:] {
		others = append(others, g.Profile)
	}
	if len(others) > 0 {
		line += "  # or " + strings.Join(others, ", ")
	}
	return line + "\n"
}
