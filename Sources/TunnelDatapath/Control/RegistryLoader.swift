internal import Host
internal import Overlay
internal import Service

/// Keeps the registry: what the node annotation file last said that made sense.
struct RegistryLoader {
    /// The file, below `WARRENS_ROOT`.
    let path: String
    private(set) var registry = Registry.empty
    /// When the registry in force was read; nil while none was.
    private(set) var loadedAt: Timestamp?
    /// Why the file could not be read the last time; nil where it could, or where there never was one.
    private(set) var lastError: OverlayError?
    private var lastGood = NodeFile(entries: [], problems: [])

    init(path: String) {
        self.path = path
    }

    /// Reads the file again. One that is missing or makes no sense leaves the registry in force.
    mutating func read(settings: Settings) {
        do throws(OverlayError) {
            lastGood = try NodeFile.read(path, settings: settings, former: lastGood)
            loadedAt = Timestamp(seconds: WallClock.seconds())
            lastError = nil
        } catch {
            // A node that never had a file has no peers yet, and nothing is wrong with that.
            lastError = loadedAt == nil && !Files.exists(path) ? nil : error
        }
    }

    /// Builds the registry again, from what the file said last and what this node is now.
    ///
    /// - Returns: What is different.
    mutating func rebuild(node: LocalNode, settings: Settings, facts: UplinkFacts) -> RegistryDifference {
        let former = registry
        registry = Registry.build(from: lastGood, local: node, settings: settings, facts: facts, former: former)
        return registry.difference(from: former)
    }
}
