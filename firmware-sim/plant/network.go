package plant

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"time"

	"fieldmq/firmware-sim/modbus"
)

// addListening serves a bus whose clients call.
func (p *Plant) addListening(d Bus, server *modbus.Server) error {
	l, err := net.Listen("tcp", cmp.Or(d.Address, anyPort))
	if err != nil {
		return err
	}
	serve := server.ServeTCP
	switch d.Kind {
	case RTUOverTCP:
		serve = server.ServeRTUOverTCP
	case ASCIIOverTCP:
		serve = server.ServeASCIIOverTCP
	}
	b := &bus{name: d.Name, kind: d.Kind, port: l.Addr().String, close: closer(l)}
	p.buses = append(p.buses, b)
	if d.Kind == TLS {
		if l, err = p.secure(b, d.ServerName, l); err != nil {
			return err
		}
	}
	b.serve = func(ctx context.Context) error { return serve(ctx, l) }
	return nil
}

func (p *Plant) addDatagrams(d Bus, server *modbus.Server) error {
	socket, err := net.ListenPacket("udp", cmp.Or(d.Address, anyPort))
	if err != nil {
		return err
	}
	serve := server.ServeUDP
	if d.Kind == RTUOverUDP {
		serve = server.ServeRTUOverUDP
	}
	p.buses = append(p.buses, &bus{
		name: d.Name, kind: d.Kind, port: socket.LocalAddr().String, close: closer(socket),
		serve: func(ctx context.Context) error { return serve(ctx, socket) },
	})
	return nil
}

// addModem adds devices that dial in.
func (p *Plant) addModem(b Bus, server *modbus.Server) error {
	modem := modbus.Modem{
		Address: b.Address, Registration: []byte(b.Registration), Heartbeat: []byte(b.Heartbeat),
	}
	switch b.Kind {
	case RTUOverTCP:
		modem.Framing = modbus.RTU
	case ASCIIOverTCP:
		modem.Framing = modbus.ASCII
	}
	if b.Heartbeat != "" {
		modem.Beat = 2 * time.Second
	}
	made := &bus{
		name: b.Name, kind: b.Kind, port: func() string { return b.Address }, close: func() error { return nil },
		serve: func(ctx context.Context) error { return server.ServeModem(ctx, modem) },
	}
	p.buses = append(p.buses, made)
	if b.Kind != TLS {
		return nil
	}
	shows, err := p.certify(made, b.ServerName)
	modem.Secure = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{shows},
		InsecureSkipVerify: true, // whoever is there may ask a simulated device
	}
	return err
}

// secure makes the connections of a listener secure ones.
func (p *Plant) secure(b *bus, name string, l net.Listener) (net.Listener, error) {
	shows, err := p.certify(b, name)
	if err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{
		MinVersion:   tls.VersionTLS12,
		Certificates: []tls.Certificate{shows},
		ClientAuth:   tls.RequestClientCert,
	}), nil
}
