// Command gendocs writes configs/schema.json and configs/REFERENCE.md from the
// structs that the configuration is read into. Run it at the root of the
// module: go run ./cmd/gendocs
package main

import (
	"fmt"
	"os"

	"fieldmq/configs/gen"
	"fieldmq/drivers/all"
	"fieldmq/gateway"
)

func main() {
	if err := write("configs/schema.json", gen.Schema); err != nil {
		fail(err)
	}
	if err := write("configs/REFERENCE.md", gen.Reference); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "gendocs:", err)
	os.Exit(1)
}

func write(file string, generate func(gen.Section, *gen.Source) ([]byte, error)) error {
	text, err := generate(root(), gen.NewSource("fieldmq", "."))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, text, 0o644)
}

// root is the whole file: the sections of the gateway, and for each driver the
// keys that it adds to them.
func root() gen.Section {
	file, bus, device, point, upstream := gateway.Sections()
	var buses, devices, points []gen.Choice
	for _, d := range all.Drivers {
		settings := d.New()
		own := settings.Device()
		buses = append(buses, gen.Choice{Name: d.Name, Doc: d.Doc, Structs: []any{settings}})
		devices = append(devices, gen.Choice{Name: d.Name, Structs: []any{own}})
		points = append(points, gen.Choice{Name: d.Name, Structs: []any{own.Address()}})
	}
	return gen.Section{
		Title:   "Configuration reference",
		Doc:     intro,
		Structs: []any{file},
		Sections: []gen.Section{
			{Key: "buses", Title: "A bus", Doc: busDoc, Structs: []any{bus}, By: "driver", Choices: buses},
			{Key: "devices", Title: "A device", Doc: deviceDoc, Structs: []any{device}, Choices: devices, Sections: []gen.Section{
				{Key: "points", Title: "A point", Doc: pointDoc, Structs: []any{point}, Choices: points},
			}},
			{Key: "upstreams", Title: "An upstream", Doc: upstreamDoc, Structs: []any{upstream}},
		},
	}
}

const intro = "Every key of a site's file. `fieldmq check site.yaml` finds all faults of a file at once, each with its line and column.\n\n" +
	"Time spans carry their unit (`300ms`, `5s`, `2m`), sizes too (`64KiB`). `${NAME}` takes an environment variable, " +
	"`${NAME:-text}` with a default, and `$$` is a dollar. Ids and names are made of `a-z`, `0-9`, `-` and `_`. " +
	"Registers and coils count from 0, as on the wire: the manual's 40001 is `holding: 0`.\n"

const busDoc = "A bus is a line, a network address or a chip that devices share. One loop owns it, and puts one request at a time on it. " +
	"Beside the keys of its driver it has those below; what it says of polling and reporting is the default of its devices.\n"

const deviceDoc = "A device is known by its id: its topics are `device/<id>/...`. What it says is the default of its points.\n"

const pointDoc = "A point is one quantity of a device: where it stands on the bus, and what becomes of it. Its topic is `device/<id>/<point>`. " +
	"The names `status`, `info`, `state`, `health`, `event`, `set`, `get`, `reply` and `shadow` are taken.\n"

const upstreamDoc = "An upstream is a broker elsewhere that speaks MQTT 5. What `out` takes goes there, what `in` takes comes from there. While it is away " +
	"messages wait, within `backlog`, in memory: a restart of the gateway loses them. When it is back, who is online and the newest value of each " +
	"topic go first, and behind them what waited, with its time in the user property `ts`, marked with `replay` and never retained. " +
	"The gateway publishes `upstream_<name>_connected`, `_produced`, `_delivered`, `_backlog` and `_dropped` as points of its own.\n"
