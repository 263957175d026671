import Addressing

/// A pod of this node, as the datapath needs to know it.
struct LocalPod: Hashable, Sendable {
    /// The host's end of the pod's veth pair: its name, and its index on the host.
    var hostInterface: String
    var interfaceIndex: Int32
    /// The hardware address of the host's end.
    var hostMAC: MACAddress
    /// The index of the bridge whose port it is.
    var bridge: Int32?
    /// The hardware address of the pod's end.
    var mac: MACAddress
    /// The pod's addresses, of both families.
    var addresses: [IPAddress]
    /// Somebody limits or filters on the host's end what the pod sends or gets, so no packet may go past that.
    var isShaped: Bool
}

/// The pods of this node at one moment.
struct LocalPods: Equatable, Sendable {
    /// By the index of the host's end, which no two links ever share while the host runs.
    private(set) var byInterface: [Int32: LocalPod] = [:]

    init(_ pods: [LocalPod] = []) {
        for pod in pods { byInterface[pod.interfaceIndex] = pod }
    }

    /// What makes these pods of `former` ones.
    func difference(from former: LocalPods) -> LocalPodDifference {
        LocalPodDifference(
            removed: former.byInterface.values.filter { byInterface[$0.interfaceIndex] == nil },
            updated: byInterface.values.filter { former.byInterface[$0.interfaceIndex] != $0 })
    }
}

/// Pods that came, changed or went. What is removed is to be taken out first: its addresses may be another pod's by now.
struct LocalPodDifference: Equatable, Sendable {
    /// As they were.
    var removed: [LocalPod]
    /// As they are now, new ones included.
    var updated: [LocalPod]

    var isEmpty: Bool { removed.isEmpty && updated.isEmpty }
}
