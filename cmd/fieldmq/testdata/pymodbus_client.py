"""A Modbus TCP master made with pymodbus: 127.0.0.1 PORT.

Asks unit 2 for the holding registers 101 and 102 and its coils, writes what it
may and what it may not, and prints what came of each, a line each.
"""

import sys

from pymodbus.client import ModbusTcpClient

client = ModbusTcpClient("127.0.0.1", port=int(sys.argv[1]), timeout=10)
assert client.connect()


def say(what, answer):
    if answer.isError():
        print(what, "exception", answer.exception_code, flush=True)
    elif hasattr(answer, "registers"):
        print(what, *answer.registers, flush=True)
    elif hasattr(answer, "bits"):
        print(what, *(int(b) for b in answer.bits[:1]), flush=True)
    else:
        print(what, "done", flush=True)


say("read", client.read_holding_registers(101, 2, slave=2))
say("write", client.write_register(101, 415, slave=2))
say("read", client.read_holding_registers(101, 1, slave=2))
say("write many", client.write_registers(101, [425, 1], slave=2))
say("read", client.read_holding_registers(101, 2, slave=2))
say("coil", client.write_coil(3, True, slave=2))
say("other unit", client.read_holding_registers(0, 1, slave=9))
say("silent unit", client.read_holding_registers(0, 1, slave=7))
client.close()
