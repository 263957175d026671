internal import Glibc
public import Host
internal import NetlinkShim

extension Nftables {
    /// The chain called `name`, with its policy; nil where there is none. Costs the same however many chains there are.
    public func chain(_ name: String, in table: NftablesTable) throws(SystemError) -> NftablesChain? {
        let message = Message(nftables: NFT_MSG_GETCHAIN, family: table.family)
        message.put(NFTA_CHAIN_TABLE, text: table.name)
        message.put(NFTA_CHAIN_NAME, text: name)
        let request = Request(
            operation: "get nftables chain", subject: "\(table) \(name)", message: message, tolerated: [ENOENT])
        return try socket.query(request).flatMap { reply in
            NftablesChain(table.family, reply.payload.attributes(after: MemoryLayout<nfgenmsg>.size))
        }
    }

    /// The names of the devices at which a chain sees what they receive or send, by itself: of the family `netdev`, or of
    /// `inet` with the hook `ingress`.
    public func devicesWithChains() throws(SystemError) -> Set<String> {
        var devices: Set<String> = []
        for family in [NftablesFamily.netdev, .inet] {
            let found = try dump("chains", NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, family: family) { _, attributes in
                attributes.first(NFTA_CHAIN_HOOK).map { Self.devices(of: $0.attributes()) }
            }
            for names in found { devices.formUnion(names) }
        }
        return devices
    }

    private static func devices(of hook: Attributes) -> [String] {
        let list = hook.first(NFTA_HOOK_DEVS)?.attributes().compactMap { type, value in
            type == Int(NFTA_DEVICE_NAME.rawValue) ? value.text : nil
        }
        // Older kernels know one device for a chain alone.
        return list ?? hook.first(NFTA_HOOK_DEV).map { [$0.text] } ?? []
    }

    /// True where a set has an element; false where it has not, or where there is no such set.
    public func contains(_ element: NftablesElement, in set: NftablesSet) throws(SystemError) -> Bool {
        let message = Message(nftables: NFT_MSG_GETSETELEM, family: set.table.family)
        message.put(NFTA_SET_ELEM_LIST_TABLE, text: set.table.name)
        message.put(NFTA_SET_ELEM_LIST_SET, text: set.name)
        message.nest(NFTA_SET_ELEM_LIST_ELEMENTS) {
            for key in NftablesElement.keys(of: [element], in: set) where !key.isEnd {
                message.nest(Int32(NFTA_LIST_ELEM.rawValue)) {
                    message.nest(NFTA_SET_ELEM_KEY) { message.put(NFTA_DATA_VALUE, bytes: key.bytes) }
                }
            }
        }
        let request = Request(
            operation: "look into nftables set", subject: "\(set)", message: message, tolerated: [ENOENT])
        return try socket.query(request) != nil
    }
}
