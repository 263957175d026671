/// What the datapath `ebpf` has in the kernel, as part of a ``StatusReport``.
public struct KernelReport: Hashable, Sendable {
    /// A program at a hook of a device.
    public struct Program: Hashable, Sendable {
        /// `uplink`
        public var name: String
        /// The device's index.
        public var device: Int32
        /// `ingress` or `egress`.
        public var direction: String
        /// The kernel's number for the program; nil where it is gone from its hook.
        public var number: UInt32?

        public init(name: String, device: Int32, direction: String, number: UInt32?) {
            self.name = name
            self.device = device
            self.direction = direction
            self.number = number
        }
    }

    /// A map, and how full it is.
    public struct Map: Hashable, Sendable {
        public var name: String
        /// Nil where it cannot be read.
        public var entries: Int?
        public var capacity: Int
        /// It forgets what was used least recently rather than refuse what is new.
        public var forgets: Bool

        public init(name: String, entries: Int?, capacity: Int, forgets: Bool = false) {
            self.name = name
            self.entries = entries
            self.capacity = capacity
            self.forgets = forgets
        }
    }

    /// How programs hang on devices: `tcx`, or `tc` for filters of traffic control.
    public var hooks: String
    /// What merges received packets before the programs see them, and why.
    public var aggregation: String
    /// What this kernel lacks that the datapath does without, each with the reason.
    public var missing: [String]
    public var programs: [Program]
    public var maps: [Map]

    public init(
        hooks: String, aggregation: String = "", missing: [String] = [], programs: [Program] = [], maps: [Map] = []
    ) {
        self.hooks = hooks
        self.aggregation = aggregation
        self.missing = missing
        self.programs = programs
        self.maps = maps
    }
}
