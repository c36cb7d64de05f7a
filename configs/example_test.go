package configs_test

import (
	"fmt"

	"fieldmq/configs"
)

// Pump is a section of a file: keys with rules, and a rule about two of them.
type Pump struct {
	// Line is the GPIO line.
	Line string `yaml:"line" check:"required"`
	// Speed is in percent.
	Speed int `yaml:"speed" check:"min=0,max=100"`
	// Rest is how long the pump rests between two runs.
	Rest configs.Duration `yaml:"rest"`
}

// Validate refuses a pump that never rests.
func (p *Pump) Validate() error {
	if p.Speed == 100 && p.Rest == 0 {
		return configs.Bad("rest", "a pump at full speed must rest")
	}
	return nil
}

func Example() {
	text := `
north: {line: GPIO17, speed: 101}
south: {lien: GPIO27}
west:
  line: GPIO22
  speed: 100
  rest: 0
`
	d := configs.Parse("pumps.yaml", []byte(text), nil)
	var pumps configs.Sections
	d.Root().Decode(&pumps)
	for _, section := range pumps {
		pump := Pump{Speed: 50}
		section.Decode(&pump)
	}
	fmt.Print(d.Faults().Explain())
	// Output:
	// pumps.yaml:2:30: north.speed: 101 is not within 0 to 100
	//     2 | north: {line: GPIO17, speed: 101}
	//       |                              ^
	// pumps.yaml:3:9: south.lien: unknown key; did you mean "line"?
	//     3 | south: {lien: GPIO27}
	//       |         ^
	// pumps.yaml:7:9: west.rest: a pump at full speed must rest
	//     7 |   rest: 0
	//       |         ^
}
