"""The little of Protocol Buffers' wire format that the CRI needs: messages of numbers, texts and further messages.

A message is written as a dictionary of field number to value (int, bool, str, dict, or a list of these), so that no
code generator is needed. https://protobuf.dev/programming-guides/encoding/
"""

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5


def encode(message):
    """The bytes of a message."""
    encoded = b""
    for number, values in message.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, int):
                encoded += _varint(number << 3 | VARINT) + _varint(value)
            else:
                content = encode(value) if isinstance(value, dict) else value.encode()
                encoded += _varint(number << 3 | LENGTH_DELIMITED) + _varint(len(content)) + content
    return encoded


def decode(data):
    """A message as a dictionary of field number to the list of its values: int, or bytes to be decoded further."""
    message, offset = {}, 0
    while offset < len(data):
        key, offset = _read_varint(data, offset)
        kind = key & 7
        if kind == VARINT:
            value, offset = _read_varint(data, offset)
        else:
            if kind == LENGTH_DELIMITED:
                length, offset = _read_varint(data, offset)
            else:
                length = {FIXED64: 8, FIXED32: 4}[kind]
            value = data[offset:offset + length]
            offset += length
        message.setdefault(key >> 3, []).append(value)
    return message


def _varint(value):
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])


def _read_varint(data, offset):
    value = shift = 0
    while True:
        byte = data[offset]
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
