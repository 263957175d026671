public import Addressing

/// What ADD answers: the interfaces, addresses, routes and name servers of an attachment
/// (CNI specification 1.1.0, section 5 "Success"). An IPAM plugin leaves out the interfaces.
public struct AttachmentResult: Sendable, Hashable {
    public struct Interface: Sendable, Hashable {
        public var name: String
        /// Empty where it is not known.
        public var mac: String
        /// In bytes.
        public var mtu: Int?
        /// The path of the container's network namespace; empty for an interface of the host.
        public var sandbox: String
        public var socketPath: String
        public var pciID: String

        public init(
            name: String, mac: String = "", mtu: Int? = nil, sandbox: String = "", socketPath: String = "",
            pciID: String = ""
        ) {
            self.name = name
            self.mac = mac
            self.mtu = mtu
            self.sandbox = sandbox
            self.socketPath = socketPath
            self.pciID = pciID
        }
    }

    public struct Address: Sendable, Hashable {
        /// With the length of its subnet.
        public var address: IPPrefix
        public var gateway: IPAddress?
        /// The index in ``AttachmentResult/interfaces`` of the interface that carries it.
        public var interface: Int?

        public init(address: IPPrefix, gateway: IPAddress? = nil, interface: Int? = nil) {
            self.address = address
            self.gateway = gateway
            self.interface = interface
        }
    }

    public struct Route: Sendable, Hashable {
        public var destination: IPPrefix
        public var gateway: IPAddress?
        /// In bytes.
        public var mtu: Int?
        /// The maximal segment size that TCP announces, in bytes.
        public var advertisedMSS: Int?
        /// The metric: lower wins.
        public var priority: Int?
        public var table: Int?
        /// rtnetlink(7)'s scope: 0 global, 253 link, 254 host.
        public var scope: Int?

        public init(
            destination: IPPrefix, gateway: IPAddress? = nil, mtu: Int? = nil, advertisedMSS: Int? = nil,
            priority: Int? = nil, table: Int? = nil, scope: Int? = nil
        ) {
            self.destination = destination
            self.gateway = gateway
            self.mtu = mtu
            self.advertisedMSS = advertisedMSS
            self.priority = priority
            self.table = table
            self.scope = scope
        }
    }

    public var interfaces: [Interface]
    public var addresses: [Address]
    public var routes: [Route]
    public var dns: DNS

    public init(
        interfaces: [Interface] = [], addresses: [Address] = [], routes: [Route] = [], dns: DNS = DNS()
    ) {
        self.interfaces = interfaces
        self.addresses = addresses
        self.routes = routes
        self.dns = dns
    }
}

/// Name servers and search domains, as in resolv.conf(5).
public struct DNS: Sendable, Hashable {
    public var nameservers: [String]
    public var domain: String
    public var search: [String]
    public var options: [String]

    public init(
        nameservers: [String] = [], domain: String = "", search: [String] = [], options: [String] = []
    ) {
        self.nameservers = nameservers
        self.domain = domain
        self.search = search
        self.options = options
    }

    public var isEmpty: Bool { self == DNS() }
}
