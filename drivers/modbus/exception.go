package modbus

import (
	"errors"
	"fmt"

	"github.com/goburrow/modbus"

	"fieldmq/drivers"
)

// Exception is the exception code of an answer: the device understood that it
// was asked, and declined. (APS 7)
type Exception byte

// Those that decide what to do next.
const (
	illegalFunction = Exception(modbus.ExceptionCodeIllegalFunction)
	illegalAddress  = Exception(modbus.ExceptionCodeIllegalDataAddress)
	acknowledge     = Exception(modbus.ExceptionCodeAcknowledge)
)

// Error is the name that the standard has for the code.
func (e Exception) Error() string {
	switch e {
	case modbus.ExceptionCodeIllegalFunction:
		return "illegal function"
	case modbus.ExceptionCodeIllegalDataAddress:
		return "illegal data address"
	case modbus.ExceptionCodeIllegalDataValue:
		return "illegal data value"
	case modbus.ExceptionCodeServerDeviceFailure:
		return "device failure"
	case modbus.ExceptionCodeAcknowledge:
		return "device is still at work"
	case modbus.ExceptionCodeServerDeviceBusy:
		return "device busy"
	case modbus.ExceptionCodeMemoryParityError:
		return "memory parity error"
	case modbus.ExceptionCodeGatewayPathUnavailable:
		return "gateway path unavailable"
	case modbus.ExceptionCodeGatewayTargetDeviceFailedToRespond:
		return "no answer behind the gateway"
	}
	return fmt.Sprintf("exception code %d", byte(e))
}

// Is makes the exceptions of a gateway box that cannot reach a device read as
// that device's silence, and all others as its refusal.
func (e Exception) Is(target error) bool {
	if e.unreachable() {
		return target == drivers.ErrOffline
	}
	return target == drivers.ErrRefused
}

func (e Exception) unreachable() bool {
	return e == modbus.ExceptionCodeGatewayPathUnavailable ||
		e == modbus.ExceptionCodeGatewayTargetDeviceFailedToRespond
}

// passing says whether the same request may succeed a moment later.
func (e Exception) passing() bool {
	return e == modbus.ExceptionCodeAcknowledge || e == modbus.ExceptionCodeServerDeviceBusy
}

// lasting says whether the device will give the same answer again: it does not
// have the function, the registers, or so many of them. Some say "failure"
// when they mean "no such register".
func (e Exception) lasting() bool {
	return modbus.ExceptionCodeIllegalFunction <= e && e <= modbus.ExceptionCodeServerDeviceFailure
}

// ErrDamaged is an answer that came and could not be understood: the unit is there.
const ErrDamaged = damaged

// unheard is a reason why nothing was understood although there were bytes on
// the line. The device counts as offline if it goes on.
type unheard string

const (
	damaged  = unheard("damaged answer")
	babbling = unheard("the line is never quiet")
)

func (u unheard) Error() string        { return string(u) }
func (u unheard) Is(target error) bool { return target == drivers.ErrOffline }

// hungUp is why a connection ended before the answer: the peer could be reached,
// and did not want to answer this.
type hungUp struct{ why error }

func (h hungUp) Error() string        { return h.why.Error() }
func (h hungUp) Unwrap() error        { return h.why }
func (h hungUp) Is(target error) bool { return target == drivers.ErrOffline }

// OtherUnit is the silence of a unit in whose place another one has answered.
type OtherUnit byte

func (u OtherUnit) Error() string        { return fmt.Sprintf("unit %d answered in its place", byte(u)) }
func (u OtherUnit) Is(target error) bool { return target == drivers.ErrOffline }

// silent says whether a device that failed so would do so again at once.
func silent(err error) bool {
	return errors.Is(err, drivers.ErrOffline) && !errors.Is(err, damaged) && !errors.As(err, new(hungUp))
}
