/// What a kernel path has in the kernel at one moment.
package struct KernelInspection: Sendable, Equatable {
    package struct Hook: Sendable, Equatable {
        package var program: String
        /// The device's index.
        package var device: Int32
        /// `ingress` or `egress`.
        package var direction: String
        /// The kernel's number of the program; nil where it is gone.
        package var programID: UInt32?
    }

    package struct Map: Sendable, Equatable {
        package var name: String
        package var entries: Int
        package var capacity: Int
    }

    package var hooks: [Hook]
    package var maps: [Map]
}
