import Host
import JSON

/// The network lists that the container runtimes of this node read.
struct NetworkLists {
    struct File {
        let path: String
        /// The configurations in it that are ours.
        let own: [JSONObject]
        /// Why it cannot be used.
        let error: String?
    }

    static let directories = ["/etc/cni/net.d", "/var/lib/rancher/k3s/agent/etc/cni/net.d"]

    let paths: NodePaths

    /// The files of one directory in the order in which a runtime looks at them: it takes the first.
    func files(in directory: String) -> [File] {
        let directory = paths.root + directory
        let names = ((try? Files.names(in: directory)) ?? []).filter { name in
            [".conflist", ".conf", ".json"].contains { name.hasSuffix($0) }
        }
        return names.sorted().map { Self.file("\(directory)/\($0)") }
    }

    /// True unless a network list of ours leaves the start of `warrensd` to somebody else.
    var startsDaemon: Bool {
        let own = Self.directories.flatMap(files).flatMap(\.own)
        return !own.contains { configuration in
            let tunnel = configuration["tunnel"]?.objectValue
            return tunnel?["autostart"] == false || tunnel?["enabled"] == false
        }
    }

    /// True where a network list of ours has `warrens` remove foreign addresses from the bridge.
    var removesForeignAddresses: Bool {
        Self.directories.flatMap(files).flatMap(\.own).contains { $0["forceAddress"] == true }
    }

    private static func file(_ path: String) -> File {
        do {
            guard let list = try JSONValue(parsing: Files.read(path)).objectValue else {
                return File(path: path, own: [], error: "is not a JSON object")
            }
            let plugins = list["plugins"]?.arrayValue?.compactMap(\.objectValue) ?? [list]
            return File(path: path, own: plugins.filter { $0["type"] == "warrens" }, error: nil)
        } catch let error as JSONError {
            return File(path: path, own: [], error: "is not valid JSON: \(error)")
        } catch {
            return File(path: path, own: [], error: "cannot be read: \(error)")
        }
    }
}
