internal import BPFShim
internal import Host

/// The maps of `Sources/TunnelDatapath/BPF/maps.h`.
struct DatapathMaps: Sendable {
    let config: BPFMap<UInt32, warrens_config>
    let counters: CounterMap<UInt32>
    let subnets: BPFMap<warrens_address, UInt32>
    let oddSubnets: BPFMap<warrens_prefix, UInt32>
    let routes: BPFMap<warrens_prefix, UInt32>
    let nodes: BPFMap<warrens_address, UInt32>
    let peers: BPFMap<UInt32, warrens_peer>
    let traffic: BPFMap<UInt32, warrens_traffic>
    let sources: BPFMap<warrens_source, UInt8>
    let endpoints: BPFMap<warrens_endpoint, UInt32>
    let own: BPFMap<warrens_prefix, UInt32>
    let addresses: BPFMap<warrens_address, UInt8>
    let locals: BPFMap<warrens_address, warrens_local>
    let flows: BPFMap<warrens_flow, warrens_evidence>

    /// Their names in the object, which are those of their pins, too.
    static let names = [
        "config", "counters", "subnets", "odd_subnets", "routes", "nodes", "peers", "traffic", "sources", "endpoints",
        "own", "addresses", "locals", "flows",
    ]

    init(_ object: borrowing BPFObject) throws(SystemError) {
        config = try BPFMap(object.map(named: "config"))
        counters = try CounterMap(object.map(named: "counters"))
        subnets = try BPFMap(object.map(named: "subnets"))
        oddSubnets = try BPFMap(object.map(named: "odd_subnets"))
        routes = try BPFMap(object.map(named: "routes"))
        nodes = try BPFMap(object.map(named: "nodes"))
        peers = try BPFMap(object.map(named: "peers"))
        traffic = try BPFMap(object.map(named: "traffic"))
        sources = try BPFMap(object.map(named: "sources"))
        endpoints = try BPFMap(object.map(named: "endpoints"))
        own = try BPFMap(object.map(named: "own"))
        addresses = try BPFMap(object.map(named: "addresses"))
        locals = try BPFMap(object.map(named: "locals"))
        flows = try BPFMap(object.map(named: "flows"))
    }
}
