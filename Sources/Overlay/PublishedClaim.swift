public import Addressing
public import Host
internal import JSON

/// What `warrens-nodes` knows of this node's claim at the Kubernetes API server: `/var/lib/warrens/published.json`.
///
/// Where nodes learn of each other from there, no address is leased before the others could have heard of its subnet.
/// The file survives a reboot, so that a node which comes up without the API server goes on with its own addresses.
public struct PublishedClaim: Hashable, Sendable {
    public let nodeID: NodeID
    public let generation: UInt8
    /// In the order of the annotation `warrens.io/subnets`.
    public let subnets: [IPPrefix]
    /// Who has a better claim to one of the subnets, in words; nil where nobody has.
    public let conflict: String?

    public init(_ node: LocalNode, conflict: String? = nil) {
        nodeID = node.nodeID
        generation = node.claim.generation
        subnets = node.subnets.map(\.prefix)
        self.conflict = conflict
    }

    /// True where this is the claim that is in force on the node, whether it is contested or not.
    public func isClaim(of node: LocalNode) -> Bool {
        self == PublishedClaim(node, conflict: conflict)
    }

    /// What the file holds; nil where there is none, or none that this version can read.
    public static func read(_ paths: NodePaths) throws(OverlayError) -> PublishedClaim? {
        do throws(SystemError) {
            guard let content = try Files.readIfPresent(paths.publishedClaim) else { return nil }
            return (try? JSONValue(parsing: content)).flatMap(PublishedClaim.init(json:))
        } catch {
            throw OverlayError(error, source: paths.publishedClaim, remedy: "make the file readable to root")
        }
    }

    /// Replaces the file, durably.
    public func write(_ paths: NodePaths) throws(OverlayError) {
        do throws(SystemError) {
            try Files.makeDirectories(paths.state)
            try Files.replace(
                paths.publishedClaim, with: Array((json.serialized(pretty: true) + "\n").utf8), durable: true)
        } catch {
            throw OverlayError(
                error, source: paths.publishedClaim,
                remedy: "make \(paths.state) writable to root, with room on its disk")
        }
    }

    var json: JSONValue {
        var object: JSONObject = [
            "nodeID": .string(nodeID.description),
            "generation": .number(generation),
            "subnets": .array(subnets.map { .string($0.description) }),
        ]
        if let conflict { object["conflict"] = .string(conflict) }
        return .object(object)
    }

    init?(json: JSONValue) {
        guard let object = json.objectValue, let nodeID = object["nodeID"]?.stringValue.flatMap({ NodeID($0) }),
            let generation = object["generation"]?.intValue.flatMap({ UInt8(exactly: $0) }),
            let texts = object["subnets"]?.arrayValue
        else { return nil }
        let subnets = texts.compactMap { $0.stringValue.flatMap { IPPrefix($0) } }
        guard subnets.count == texts.count else { return nil }
        self.nodeID = nodeID
        self.generation = generation
        self.subnets = subnets
        conflict = object["conflict"]?.stringValue
    }
}

extension LocalNode {
    /// Why no address may be leased from this node's subnets yet.
    public struct Unpublished: Hashable, Sendable {
        public let problem: String
        public let remedy: String
    }

    /// Holds the claim in force against what the API server has of it.
    ///
    /// - Returns: Nil where addresses may be leased: the others know of the claim and none has a better one, or they
    ///   learn of it by other means.
    public func unpublished(_ paths: NodePaths, _ settings: Settings) throws(OverlayError) -> Unpublished? {
        guard settings.nodeSource == .kubernetes else { return nil }
        let claimed = subnets.map(\.prefix.description).joined(separator: ",")
        guard let published = try PublishedClaim.read(paths) else {
            return Unpublished(
                problem: "the Kubernetes API server does not have this node's claim to \(claimed) yet",
                remedy: Self.publisherProblem(paths) ?? Self.startPublisher)
        }
        guard published.isClaim(of: self) else {
            let former = published.subnets.map(\.description).joined(separator: ",")
            return Unpublished(
                problem: "the Kubernetes API server has this node's claim to \(former), not yet that to \(claimed)",
                remedy: Self.publisherProblem(paths) ?? Self.startPublisher)
        }
        return published.conflict.map {
            Unpublished(
                problem: "another node has the better claim to a subnet of this node: \($0)",
                remedy: "see that warrensd runs: it takes other subnets by itself, unless they are pinned in "
                    + paths.settings)
        }
    }

    private static let startPublisher =
        "see that warrens-nodes runs on this node (the DaemonSet warrens, or the systemd unit warrens-nodes) and what "
        + "its log says"

    /// What `warrens-nodes` itself says keeps it from publishing.
    private static func publisherProblem(_ paths: NodePaths) -> String? {
        guard let content = try? Files.readIfPresent(paths.nodesError), !content.isEmpty else { return nil }
        return "warrens-nodes: " + String(decoding: content.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }
}
