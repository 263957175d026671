import Addressing
import Host
import JSON
import Overlay

/// What this node's files tell, whether `warrensd` runs or not. Looking makes nothing, not even an identity.
struct NodeFacts {
    let settings: Settings
    let node: LocalNode?
    /// Why ``node`` is missing.
    let nodeError: String?
    /// Why no address may be leased yet; nil where it may, or where that cannot be told.
    let unpublished: LocalNode.Unpublished?
    /// How many container interfaces are attached.
    let attachments: Int
    /// How many addresses are leased.
    let leases: Int
    /// Why `warrensd` could not be started the last time; nil after a good start.
    let startError: String?

    init(_ paths: NodePaths, settings: Settings) {
        self.settings = settings
        do throws(OverlayError) {
            node = try LocalNode.peek(paths: paths, settings: settings)
            nodeError = nil
        } catch {
            node = nil
            nodeError = error.description
        }
        unpublished = (try? node?.unpublished(paths, settings)).flatMap(\.self)
        let occupancy = NodeOccupancy(paths)
        attachments = occupancy.attachments
        leases = occupancy.leased.count
        let text = (try? Files.readIfPresent(paths.startError)).flatMap { $0 }
        startError = text.map { String(decoding: $0.prefix { $0 != 0x0a }, as: UTF8.self) }
    }

    /// What `warrensd` has not taken over from the files of today, in words; nil where it has all.
    func difference(from report: StatusReport) -> String? {
        guard let node else { return nil }
        let present = Set((node.subnets + node.draining).map(\.prefix))
        guard Set(report.subnets) != present else { return nil }
        let texts = report.subnets.map(\.description).joined(separator: ", ")
        return "warrensd still works with the subnets \(texts); restart it to have it follow the settings"
    }

    var json: JSONValue {
        .object([
            "name": Output.optional(node?.name), "nodeID": Output.optional(node?.nodeID),
            "subnets": Output.texts(node?.subnets ?? []), "draining": Output.texts(node?.draining ?? []),
            "claim": Output.optional(node?.claim), "error": Output.optional(nodeError),
            "attachments": .number(attachments), "leases": .number(leases), "startError": Output.optional(startError),
        ])
    }
}
