import Host
import JSON

/// The content of a node annotation file: what `kubectl get nodes -o json` prints, a Node or a list of them.
public struct NodeFile: Hashable, Sendable {
    /// The nodes that can be used, in the file's order.
    public let entries: [NodeEntry]
    /// What is wrong with those and with the nodes that were skipped.
    public let problems: [NodeProblem]

    /// The most bytes that are read of a file: 1 GiB.
    public static let sizeLimit = 1 << 30

    /// A file without nodes.
    public static let empty = NodeFile(entries: [], problems: [])

    public init(entries: [NodeEntry], problems: [NodeProblem]) {
        self.entries = entries
        self.problems = problems
    }

    /// Reads a file as a stream: what is not needed is never stored.
    ///
    /// - Parameter former: What the file said before. Nodes of which it says the same share its memory.
    /// - Throws: Where the file as a whole cannot be used. The caller keeps what it had.
    public static func read(
        _ path: String, settings: Settings, former: NodeFile = .empty
    ) throws(OverlayError) -> NodeFile {
        let stream: FileStream
        do throws(SystemError) {
            stream = try FileStream(path, limit: sizeLimit)
        } catch {
            throw OverlayError(error, source: path, remedy: remedy)
        }
        return try read(
            from: JSONReader { bytes in try stream.read(into: &bytes) }, source: path, settings: settings,
            former: former)
    }

    /// Reads the content of a file that is in memory.
    public static func parse(_ bytes: [UInt8], source: String, settings: Settings) throws(OverlayError) -> NodeFile {
        try read(from: JSONReader(bytes), source: source, settings: settings, former: .empty)
    }

    private static let remedy = "write it with `kubectl get nodes -o json`"

    private static func read(
        from reader: consuming JSONReader, source: String, settings: Settings, former: NodeFile
    ) throws(OverlayError) -> NodeFile {
        var parser = NodeFileParser(reader, settings: settings, former: former.entries)
        do throws(JSONError) {
            try parser.parse()
        } catch {
            if let cause = error.cause as? SystemError { throw OverlayError(cause, source: source, remedy: remedy) }
            throw OverlayError(source: source, problem: "not valid JSON: \(error)", remedy: remedy)
        }
        guard let file = parser.file else {
            let kind = parser.kind.map { "kind \($0.prefix(64).debugDescription)" }
            let content = parser.shape ?? kind ?? "an object without a kind"
            throw OverlayError(
                source: source, problem: "holds \(content), not a Node, NodeList or List: an object with a \"kind\"",
                remedy: remedy)
        }
        return file
    }
}

/// Walks through the file once and keeps what matters of each node.
private struct NodeFileParser: ~Copyable {
    private var reader: JSONReader
    private let settings: Settings
    private(set) var kind: String?
    /// What the document is where it is no object.
    private(set) var shape: String?
    /// The document itself, should it turn out to be one node.
    private var document = NodeDescription()
    private var entries: [NodeEntry] = []
    private var problems: [NodeProblem] = []
    private var names: Set<String> = []
    private var position = 0
    private var former: FormerEntries

    init(_ reader: consuming JSONReader, settings: Settings, former: [NodeEntry]) {
        self.reader = reader
        self.settings = settings
        self.former = FormerEntries(former)
    }

    /// The nodes, where the document is one of the kinds that hold any.
    var file: NodeFile? {
        mutating get {
            switch kind {
            case "List", "NodeList": break
            case "Node": add(document)
            default: return nil
            }
            return NodeFile(entries: entries, problems: problems)
        }
    }

    mutating func parse() throws(JSONError) {
        let first = try reader.peekByte()
        guard first == UInt8(ascii: "{") else {
            shape = first == UInt8(ascii: "[") ? "a bare list" : "a bare value"
            try reader.skipValue()
            return try reader.end()
        }
        // `kind` may stand behind `items`, so both readings of the document are kept until its end.
        while let key = try reader.nextKey() {
            switch key {
            case "kind": kind = try reader.readValue().stringValue
            case "items": try parseItems()
            default: try reader.readNodeMember(key, into: &document)
            }
        }
        try reader.end()
    }

    private mutating func parseItems() throws(JSONError) {
        entries = []
        problems = []
        names = []
        position = 0
        while try reader.nextElement() {
            guard try reader.peekByte() == UInt8(ascii: "{") else {
                try reader.skipValue()
                position += 1
                problems.append(
                    NodeProblem(node: "item \(position)", field: "kind", message: "not an object; remove it"))
                continue
            }
            var description = NodeDescription()
            var kind = "Node"
            while let key = try reader.nextKey() {
                if key == "kind" {
                    kind = try reader.readValue().stringValue ?? ""
                } else {
                    try reader.readNodeMember(key, into: &description)
                }
            }
            if kind == "Node" {
                add(description)
            } else {
                position += 1
                problems.append(
                    NodeProblem(
                        node: description.name ?? "item \(position)", field: "kind",
                        message: "\(kind.prefix(64).debugDescription) is not a Node; remove it"))
            }
        }
    }

    private mutating func add(_ description: NodeDescription) {
        position += 1
        var interpreter = NodeInterpreter(description, position: position, settings: settings)
        let entry = interpreter.entry()
        problems += interpreter.problems
        guard let entry else { return }
        if names.insert(entry.name).inserted {
            entries.append(former.same(as: entry) ?? entry)
        } else {
            problems.append(
                NodeProblem(
                    node: entry.name, field: "metadata.name", message: "stands twice; the first entry counts"))
        }
    }
}

/// The nodes of an earlier reading, to be asked for in about the order in which they stood.
private struct FormerEntries {
    private let entries: [NodeEntry]
    private var next = 0
    /// Made once the order differs.
    private var positions: [String: Int] = [:]

    init(_ entries: [NodeEntry]) { self.entries = entries }

    /// The former entry that says the same; nil where none does.
    mutating func same(as entry: NodeEntry) -> NodeEntry? {
        guard !entries.isEmpty else { return nil }
        if next >= entries.count || entries[next].name != entry.name {
            if positions.isEmpty {
                positions = Dictionary(entries.enumerated().map { ($1.name, $0) }) { first, _ in first }
            }
            guard let position = positions[entry.name] else { return nil }
            next = position
        }
        next += 1
        return entries[next - 1] == entry ? entries[next - 1] : nil
    }
}
