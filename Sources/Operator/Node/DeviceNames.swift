import Netlink

/// What this host's devices are called.
struct DeviceNames {
    private let names: [Int32: String]

    init(_ names: [Int32: String]) {
        self.names = names
    }

    /// As they are now; nothing where the kernel does not tell.
    init() {
        let links = (try? RouteSocket().links()) ?? []
        self.init(Dictionary(links.map { ($0.index, $0.name) }) { first, _ in first })
    }

    /// `eth0`, or `device 7` for one that is gone.
    subscript(index: Int32) -> String { names[index] ?? "device \(index)" }
}
