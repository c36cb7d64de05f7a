package serial

// Place is the port with its speed, as in "/dev/ttyUSB0 9600 8E1".
func (s *Settings) Place() string { return s.Settings.String() }
