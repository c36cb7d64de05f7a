package pins

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxOutputs is how many PWM outputs there may be.
const maxOutputs = 256

// pwm makes a PWM output swing: its chip, its channel, its period, and the level
// of the duty.
func (c *Chip) pwm(args []string) (string, error) {
	if len(args) != 4 || args[3] != "high" && args[3] != "low" {
		return "", errRequest
	}
	if period, err := strconv.ParseUint(args[2], 10, 63); err != nil || period == 0 {
		return "", errors.New("a period is a number of nanoseconds")
	}
	output := strings.Join(args[:2], " ")
	percent, swings := c.duties[output]
	if !swings && len(c.duties) == maxOutputs {
		return "", fmt.Errorf("%d PWM outputs swing already", maxOutputs)
	}
	c.duties[output] = percent
	return okPercent(percent), nil
}

// duty says or sets the duty of a PWM output.
func (c *Chip) duty(args []string) (string, error) {
	if len(args) != 2 && len(args) != 3 {
		return "", errRequest
	}
	output := strings.Join(args[:2], " ")
	if _, swings := c.duties[output]; !swings {
		return "", fmt.Errorf("%s does not swing yet", output)
	}
	if len(args) == 3 {
		percent, err := strconv.ParseFloat(args[2], 64)
		if err != nil || !(percent >= 0 && percent <= 100) {
			return "", errors.New("a duty is 0 to 100 percent")
		}
		c.duties[output] = percent
	}
	return okPercent(c.duties[output]), nil
}

func okPercent(percent float64) string { return fmt.Sprintf("ok %g\n", percent) }
