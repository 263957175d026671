internal import Host
internal import JSON
public import Overlay

/// The nodes of the cluster as the node file has them, each as the bytes that stand for it there: ten thousand fit in a
/// few megabytes.
///
/// A node goes when the API server says that it was deleted. Where it is merely missing in a list it goes too, unless
/// the list is suspiciously short: then it stays until a later list says the same.
public struct KnownNodes: Sendable {
    private var records: [String: [UInt8]] = [:]
    /// Nodes that were missing in a suspiciously short list, and when that was first so, in seconds.
    private var doubted: [String: Int64] = [:]
    /// How many seconds a node may be missing before a further list that lacks it is believed.
    private let confirmation: Int64

    /// Of so few nodes any number may be missing.
    private static let fewest = 4

    public init(confirmation: Int64 = 60) {
        self.confirmation = confirmation
    }

    public var count: Int { records.count }
    /// Nodes that are kept though the last list did not have them.
    public var doubtedCount: Int { doubted.count }

    /// When to ask for a list that settles the doubts, in seconds of the same clock; nil where there are none.
    public var nextDoubt: Int64? { doubted.values.min().map { $0 + confirmation } }

    public subscript(name: String) -> NodeDescription? {
        records[name].flatMap { try? NodeDescription(parsing: $0) }
    }

    public func forEach(_ body: (NodeDescription) -> Void) {
        for name in records.keys { self[name].map(body) }
    }

    /// Takes a node's present state.
    ///
    /// - Returns: True where that changes what the file says.
    public mutating func put(_ node: NodeDescription) -> Bool {
        guard let name = node.name, !name.isEmpty else { return false }
        doubted[name] = nil
        let record = Self.record(node)
        guard records[name] != record else { return false }
        records[name] = record
        return true
    }

    /// - Returns: True where the node was known.
    public mutating func remove(_ name: String) -> Bool {
        doubted[name] = nil
        return records.removeValue(forKey: name) != nil
    }

    /// What became of the nodes that a list did not have.
    public struct Missing: Hashable, Sendable {
        public var removed: [String] = []
        /// Kept for now, because the list is suspiciously short.
        public var kept: [String] = []
    }

    /// Takes the end of a list: all that it had were ``put(_:)`` before.
    ///
    /// - Parameters:
    ///   - listed: The names that it had.
    ///   - now: In seconds of a clock that never goes back.
    public mutating func settle(listed: Set<String>, now: Int64) -> Missing {
        var missing = Missing()
        let absent = records.keys.filter { !listed.contains($0) }
        for name in absent where doubted[name].map({ now - $0 >= confirmation }) == true {
            missing.removed.append(name)
        }
        for name in missing.removed { _ = remove(name) }
        let rest = absent.filter { records[$0] != nil }
        if records.count >= Self.fewest, listed.count * 2 < records.count {
            for name in rest where doubted[name] == nil { doubted[name] = now }
            missing.kept = rest
        } else {
            for name in rest { _ = remove(name) }
            missing.removed += rest
            doubted = [:]
        }
        missing.removed.sort()
        missing.kept.sort()
        return missing
    }

    /// The file's content, piece by piece, in the order of the names: the same nodes always give the same text.
    public func write<Failure>(_ write: ([UInt8]) throws(Failure) -> Void) throws(Failure) {
        var piece = Array("{\"apiVersion\":\"v1\",\"kind\":\"NodeList\",\"items\":[\n".utf8)
        var isFirst = true
        for name in records.keys.sorted() {
            if !isFirst { piece += ",\n".utf8 }
            isFirst = false
            piece += records[name] ?? []
            if piece.count >= 1 << 16 {
                try write(piece)
                piece.removeAll(keepingCapacity: true)
            }
        }
        piece += "\n]}\n".utf8
        try write(piece)
    }

    /// Takes up what a node file says, as an earlier run or an operator left it.
    ///
    /// - Parameter next: The file's next bytes; none at its end.
    /// - Throws: Where the file is no list of Nodes. Nothing is known then.
    public mutating func load(_ next: () throws -> [UInt8]) throws {
        var splitter = ObjectSplitter(.items)
        var loaded = KnownNodes(confirmation: confirmation)
        while true {
            let bytes = try next()
            if bytes.isEmpty { break }
            try splitter.take(bytes) { _ = loaded.put(try NodeDescription(parsing: $0)) }
        }
        _ = try splitter.end()
        self = loaded
    }

    private static func record(_ node: NodeDescription) -> [UInt8] {
        let text = node.json.serialized().utf8
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        bytes += text
        return bytes
    }
}
