"""A Modbus server made with pymodbus: tcp PORT, or rtu DEVICE at 19200 8N1.

Unit 1 has 230.0 as float32 in input registers 0 and 1, -10.0 degrees in tenths
in input register 2, and 200 holding registers and coils of zero.
"""

import asyncio
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server import StartTcpServer
from pymodbus.server.async_io import ModbusSerialServer
from pymodbus.transaction import ModbusRtuFramer

unit = ModbusSlaveContext(
    ir=ModbusSequentialDataBlock(0, [0x4366, 0, 0xFF9C] + [0] * 100),
    hr=ModbusSequentialDataBlock(0, [0] * 200),
    co=ModbusSequentialDataBlock(0, [False] * 200),
    di=ModbusSequentialDataBlock(0, [True] * 10),
    zero_mode=True,
)
context = ModbusServerContext(slaves={1: unit}, single=False)


async def serve_line(port):
    server = ModbusSerialServer(context, framer=ModbusRtuFramer, port=port, baudrate=19200, timeout=0.01)
    await server.start()
    await server.serve_forever()


print("serving", flush=True)
if sys.argv[1] == "tcp":
    StartTcpServer(context=context, address=("127.0.0.1", int(sys.argv[2])))
else:
    asyncio.run(serve_line(sys.argv[2]))
