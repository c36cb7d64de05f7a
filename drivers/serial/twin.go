package serial

import "regexp"

// What follows is for those who imitate a device by its configuration.

// Width is the number of bytes of a binary value.
func (a *Address) Width() int { return a.width() }

// Place is where the value of the point stands in a frame of text.
func (a *Address) Place(frame string) (first, end int, ok bool) {
	re, err := regexp.Compile(a.Expression())
	if err != nil || a.At != nil {
		return 0, 0, false
	}
	group, err := groupOf(re, a.Group)
	found := re.FindStringSubmatchIndex(frame)
	if err != nil || found == nil || found[2*group] < 0 {
		return 0, 0, false
	}
	return found[2*group], found[2*group+1], true
}

// CommandParts are the bytes of the command before and after the value; ok is
// false if there is no command.
func (a *Address) CommandParts() (before, after []byte, ok bool) {
	if len(a.Command) == 0 {
		return nil, nil, false
	}
	t, err := a.template()
	if err != nil {
		return nil, nil, false
	}
	return t.before, t.after, true
}
