internal import Glibc
public import Host
internal import NetlinkShim

extension RouteSocket {
    /// Sees to it that there is a pair of virtual Ethernet devices with both ends in this namespace, up, and without
    /// addresses. One that is there already is kept, whoever made it, and gets the MTU.
    ///
    /// - Parameter mtu: In bytes, of both ends.
    /// - Returns: The ends, in the order of their names here.
    /// - Throws: EEXIST where a name belongs to a device that is not such an end.
    public func ensureVethPair(
        _ first: String, _ second: String, mtu: Int
    ) throws(SystemError) -> (first: Link, second: Link) {
        try perform(
            .createVeth(VethEnd(name: first, mtu: mtu), peer: VethEnd(name: second, mtu: mtu)).toleratingExistence())
        let pair = try vethPair(first, second)
        try perform(
            [pair.first.index, pair.second.index].flatMap { index -> [RouteRequest] in
                [
                    // Before it goes up, which is when it would get one. EAFNOSUPPORT: this kernel has no IPv6.
                    .changeLink(index, LinkChange(addressGeneration: AddressGeneration.none)).tolerating(EAFNOSUPPORT),
                    .changeLink(index, LinkChange(isUp: true, mtu: mtu)),
                ]
            })
        return try vethPair(first, second)
    }

    private func vethPair(_ first: String, _ second: String) throws(SystemError) -> (first: Link, second: Link) {
        guard let one = try link(named: first), let other = try link(named: second), one.isVeth, other.isVeth,
            one.peerNamespaceID == nil, one.peerIndex == other.index, other.peerIndex == one.index
        else {
            throw SystemError(
                "create veth", "\(first) with peer \(second)", code: EEXIST,
                detail: "another device has one of these names; delete or rename it")
        }
        return (one, other)
    }
}
