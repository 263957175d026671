import Addressing
import JSON
import Overlay

private let facts = UplinkFacts.unknown

/// A node annotation file or a settings file, by the first byte. Whatever comes, it is refused with a reason or means
/// something; and no subnet ever belongs to two peers.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    if bytes.first == UInt8(ascii: "s") {
        guard let document = try? JSONValue(parsing: Array(bytes.dropFirst())) else { return 0 }
        guard let settings = try? Settings(json: document, source: "fuzzed") else { return 0 }
        let id = NodeID(rawValue: .max)
        for subnet in SelfAssignment.subnets(of: id, settings: settings) {
            precondition(subnet.prefix.isNetwork, "a subnet with host bits")
            precondition(subnet.firstContainer <= subnet.lastContainer, "a subnet without room")
        }
        return 0
    }
    guard let file = try? NodeFile.parse(bytes, source: "fuzzed", settings: .default) else { return 0 }
    let registry = Registry.build(from: file, local: nil, settings: .default, facts: facts)
    var holders: [IPPrefix: String] = [:]
    for peer in registry.peers {
        for subnet in peer.subnets {
            let earlier = holders.updateValue(peer.name, forKey: subnet)
            precondition(earlier == nil, "a subnet with two holders")
        }
    }
    precondition(registry.difference(from: registry).isEmpty, "a registry that differs from itself")
    return 0
}
