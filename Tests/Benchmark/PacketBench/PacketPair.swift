import Addressing
import PacketPath
import PacketReference

/// The packet path in Swift and in C, with the same tables and the same packets.
@safe
struct PacketPair: ~Copyable {
    enum Side: String {
        case swift
        case c
    }

    private let sample: SamplePackets
    private let source: IPAddress
    private var rehearsal: Rehearsal
    private let reference: OpaquePointer
    /// What passes, and what it was before: both directions change headers in place.
    private let bytes: UnsafeMutableRawBufferPointer
    private let original: UnsafeMutableRawBufferPointer

    /// - Parameter seed: Of the hashes of both sides' tables, which decides how long the searches in them are.
    init(_ sample: SamplePackets, peers: Int, seed: UInt64) throws {
        self.sample = sample
        var plan = SamplePlan.make(peers)
        for index in plan.peers.indices { plan.peers[index].defersChecksums = sample.defersChecksums }
        source = SampleAddresses(peers).outer(0)
        rehearsal = try Rehearsal(plan, seed: seed)
        // Sound: both blocks have the sample's length and live as long as this value, as the reference's memory does.
        unsafe reference = ReferenceTables.make(plan, seed: seed)
        unsafe bytes = .allocate(byteCount: sample.bytes.count, alignment: 64)
        unsafe original = .allocate(byteCount: sample.bytes.count, alignment: 64)
        unsafe original.copyBytes(from: sample.bytes)
        unsafe bytes.copyBytes(from: sample.bytes)
    }

    deinit {
        unsafe reference_destroy(reference)
        unsafe bytes.deallocate()
        unsafe original.deallocate()
    }

    /// Nanoseconds for the sample to pass `repetitions` times.
    mutating func time(_ side: Side, _ repetitions: Int) -> Double {
        let key = AddressKey(source)
        let (high, low) = source.numbers
        // The longest headers; payloads stay as they are.
        let changed = min(sample.each, 128)
        return nanoseconds {
            for _ in 0..<repetitions {
                for start in stride(from: 0, to: sample.bytes.count, by: sample.each) {
                    unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + changed])
                        .copyMemory(from: UnsafeRawBufferPointer(rebasing: original[start..<start + changed]))
                }
                switch (side, sample.direction) {
                case (.swift, .outbound): unsafe rehearsal.send(bytes, each: sample.each)
                case (.swift, .inbound):
                    unsafe rehearsal.receive(
                        bytes, each: sample.each, datagramLength: sample.datagramLength, from: key)
                case (.c, .outbound): unsafe reference_send(reference, bytes.baseAddress, bytes.count, sample.each)
                case (.c, .inbound):
                    unsafe reference_receive(
                        reference, bytes.baseAddress, bytes.count, sample.each, sample.datagramLength, high, low, 0)
                }
            }
        }
    }

    /// Traps where the two do not hand the same bytes to the kernel, or do not count the same.
    mutating func compare() {
        stand_in_digest(1)
        defer { stand_in_digest(0) }
        _ = stand_in_take()
        _ = time(.swift, 2)
        let swift = stand_in_take()
        _ = time(.c, 2)
        let c = stand_in_take()
        precondition(swift.digest == c.digest && swift.calls == c.calls, "Swift and C differ in \(sample.name)")
        let totals = rehearsal.totals
        let counted = unsafe reference_totals(reference)
        let (packets, other) =
            sample.direction == .outbound
            ? (totals[.sentPackets], counted.sent_packets) : (totals[.receivedPackets], counted.received_packets)
        precondition(packets == UInt64(2 * sample.count) && other == packets, "not all of \(sample.name) passed")
    }
}
