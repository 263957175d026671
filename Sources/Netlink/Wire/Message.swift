internal import Glibc
internal import NetlinkShim

/// A netlink message under construction: libnl's `nl_msg`, with attributes appended in order.
///
/// Numbers go in host byte order unless the attribute's name says otherwise, as netlink has it. A step that fails (no
/// memory, an attribute above 64 KiB) is remembered in ``failure``, which sending reports; so construction reads
/// without a `try` on each line.
@safe final class Message {
    let raw: OpaquePointer
    private(set) var failure: Int32?
    /// Whether the kernel is asked to answer also where the request succeeds.
    var wantsAcknowledgement = true

    /// - Parameters:
    ///   - type: The request, such as `RTM_NEWLINK`.
    ///   - flags: `NLM_F_…`, without `NLM_F_REQUEST` and `NLM_F_ACK`, which sending adds.
    init(type: UInt16, flags: Int32 = 0) {
        guard let raw = unsafe warrens_message_new(type, UInt16(truncatingIfNeeded: flags)) else {
            // 1 KiB cannot be had: nothing that a caller could do would work either.
            fatalError("out of memory")
        }
        unsafe self.raw = raw
    }

    deinit {
        unsafe warrens_message_free(raw)
    }

    /// What there is of it so far, header included. What sending fills in (sender, sequence number) is zero.
    var bytes: [UInt8] {
        // Sound: the shim tells where the message lies and how long it is, and it does not change while it is copied.
        unsafe Array(UnsafeRawBufferPointer(start: warrens_message_bytes(raw), count: warrens_message_length(raw)))
    }

    /// Appends the fixed structure that follows the netlink header.
    func append<Header: BitwiseCopyable>(_ header: Header) {
        // Sound here and below: the shim copies the bytes before it returns.
        unsafe withUnsafeBytes(of: header) { bytes in
            note(unsafe warrens_message_append(raw, bytes.baseAddress, bytes.count))
        }
    }

    /// Appends an attribute that holds one number in host byte order.
    func put<Number: FixedWidthInteger & BitwiseCopyable>(_ type: some AttributeType, _ number: Number) {
        unsafe withUnsafeBytes(of: number) { bytes in
            note(unsafe warrens_attribute_put(raw, type.number, bytes.baseAddress, bytes.count))
        }
    }

    /// Appends an attribute that holds one number in network byte order, as nf_tables wants them.
    func putBig(_ type: some AttributeType, _ number: some FixedWidthInteger & BitwiseCopyable) {
        put(type, number.bigEndian)
    }

    /// Appends an attribute that holds `bytes`.
    func put(_ type: some AttributeType, bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { buffer in
            note(unsafe warrens_attribute_put(raw, type.number, buffer.baseAddress, buffer.count))
        }
    }

    /// Appends an attribute that holds `text` and a terminating NUL.
    func put(_ type: some AttributeType, text: String) {
        put(type, bytes: Array(text.utf8) + [0])
    }

    /// Appends an attribute that says something by being there.
    func putFlag(_ type: some AttributeType) {
        put(type, bytes: [])
    }

    /// Appends an attribute that holds those which `content` appends.
    func nest(_ type: some AttributeType, _ content: () -> Void) {
        let place = unsafe warrens_nest_begin(raw, type.number)
        guard place >= 0 else { return note(-1) }
        content()
        note(unsafe warrens_nest_end(raw, place))
    }

    private func note(_ result: Int32) {
        if result < 0, failure == nil { failure = errno }
    }
}

/// The number of an attribute: the kernel's headers name them by constants of several types.
protocol AttributeType {
    var number: Int32 { get }
}

extension Int: AttributeType {
    var number: Int32 { Int32(truncatingIfNeeded: self) }
}

extension Int32: AttributeType {
    var number: Int32 { self }
}

extension AttributeType where Self: RawRepresentable, RawValue == UInt32 {
    var number: Int32 { Int32(truncatingIfNeeded: rawValue) }
}

extension nlmsgerr_attrs: AttributeType {}
extension rtattr_type_t: AttributeType {}
