import Addressing
import CNI

/// The files of a lease store.
///
/// | path | what |
/// | --- | --- |
/// | `<network>/<hash>.json` | a lease, found by the hash of container id and interface name. It alone decides that addresses are leased |
/// | `.addresses/<address>` | a second name of the lease's file for each of its addresses, so that none is ever leased twice, not even by two networks |
/// | `.pools/<first>-<last>` | which addresses of a range are free, and in which order |
/// | `.state` | boot and dirty marker |
/// | `.lock` | held by whoever reads or changes any of these |
///
/// Network names begin with a letter or digit, so none of them is taken for one of the others.
struct StorePaths {
    let root: String

    var lock: String { "\(root)/.lock" }
    var state: String { "\(root)/.state" }
    var pools: String { "\(root)/.pools" }
    var addresses: String { "\(root)/.addresses" }

    func network(_ name: String) -> String { "\(root)/\(name)" }
    func lease(_ lease: Lease) -> String { "\(root)/\(lease.network)/\(lease.attachment.fileName)" }
    func address(_ address: IPAddress) -> String { "\(addresses)/\(address)" }
}
