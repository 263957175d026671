internal import Glibc
internal import Host
import Overlay

/// From the node file to the registry: how long it takes the first time and again, and how much memory the process has
/// then and had at most.
struct Load {
    let peers: Int
    let rounds: Int

    func measure() throws -> [Measurement] {
        try SampleNodes.Form.allCases.flatMap { form -> [Measurement] in
            let path = "/tmp/packet-bench-\(getpid()).json"
            defer { _ = unsafe unlink(path) }
            _ = try ProcessMemory.inAnotherProcess(["--write-nodes", path, "\(peers)", form.rawValue])
            let runs = try (0..<rounds).map { _ in try ProcessMemory.inAnotherProcess(["--load", path]) }
            return [("first", "s"), ("again", "s"), ("resident", "MB"), ("peak", "MB")].map { key, unit in
                Measurement(
                    question: "load", parameter: "\(form.rawValue) \(key)", peers: peers, unit: unit,
                    values: runs.compactMap { $0[key] })
            }
        }
    }

    /// - Returns: Lines of a name and a number.
    static func inThisProcess(_ path: String) throws -> String {
        var file = NodeFile.empty
        var registry = Registry.empty
        let read = {
            file = try NodeFile.read(path, settings: .default, former: file)
            registry = Registry.build(from: file, local: nil, settings: .default, facts: .unknown, former: registry)
        }
        let first = try nanoseconds(read)
        let (resident, peak) = (try ProcessMemory.resident, try ProcessMemory.peak)
        let again = try nanoseconds(read)
        return withExtendedLifetime((file, registry)) {
            "first \(first / 1e9)\nagain \(again / 1e9)\nresident \(resident)\npeak \(peak)\npeers \(registry.peers.count)"
        }
    }
}
