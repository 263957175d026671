internal import Host
internal import Overlay

/// Keeps the registry: what the node annotation file last said that made sense.
struct RegistryLoader {
    /// The file, below `WARRENS_ROOT`.
    let path: String
    private(set) var registry = Registry.empty
    /// When the registry in force was read; nil while none was.
    private(set) var loadedAt: Timestamp?
    /// Why the file could not be read the last time; nil where it could, or where there never was one.
    private(set) var lastError: OverlayError?

    init(path: String) {
        self.path = path
    }

    /// Reads the file again. A file that is missing or makes no sense leaves the registry in force.
    ///
    /// - Returns: What is different now.
    mutating func load(node: LocalNode, settings: Settings, facts: UplinkFacts) -> RegistryDifference {
        let former = registry
        do throws(OverlayError) {
            let file = try NodeFile.read(path, settings: settings)
            registry = Registry.build(from: file, local: node, settings: settings, facts: facts)
            loadedAt = Timestamp(seconds: WallClock.seconds())
            lastError = nil
        } catch {
            // A node without a file has no peers yet, and nothing is wrong with that.
            lastError = loadedAt == nil && !Files.exists(path) ? nil : error
        }
        return registry.difference(from: former)
    }
}
