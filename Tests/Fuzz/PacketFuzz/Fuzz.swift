import Addressing
import Overlay
import PacketPath

private func prefix(_ text: String) -> IPPrefix { IPPrefix(text) ?? IPPrefix(host: .unspecified(.v4)) }
private func address(_ text: String) -> IPAddress { IPAddress(text) ?? .unspecified(.v4) }

/// A node with a peer over each outer family, one of which is narrow and defers checksums.
private let plan = ForwardingPlan(
    local: .init(
        subnets: [prefix("10.1.0.0/24"), prefix("fd53::1:0/112")], routes: [prefix("172.16.0.0/16")],
        tunnelAddresses: [address("10.1.0.1"), address("fd53::1:1")], longestReceived: 9000),
    peers: [
        .init(
            name: "a", subnets: [prefix("10.2.0.0/24"), prefix("fd53::2:0/112")], routes: [prefix("10.99.0.0/16")],
            nodeAddresses: [address("192.0.2.2")], endpoint: SocketAddress(address("192.0.2.2"), port: 31337),
            outerSources: [address("192.0.2.2")]),
        .init(
            name: "b", subnets: [prefix("10.3.0.0/24"), prefix("fd53::3:0/112")],
            endpoint: SocketAddress(address("2001:db8::3"), port: 31337), routeMTU: 1300, outerSources: nil,
            defersChecksums: true),
    ])

private nonisolated(unsafe) var bare = rehearsal(TunOptions())
private nonisolated(unsafe) var framed = rehearsal(TunOptions(framing: .gpe))

private func rehearsal(_ options: TunOptions) -> Rehearsal {
    guard let rehearsal = try? Rehearsal(plan, options) else { preconditionFailure("no /dev/null") }
    return rehearsal
}

/// The first byte chooses the direction (its lowest bit) and the framing (its highest), for datagrams also whether they
/// come from a known node, and how long those are that the kernel has joined; the rest is a frame of the tunnel device or
/// a message from the network. Whatever comes, no packet goes missing uncounted.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard count > 1, count <= 65_536, let choice = unsafe start?.pointee else { return 0 }
    // Sound: the block is this call's own, and as long as what it is given.
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count - 1, alignment: 16)
    defer { unsafe bytes.deallocate() }
    unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(start: start.map { unsafe $0 + 1 }, count: count - 1))
    // Sound: the fuzzer has one thread.
    if choice & 0x80 == 0 { unsafe carry(bytes, choice, &bare) } else { unsafe carry(bytes, choice, &framed) }
    return 0
}

private func carry(_ bytes: UnsafeMutableRawBufferPointer, _ choice: UInt8, _ rehearsal: inout Rehearsal) {
    let before = rehearsal.totals
    if choice & 1 == 0 {
        guard bytes.count > 10 else { return }
        unsafe rehearsal.send(bytes, each: bytes.count)
        precondition(rehearsal.totals.packets > before.packets, "a packet from the device went missing")
    } else {
        let unit = Int(choice >> 2 & 0x1f)
        let length = unit == 0 ? bytes.count : unit * 24
        let source = address(choice & 2 == 0 ? "192.0.2.2" : "198.51.100.1")
        unsafe rehearsal.receive(
            bytes, each: bytes.count, datagramLength: length, from: AddressKey(source), trafficClass: choice & 3)
        let datagrams = UInt64((bytes.count + length - 1) / length)
        precondition(
            rehearsal.totals.packets == before.packets + datagrams, "datagrams and counters do not agree")
    }
}

extension CounterTotals {
    /// Packets that were carried, or dropped for a reason.
    fileprivate var packets: UInt64 {
        DropReason.allCases.reduce(self[.sentPackets] + self[.receivedPackets]) { $0 + self[$1] }
    }
}
