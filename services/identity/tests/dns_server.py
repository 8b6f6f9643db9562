"""A name server of the tests' own (RFC 1035 over UDP): what it is told to answer."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


@dataclass
class Zone:
    """Name → its texts; names that are not there do not exist."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    #: "", "silent", "servfail", "garbage", "refused".
    trouble: str = ""
    asked: list[str] = field(default_factory=list)
    address: str = ""

    def publish(self, name: str, *texts: str) -> None:
        self.texts[name] = list(texts)


class _Server(asyncio.DatagramProtocol):
    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def connection_made(self, transport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address) -> None:
        zone = self._zone
        if zone.trouble == "silent":
            return
        if zone.trouble == "garbage":
            self._transport.sendto(b"<html>not a name server</html>", address)
            return
        question = dns.message.from_wire(data)
        name = question.question[0].name.to_text(omit_final_dot=True).lower()
        zone.asked.append(name)
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA
        if zone.trouble:
            answer.set_rcode(dns.rcode.from_text(zone.trouble.upper()))
        elif name not in zone.texts:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif zone.texts[name] and question.question[0].rdtype == dns.rdatatype.TXT:
            quoted = [f'"{each}"' for each in zone.texts[name]]
            answer.answer.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "TXT", *quoted))
        self._transport.sendto(answer.to_wire(), address)


@asynccontextmanager
async def name_server():
    """One that answers on a port of its own while the block runs."""
    zone = Zone()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(zone), local_addr=("127.0.0.1", 0))
    host, port = transport.get_extra_info("sockname")[:2]
    zone.address = f"{host}:{port}"
    try:
        yield zone
    finally:
        transport.close()
