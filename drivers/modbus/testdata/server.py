"""A Modbus server made with libmodbus, for the driver's tests.

usage: server.py tcp PORT
       server.py rtu DEVICE

Unit 1 answers, but for what touches SILENT: libmodbus takes a request to
another unit for one that will be answered, and would skip the request after it.
Reads of what stands in HOLES are refused.
"""

import ctypes
import sys

UNIT = 1
ILLEGAL_DATA_ADDRESS = 2
SIZE = 300
HOLES = {4: range(20, 60)}  # by function code
SILENT = {3: range(250, SIZE), 6: range(250, SIZE)}

modbus = ctypes.CDLL("libmodbus.so.5")
modbus.modbus_new_rtu.restype = ctypes.c_void_p
modbus.modbus_new_tcp.restype = ctypes.c_void_p


class Mapping(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in (
        "bits", "first_bits", "input_bits", "first_input_bits",
        "input_registers", "first_input_registers", "registers", "first_registers")]
    _fields_ += [
        ("tab_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_bits", ctypes.POINTER(ctypes.c_uint8)),
        ("tab_input_registers", ctypes.POINTER(ctypes.c_uint16)),
        ("tab_registers", ctypes.POINTER(ctypes.c_uint16)),
    ]


modbus.modbus_mapping_new.restype = ctypes.POINTER(Mapping)


def tables():
    mapping = modbus.modbus_mapping_new(SIZE, SIZE, SIZE, SIZE)
    table = mapping.contents
    put(table.tab_bits, 0, [1, 0, 1, 1])
    put(table.tab_input_bits, 9, [1])
    # 230.0 as float32 in both word orders, -100, a counter, text
    put(table.tab_input_registers, 0, [0x4366, 0, 0, 0x4366, 0xFF9C])
    put(table.tab_input_registers, 8, [0x0001, 0xE240])
    put(table.tab_input_registers, 100, [0x4142, 0x4300])
    put(table.tab_registers, 200, [0x5A5A, 7])
    return mapping


def put(table, first, words):
    for i, word in enumerate(words):
        table[first + i] = word


def touches(ranges, pdu):
    first = int.from_bytes(pdu[1:3], "big")
    count = int.from_bytes(pdu[3:5], "big") if pdu[0] < 5 else 1
    places = ranges.get(pdu[0], range(0))
    return first < places.stop and places.start < first + count


def serve(ctx, mapping, header):
    """Answers until the line or the connection ends."""
    query = (ctypes.c_uint8 * 260)()
    while True:
        n = modbus.modbus_receive(ctx, query)
        if n < 0:
            if header == 7:
                return
            continue  # noise
        pdu = bytes(query[header:n])
        if n == 0 or touches(SILENT, pdu):
            continue
        if touches(HOLES, pdu):
            modbus.modbus_reply_exception(ctx, query, ILLEGAL_DATA_ADDRESS)
        else:
            modbus.modbus_reply(ctx, query, n, mapping)


def rtu(device):
    ctx = ctypes.c_void_p(modbus.modbus_new_rtu(device.encode(), 115200, ctypes.c_char(b"N"), 8, 1))
    modbus.modbus_set_slave(ctx, UNIT)
    if modbus.modbus_connect(ctx) != 0:
        sys.exit("cannot open " + device)
    print("ready", flush=True)
    serve(ctx, tables(), 1)


def tcp(port):
    ctx = ctypes.c_void_p(modbus.modbus_new_tcp(b"127.0.0.1", int(port)))
    listener = ctypes.c_int(modbus.modbus_tcp_listen(ctx, 1))
    mapping = tables()
    print("ready", flush=True)
    while modbus.modbus_tcp_accept(ctx, ctypes.byref(listener)) >= 0:
        serve(ctx, mapping, 7)
        modbus.modbus_close(ctx)


{"rtu": rtu, "tcp": tcp}[sys.argv[1]](sys.argv[2])
