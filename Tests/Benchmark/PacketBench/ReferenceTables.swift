import Addressing
import PacketPath
import PacketReference

/// The tables of the reference in C, of a plan.
enum ReferenceTables {
    static func make(_ plan: ForwardingPlan, seed: UInt64) -> OpaquePointer {
        guard let reference = unsafe reference_create(seed) else { preconditionFailure("no memory") }
        unsafe add(plan.local.subnets, REFERENCE_OWN_SUBNETS, 0, to: reference)
        unsafe add(plan.local.routes, REFERENCE_OWN_ROUTES, 0, to: reference)
        for (number, peer) in plan.peers.enumerated() {
            let value = Int32(number)
            unsafe add(peer.subnets, REFERENCE_SUBNETS, value, to: reference)
            unsafe add(peer.routes, REFERENCE_ROUTES, value, to: reference)
            guard let endpoint = peer.endpoint else { continue }
            let (high, low) = endpoint.address.numbers
            unsafe reference_add_peer(
                reference, high, low, endpoint.port, Int32(peer.routeMTU), peer.defersChecksums ? 1 : 0)
            // Inner source, endpoint, endpoint in use: one address, as the sample plan has it.
            unsafe reference_add(reference, REFERENCE_NODE_ADDRESSES, high, low, 7 << 16 | Int32(endpoint.port), value)
        }
        unsafe reference_finish(reference)
        return unsafe reference
    }

    private static func add(_ prefixes: [IPPrefix], _ table: reference_table, _ value: Int32, to: OpaquePointer) {
        for prefix in prefixes {
            let (high, low) = prefix.first.numbers
            let length = Int32(prefix.length + (prefix.family == .v4 ? 96 : 0))
            unsafe reference_add(to, table, high, low, length, value)
        }
    }
}

extension IPAddress {
    /// As ``AddressKey`` has it.
    var numbers: (high: UInt64, low: UInt64) {
        family == .v4
            ? (0, 0xffff_0000_0000 | UInt64(truncatingIfNeeded: bits))
            : (UInt64(truncatingIfNeeded: bits >> 64), UInt64(truncatingIfNeeded: bits))
    }
}
