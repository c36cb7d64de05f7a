package traffic

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fieldmq/drivers"
)

// dutyWord begins the duty of a PWM output. It is no hexadecimal number.
const dutyWord = "pwm"

// dutyText is a duty as it stands in a recording.
func dutyText(d *drivers.Duty) string {
	return fmt.Sprintf("%s %d %s%% %s", dutyWord, d.Channel, strconv.FormatFloat(d.Percent, 'g', -1, 64), d.Chip)
}

// errDuty says what a duty is.
var errDuty = errors.New(`a duty is "pwm", the channel, a percentage and the chip: pwm 1 62.5% pwmchip0`)

// parseDuty reads the words behind the direction.
func parseDuty(words []string) (*drivers.Duty, error) {
	if len(words) != 4 {
		return nil, errDuty
	}
	channel, err := strconv.ParseUint(words[1], 10, 31)
	if err != nil {
		return nil, fmt.Errorf("%.20q is no number of a channel", words[1])
	}
	number, ok := strings.CutSuffix(words[2], "%")
	percent, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(percent >= 0 && percent <= 100) {
		return nil, fmt.Errorf("%.20q is no percentage such as 62.5%%", words[2])
	}
	return &drivers.Duty{Chip: words[3], Channel: int(channel), Percent: percent}, nil
}
