public import Addressing
public import Host

/// What containers have taken of this node, by the files of its plugins.
public struct NodeOccupancy: Hashable, Sendable {
    /// How many container interfaces are attached, by the records of `warrens`.
    public let attachments: Int
    /// What `warrens-ipam` has leased, to whatever plugin, in the directory that it uses unless a conflist names another.
    public let leased: [IPAddress]

    /// What cannot be read counts as none.
    public init(_ paths: NodePaths) {
        attachments = Self.names(in: paths.attachments).count { $0.hasSuffix(".json") }
        // Each leased address is the name of a file.
        leased = Self.names(in: "\(paths.leases)/.addresses").compactMap { IPAddress($0) }
    }

    private static func names(in directory: String) -> [String] { (try? Files.names(in: directory)) ?? [] }
}
