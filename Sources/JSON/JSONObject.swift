/// The members of a JSON object, in the order in which their keys first stood.
public struct JSONObject: Sendable {
    private var storage: [(key: String, value: JSONValue)] = []
    /// Where each key stands; kept only once a search from end to end would be the slower way.
    private var positions: [String: Int] = [:]
    private static let indexingThreshold = 16

    public init() {}

    /// Makes an object; of equal keys the last one counts.
    public init(_ members: some Sequence<(String, JSONValue)>) {
        for (key, value) in members { self[key] = value }
    }

    public var members: [(key: String, value: JSONValue)] { storage }
    public var keys: [String] { storage.map(\.key) }
    public var isEmpty: Bool { storage.isEmpty }
    public var count: Int { storage.count }

    /// The member's value; nil where there is none. A member that is `null` is there.
    public subscript(key: String) -> JSONValue? {
        get { position(of: key).map { storage[$0].value } }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?):
                storage[position].value = value
            case (nil, let value?):
                append(key, value)
            case (let position?, nil):
                storage.remove(at: position)
                rebuildPositions()
            case (nil, nil):
                break
            }
        }
    }

    private func position(of key: String) -> Int? {
        positions.isEmpty ? storage.firstIndex { $0.key == key } : positions[key]
    }

    private mutating func append(_ key: String, _ value: JSONValue) {
        storage.append((key, value))
        if !positions.isEmpty {
            positions[key] = storage.count - 1
        } else if storage.count > Self.indexingThreshold {
            rebuildPositions()
        }
    }

    private mutating func rebuildPositions() {
        positions = [:]
        guard storage.count > Self.indexingThreshold else { return }
        for (position, member) in storage.enumerated() { positions[member.key] = position }
    }
}

/// Two objects are equal where they have the same members, in whatever order.
extension JSONObject: Hashable {
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.count == right.count && left.storage.allSatisfy { right[$0.key] == $0.value }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(storage.reduce(0) { $0 ^ $1.key.hashValue })
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(elements)
    }
}
