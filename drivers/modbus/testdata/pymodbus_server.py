"""A Modbus server made with pymodbus, for the ways that libmodbus does not know.

usage: pymodbus_server.py ascii DEVICE
       pymodbus_server.py rtu-tcp|ascii-tcp|udp|rtu-udp PORT
       pymodbus_server.py tls PORT CERT KEY

Unit 1 answers; what it holds is that of server.py.
"""

import asyncio
import logging
import ssl
import sys

from pymodbus.datastore import ModbusSequentialDataBlock, ModbusServerContext, ModbusSlaveContext
from pymodbus.server.async_io import ModbusSerialServer, ModbusTcpServer, ModbusTlsServer, ModbusUdpServer
from pymodbus.transaction import ModbusAsciiFramer, ModbusRtuFramer, ModbusSocketFramer, ModbusTlsFramer

logging.disable(logging.CRITICAL)  # what clients do wrong on purpose
SIZE = 300


def block(values):
    words = [0] * SIZE
    for first, some in values.items():
        words[first:first + len(some)] = some
    return ModbusSequentialDataBlock(0, words)


unit = ModbusSlaveContext(
    co=block({0: [1, 0, 1, 1]}),
    di=block({9: [1]}),
    ir=block({0: [0x4366, 0, 0, 0x4366, 0xFF9C], 8: [0x0001, 0xE240], 100: [0x4142, 0x4300]}),
    hr=block({200: [0x5A5A, 7]}),
    zero_mode=True,
)
context = ModbusServerContext(slaves={1: unit}, single=False)


async def main(kind, where, *files):
    quiet = {"ignore_missing_slaves": True}
    at = ("127.0.0.1", int(where)) if where.isdigit() else None
    if kind == "ascii":
        server = ModbusSerialServer(context, framer=ModbusAsciiFramer, port=where, baudrate=115200, timeout=0.01, **quiet)
        await server.start()
    elif kind == "tls":
        secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secure.load_cert_chain(*files)
        server = ModbusTlsServer(context, framer=ModbusSocketFramer, address=at, sslctx=secure, allow_reuse_address=True, **quiet)
    elif kind.endswith("udp"):
        framer = ModbusRtuFramer if kind == "rtu-udp" else ModbusSocketFramer
        server = ModbusUdpServer(context, framer=framer, address=at, **quiet)
    else:
        framer = ModbusRtuFramer if kind == "rtu-tcp" else ModbusAsciiFramer
        server = ModbusTcpServer(context, framer=framer, address=at, allow_reuse_address=True, **quiet)
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
