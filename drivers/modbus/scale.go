package modbus

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"fieldmq/drivers"
)

// exponents beyond this are none: SunSpec has sunssf from -10 to 10.
const mostExponent = 10

// exponent reads a scale register.
func exponent(raw []byte) (int, error) {
	e := int(int16(binary.BigEndian.Uint16(raw)))
	if e < -mostExponent || e > mostExponent {
		return 0, fmt.Errorf("%w: the scale register holds 0x%04X", drivers.ErrNoValue, uint16(e))
	}
	return e, nil
}

// shifted is a number times ten to a power, as its decimal digits have it: 50001
// and -1 make 5000.1 and not the nearest that binary fractions happen to give.
func shifted(v drivers.Value, exponent int) (drivers.Value, error) {
	var buffer [48]byte
	text := buffer[:0]
	if v.Kind() == drivers.KindFloat {
		text = strconv.AppendFloat(text, v.Float(), 'f', -1, 64) // without an exponent of its own
	} else {
		text = v.Append(text)
	}
	text = append(text, 'e')
	f, err := strconv.ParseFloat(string(strconv.AppendInt(text, int64(exponent), 10)), 64)
	if err != nil {
		return drivers.Value{}, fmt.Errorf("%w: %v times 10^%d is no number", drivers.ErrNoValue, v, exponent)
	}
	return drivers.Float(f), nil
}

// decodeIn is the value of a point in the registers from first on.
func (a *Address) decodeIn(data []byte, first int) (drivers.Value, error) {
	v, err := decode(a, a.own(data, first))
	if err != nil || a.ScaleRegister == nil {
		return v, err
	}
	e, err := exponent(data[2*(*a.ScaleRegister-first):])
	if err != nil {
		return drivers.Value{}, err
	}
	return shifted(v, e)
}

// own are the registers of the point itself in those from first on.
func (a *Address) own(data []byte, first int) []byte {
	offset := a.First() - first
	return data[2*offset : 2*(offset+a.Count())]
}
