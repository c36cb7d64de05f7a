package gpio

// Place is the chip.
func (s *Settings) Place() string { return s.Chip }
