package modbus

import "cmp"

// Place is the port with its speed, as in "/dev/ttyUSB0 9600 8E1".
func (s *RTUSettings) Place() string { return s.Settings.String() }

// Place is the port with its speed, as in "/dev/ttyUSB0 9600 7E1".
func (s *ASCIISettings) Place() string { return s.Settings.String() }

// Place is the address with its port, or where the device dials in.
func (s *TCPSettings) Place() string { return s.place(&s.Peer, plainPort) }

// Where is the address of the device, or where it dials in, without more words.
func (s *TCPSettings) Where() string { return cmp.Or(s.Host, s.Listen) }

// Where is the address of the box, or where it dials in, without more words.
func (s *RTUOverTCPSettings) Where() string { return cmp.Or(s.Host, s.Listen) }

// Place is the address with its port, or where the device dials in.
func (s *TLSSettings) Place() string { return s.place(&s.Peer, securePort) }

// Where is the address of the device, or where it dials in, without more words.
func (s *TLSSettings) Where() string { return cmp.Or(s.Host, s.Listen) }

// Place is the address with its port.
func (s *UDPSettings) Place() string { return s.hostPort(plainPort) }

// Place is the address with its port, or where the box dials in.
func (s *RTUOverTCPSettings) Place() string { return s.place(&s.Peer, plainPort) }

// Place is the address with its port.
func (s *RTUOverUDPSettings) Place() string { return s.hostPort(plainPort) }
