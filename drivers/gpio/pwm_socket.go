package gpio

// socketDimmer is a PWM output of a simulated chip.
type socketDimmer struct {
	chip          *socket
	name, channel string
}

var _ dimmer = (*socketDimmer)(nil)

func (s *socket) pwm(chip, channel string, w *wave) (dimmer, error) {
	d := &socketDimmer{s, chip, channel}
	if w == nil {
		return d, nil
	}
	if _, err := d.ask("pwm %s %s %d %s", chip, channel, w.period.Nanoseconds(), w.active); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *socketDimmer) ask(format string, args ...any) (float64, error) {
	answer, err := d.chip.exchange(format, args...)
	if err != nil {
		return 0, err
	}
	return parsePercent(answer)
}

func (d *socketDimmer) duty() (float64, error) { return d.ask("duty %s %s", d.name, d.channel) }

func (d *socketDimmer) setDuty(percent float64) error {
	_, err := d.ask("duty %s %s %g", d.name, d.channel, percent)
	return err
}

// Close has nothing to say: the signal stays.
func (d *socketDimmer) Close() error { return nil }
