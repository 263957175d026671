"""Whether inner checksums on the wire are complete or deferred, by a capture: no program's word is taken for it."""

import struct

from lab.traffic import Capture, call, listening

PORT, TUNNEL_PORT = 5202, 31337
_ETHERNET, _UDP_HEADER = 14, 8
_TCP, _UDP = 6, 17


def deferred(left, right, target):
    """Does TCP from the left site's pod to `target`, an IPv4 address in the right one's, cross with deferred checksums?"""
    with listening(right.pod, PORT), Capture(left.node, "eth0") as capture:
        call(left.pod, target, PORT)
    with open(capture.file.name, "rb") as file:
        return any(is_partial(packet) for packet in inner_packets(file.read()))


def inner_packets(capture):
    """The packets inside of the tunnel's datagrams of a capture file (pcap, Ethernet)."""
    order = "<" if struct.unpack("<I", capture[:4])[0] in (0xA1B2C3D4, 0xA1B23C4D) else ">"
    place = 24
    while place + 16 <= len(capture):
        length = struct.unpack(order + "I", capture[place + 8:place + 12])[0]
        frame = capture[place + 16:place + 16 + length]
        place += 16 + length
        outer = frame[_ETHERNET:]
        if not outer:
            continue
        header, protocol = ((outer[0] & 15) * 4, outer[9]) if outer[0] >> 4 == 4 else (40, outer[6])
        if protocol == _UDP and struct.unpack("!H", outer[header + 2:header + 4])[0] == TUNNEL_PORT:
            yield outer[header + _UDP_HEADER:]


def is_partial(packet):
    """Does an IPv4 packet with TCP carry the checksum of the pseudo-header alone, which the receiver shall complete?"""
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[9] != _TCP:
        return False
    header, total = (packet[0] & 15) * 4, struct.unpack("!H", packet[2:4])[0]
    pseudo = packet[12:20] + struct.pack("!HH", _TCP, total - header)
    found = packet[header + 16:header + 18]
    return len(found) == 2 and struct.unpack("!H", found)[0] == folded_sum(pseudo)


def folded_sum(data):
    """The sum of 16-bit words in ones' complement (RFC 1071), not inverted."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
