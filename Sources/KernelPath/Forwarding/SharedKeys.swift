internal import Host

/// A map of which several peers may own the same key, such as an address that a NAT shares out. The programs see one of
/// them, which is replaced by the next when it goes.
struct SharedKeys<Key: BitwiseCopyable & Sendable> {
    private let map: BPFMap<Key, UInt32>
    /// All owners of the keys that have more than one. The first is the one in the map.
    private var owners: [Bytes<Key>: [UInt32]] = [:]

    init(_ map: BPFMap<Key, UInt32>) { self.map = map }

    mutating func add(_ key: Key, _ number: UInt32) throws(SystemError) {
        let present = try map.value(for: key)
        if present == nil {
            try map.set(number, for: key)
        } else if let present, present != number {
            var list = owners[Bytes(key)] ?? [present]
            if !list.contains(number) { list.append(number) }
            owners[Bytes(key)] = list
        }
    }

    mutating func remove(_ key: Key, _ number: UInt32) throws(SystemError) {
        let rest = (owners[Bytes(key)] ?? []).filter { $0 != number }
        owners[Bytes(key)] = rest.count > 1 ? rest : nil
        guard try map.value(for: key) == number else { return }
        if let next = rest.first { try map.set(next, for: key) } else { try map.remove(key) }
    }

    /// Makes the map hold these and no others.
    mutating func replace(_ wanted: [(key: Key, number: UInt32)]) throws(SystemError) {
        var all: [Bytes<Key>: [UInt32]] = [:]
        for (key, number) in wanted where all[Bytes(key)]?.contains(number) != true {
            all[Bytes(key), default: []].append(number)
        }
        try map.replace(all.mapValues { $0[0] })
        owners = all.filter { $0.value.count > 1 }
    }
}

extension BPFMap {
    /// Makes the map hold these entries and no others. What is there already is not touched.
    func replace(_ wanted: [Bytes<Key>: Value]) throws(SystemError) {
        var missing = wanted
        var surplus: [Key] = []
        try forEach { key, value in
            let key = Bytes(key)
            guard let wanted = wanted[key] else {
                surplus.append(key.value)
                return
            }
            if Bytes(value) == Bytes(wanted) { missing[key] = nil }
        }
        try set(missing.map { (key: $0.key.value, value: $0.value) })
        try remove(surplus)
    }
}
