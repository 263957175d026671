internal import NetlinkShim

/// The bytes of a netlink message's body or of one attribute's value, read with every access checked: a short or torn
/// message yields nil, never a trap.
struct Payload {
    let bytes: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    var count: Int { bytes.count }

    /// The number in host byte order at `offset` bytes from the start, or nil where it would reach past the end.
    func number<Number: FixedWidthInteger & BitwiseCopyable>(at offset: Int, as type: Number.Type = Number.self)
        -> Number?
    {
        let width = MemoryLayout<Number>.size
        guard offset >= 0, offset <= bytes.count - width else { return nil }
        // Sound: the guard keeps the load inside of the buffer, and integers have no invalid bit patterns.
        return unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: offset, as: Number.self) }
    }

    /// The fixed structure at the start, as the kernel wrote it.
    func header<Header: BitwiseCopyable>(_ type: Header.Type) -> Header? {
        guard bytes.count >= MemoryLayout<Header>.size else { return nil }
        // Sound: long enough, and only C structures of integers are read this way.
        return unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: Header.self) }
    }

    /// The attributes that follow `fixed` bytes of structure, which are padded to four.
    func attributes(after fixed: Int = 0) -> Attributes {
        Attributes(bytes: bytes.dropFirst((fixed + 3) & ~3))
    }

    /// The text up to the first NUL. Bytes that are not UTF-8 become replacement characters.
    var text: String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    var u8: UInt8? { bytes.first }
    var u16: UInt16? { number(at: 0) }
    var u32: UInt32? { number(at: 0) }
    var s32: Int32? { number(at: 0) }
    var u64: UInt64? { number(at: 0) }
    /// A number in network byte order, as nf_tables and ctnetlink write theirs.
    var u32Big: UInt32? { u32.map(UInt32.init(bigEndian:)) }
    var u64Big: UInt64? { u64.map(UInt64.init(bigEndian:)) }
}

/// The attributes of a message or of a nested attribute, in the order in which they stand.
struct Attributes: Sequence, IteratorProtocol {
    fileprivate var bytes: ArraySlice<UInt8>

    mutating func next() -> (type: Int, value: Payload)? {
        let rest = Payload(bytes)
        guard let length = rest.number(at: 0, as: UInt16.self).map(Int.init),
            let type = rest.number(at: 2, as: UInt16.self),
            length >= 4, length <= bytes.count
        else { return nil }
        let value = Payload(bytes.dropFirst(4).prefix(length - 4))
        bytes = bytes.dropFirst((length + 3) & ~3)
        // The two high bits tell of nesting and byte order (NLA_F_NESTED, NLA_F_NET_BYTEORDER).
        return (Int(type & 0x3fff), value)
    }

    /// The value of the first attribute of `type`.
    func first(_ type: some AttributeType) -> Payload? {
        first { $0.type == Int(type.number) }?.value
    }
}

/// One message out of a received datagram.
struct Reply {
    let type: UInt16
    let flags: UInt16
    let sequence: UInt32
    let payload: Payload

    /// Splits a datagram; what is torn at its end is left out.
    static func split(_ datagram: ArraySlice<UInt8>) -> [Reply] {
        var replies: [Reply] = []
        var rest = datagram
        while true {
            let view = Payload(rest)
            guard let length = view.number(at: 0, as: UInt32.self).map(Int.init),
                let type = view.number(at: 4, as: UInt16.self), let flags = view.number(at: 6, as: UInt16.self),
                let sequence = view.number(at: 8, as: UInt32.self),
                length >= headerLength, length <= rest.count
            else { return replies }
            let payload = Payload(rest.dropFirst(headerLength).prefix(length - headerLength))
            replies.append(Reply(type: type, flags: flags, sequence: sequence, payload: payload))
            rest = rest.dropFirst((length + 3) & ~3)
        }
    }

    private static let headerLength = MemoryLayout<nlmsghdr>.size
}

/// The kernel's answer to a request, out of an NLMSG_ERROR message.
struct Acknowledgement {
    /// The error number, positive; zero for success.
    let code: Int32
    /// The kernel's explanation (extended acknowledgement), or empty.
    let detail: String

    init?(_ reply: Reply) {
        guard let negative = reply.payload.number(at: 0, as: Int32.self), negative <= 0, negative != .min else {
            return nil
        }
        code = -negative
        detail = Self.detail(of: reply)
    }

    private static func detail(of reply: Reply) -> String {
        // Behind the error stands the request, in full unless the kernel says that it was cut to its header.
        let flags = Int32(reply.flags)
        guard flags & NLM_F_ACK_TLVS != 0, let length = reply.payload.number(at: 4, as: UInt32.self) else { return "" }
        let echoed = flags & NLM_F_CAPPED != 0 ? MemoryLayout<nlmsghdr>.size : Int(length)
        let attributes = reply.payload.attributes(after: 4 + echoed)
        return attributes.first(NLMSGERR_ATTR_MSG)?.text ?? ""
    }
}
