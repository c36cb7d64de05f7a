"""Reads blocks of all units in turn with libmodbus, and says how many a second were answered.

usage: PORT BAUD UNITS [[FIRST, COUNT], ...] SECONDS
"""

import ctypes
import json
import sys
import time

port, baud, units, blocks, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4]), float(sys.argv[5])
lib = ctypes.CDLL("libmodbus.so.5")
lib.modbus_new_rtu.restype = ctypes.c_void_p
ctx = ctypes.c_void_p(lib.modbus_new_rtu(port.encode(), baud, ctypes.c_char(b"N"), 8, 1))
if lib.modbus_connect(ctx) != 0:
    sys.exit("cannot open " + port)
words = (ctypes.c_uint16 * 125)()
questions = [(unit, first, count) for unit in range(1, units + 1) for first, count in blocks]
answered = 0
began = time.monotonic()
while time.monotonic() < began + seconds:
    unit, first, count = questions[answered % len(questions)]
    lib.modbus_set_slave(ctx, unit)
    if lib.modbus_read_registers(ctx, first, count, words) != count:
        sys.exit("a read was not answered")
    answered += 1
print(answered / (time.monotonic() - began))
