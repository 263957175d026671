package import Overlay

/// How the user-space datapath works, beyond what it carries.
package struct TunOptions: Sendable, Equatable {
    /// Many packets for each system call, and super-packets both ways. Without it each packet takes a read and a write
    /// of its own, which is what the benchmark compares with, and a way out where a driver's offloads are broken.
    package var batches: Bool
    /// Queues of the tunnel device, each with a thread for each direction. At least one.
    package var queues: Int
    /// Data leaves from several source ports, chosen by flow.
    package var hashesSourcePorts: Bool
    /// What stands before each inner packet, both ways.
    package var framing: Settings.Framing

    package init(
        batches: Bool = true, queues: Int = 1, hashesSourcePorts: Bool = false, framing: Settings.Framing = .raw
    ) {
        self.batches = batches
        self.queues = max(1, queues)
        self.hashesSourcePorts = hashesSourcePorts
        self.framing = framing
    }
}
