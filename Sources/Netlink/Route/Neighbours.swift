public import Addressing
internal import Glibc
public import Host
internal import NetlinkShim

/// Which hardware address an IP address has on a link.
public struct Neighbour: Hashable, Sendable {
    public var address: IPAddress
    /// Nil where it is not known: resolution is under way or failed.
    public var mac: MACAddress?
    public var interfaceIndex: Int32
    /// `NUD_…` bits (rtnetlink(7)).
    public var state: UInt16

    /// A neighbour that is never asked for and never forgotten.
    public init(permanent address: IPAddress, mac: MACAddress, interfaceIndex: Int32) {
        self.init(address: address, mac: mac, interfaceIndex: interfaceIndex, state: UInt16(NUD_PERMANENT))
    }

    init(address: IPAddress, mac: MACAddress?, interfaceIndex: Int32, state: UInt16) {
        self.address = address
        self.mac = mac
        self.interfaceIndex = interfaceIndex
        self.state = state
    }

    public var isPermanent: Bool { state & UInt16(NUD_PERMANENT) != 0 }
}

extension RouteRequest {
    /// Sets a neighbour, whatever was known about the address before; `ip neighbour replace`.
    public static func replaceNeighbour(_ neighbour: Neighbour) -> RouteRequest {
        let message = Message(type: UInt16(RTM_NEWNEIGH), flags: NLM_F_CREATE | NLM_F_REPLACE)
        message.append(header(neighbour.address, neighbour.interfaceIndex, neighbour.state))
        message.put(NDA_DST, bytes: neighbour.address.bytes)
        if let mac = neighbour.mac { message.put(NDA_LLADDR, bytes: mac.bytes) }
        return RouteRequest(
            "replace neighbour", "\(neighbour.address) on index \(neighbour.interfaceIndex)", message)
    }

    /// Forgets a neighbour; ENOENT where there is none such.
    public static func deleteNeighbour(_ address: IPAddress, on index: Int32) -> RouteRequest {
        let message = Message(type: UInt16(RTM_DELNEIGH))
        message.append(header(address, index, 0))
        message.put(NDA_DST, bytes: address.bytes)
        return RouteRequest("delete neighbour", "\(address) on index \(index)", message)
    }

    private static func header(_ address: IPAddress, _ index: Int32, _ state: UInt16) -> ndmsg {
        var header = ndmsg()
        header.ndm_family = address.family.number
        header.ndm_ifindex = index
        header.ndm_state = state
        return header
    }
}

extension RouteSocket {
    /// The neighbours of both families, of one interface or of all; without the multicast addresses that the kernel
    /// lists among them (state `NUD_NOARP`).
    public func neighbours(on index: Int32? = nil) throws(SystemError) -> [Neighbour] {
        let neighbours = try socket.dump {
            let message = Message(type: UInt16(RTM_GETNEIGH), flags: NLM_F_DUMP)
            message.append(ndmsg())
            if let index { message.put(NDA_IFINDEX, index) }
            return Request(operation: "list", subject: "neighbours", message: message, tolerated: [ENODEV])
        } _: {
            Neighbour($0)
        }
        return neighbours.filter { $0.state & UInt16(NUD_NOARP) == 0 && (index == nil || $0.interfaceIndex == index) }
    }
}

extension Neighbour {
    init?(_ reply: Reply) {
        guard Int(reply.type) == RTM_NEWNEIGH, let header = reply.payload.header(ndmsg.self) else { return nil }
        let attributes = reply.payload.attributes(after: MemoryLayout<ndmsg>.size)
        guard let address = attributes.first(NDA_DST)?.address else { return nil }
        self.init(
            address: address, mac: attributes.first(NDA_LLADDR).flatMap { MACAddress(bytes: $0.bytes) },
            interfaceIndex: header.ndm_ifindex, state: header.ndm_state)
    }
}
