import Addressing

/// Splits IPv4 packets that may be fragmented (RFC 791 section 3.2), as a router does before a narrower path.
enum Fragmenter {
    /// Calls `emit` with each fragment of `packet`, built in `buffer`, in order.
    ///
    /// - Parameter mtu: The longest fragment in bytes, at least 68.
    /// - Returns: False where the packet is a fragment that reaches beyond the longest packet: it is malformed.
    static func split(_ packet: InnerPacket, mtu: Int, buffer: PacketView, emit: (PacketView) -> Void) -> Bool {
        let header = packet.headerLength
        let flagsAndOffset = packet.bytes.load(UInt16.self, at: 6)
        let payload = packet.bytes.suffix(from: header)
        guard Int(flagsAndOffset & 0x1fff) * 8 + payload.count <= 65535 - header else { return false }
        // All fragments but the last carry a multiple of eight bytes.
        let room = (mtu - header) & ~7
        buffer.copy(packet.bytes.prefix(header), to: 0)
        var done = 0
        while done < payload.count {
            let size = min(room, payload.count - done)
            let isLast = done + size == payload.count
            let length = header + size
            buffer.copy(payload.suffix(from: done).prefix(size), to: header)
            buffer.store(UInt16(length), at: 2)
            // A fragment of a fragment that was not the last one is not the last one either.
            let more: UInt16 = isLast ? flagsAndOffset & 0x2000 : 0x2000
            buffer.store((flagsAndOffset & 0x1fff) + UInt16(done / 8) | more, at: 6)
            buffer.store(UInt16(0), at: 10)
            var checksum = Checksum()
            checksum.add(buffer.prefix(header))
            buffer.store(checksum.value, at: 10)
            emit(buffer.prefix(length))
            if done == 0 { eraseFirstOnlyOptions(buffer, header: header) }
            done += size
        }
        return true
    }

    /// Turns options that belong into the first fragment alone (those without the "copied" bit) into no-operations.
    private static func eraseFirstOnlyOptions(_ buffer: PacketView, header: Int) {
        var offset = 20
        while offset < header, buffer[offset] != 0 {
            let kind = buffer[offset]
            var length = 1
            if kind != 1 {
                guard offset + 1 < header else { return }
                length = Int(buffer[offset + 1])
                guard length >= 2, offset + length <= header else { return }
            }
            if kind & 0x80 == 0 {
                for index in offset..<offset + length { buffer[index] = 1 }
            }
            offset += length
        }
    }
}
