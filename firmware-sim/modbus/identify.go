package modbus

const (
	meiIdentification = 14 // MEI type of "read device identification"
	basicStream       = 1  // all basic objects
	singleObject      = 4  // one object by its id
)

// identify answers function code 43 / 14 with the basic objects: vendor name,
// product code, revision. Longer streams are cut down to these, as the
// specification tells devices that have no more. MAP section 6.21
func identify(d Device, data []byte) ([]byte, error) {
	who, ok := d.(Identifier)
	if !ok || len(data) == 0 || data[0] != meiIdentification {
		return nil, IllegalFunction
	}
	if len(data) != 3 || data[1] < basicStream || data[1] > singleObject {
		return nil, IllegalDataValue
	}
	id := who.Identity()
	objects := []string{id.Vendor, id.Product, id.Revision}
	first, last := int(data[2]), len(objects)
	if data[1] == singleObject {
		if first >= last {
			return nil, IllegalDataAddress
		}
		last = first + 1
	} else if first >= last {
		first = 0 // an unknown object starts the stream anew
	}
	const conformity = 0x81 // basic, stream and single access
	answer := []byte{meiIdentification, data[1], conformity, 0, 0, byte(last - first)}
	for i, text := range objects[first:last] {
		answer = append(answer, byte(first+i), byte(len(text)))
		answer = append(answer, text...)
	}
	return answer, nil
}

// serverID answers function code 17 with a text and the run indicator, which is
// on. MAP section 6.13
func serverID(d Device, data []byte) ([]byte, error) {
	who, ok := d.(Reporter)
	if !ok {
		return nil, IllegalFunction
	}
	if len(data) != 0 {
		return nil, IllegalDataValue
	}
	const on = 0xFF
	text := append([]byte(who.ServerID()), on)
	return append([]byte{byte(len(text))}, text...), nil
}
