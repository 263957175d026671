internal import Host
internal import Overlay
internal import PacketPath

/// Holds the settings against what this build can do.
enum Capabilities {
    /// Refuses what would otherwise be silently something else than was asked for.
    ///
    /// - Returns: Why the datapath in use is in use.
    static func check(_ settings: Settings, source: String) throws(OverlayError) -> String {
        if settings.encryption != .none {
            throw refusal(source, "encryption", settings.encryption.rawValue, "none")
        }
        switch settings.datapath {
        case .ebpf: throw refusal(source, "datapath", settings.datapath.rawValue, "auto or tun")
        case .tun: return "the settings say so"
        case .auto: return "this version has no eBPF datapath"
        }
    }

    /// How the user-space datapath works under these settings.
    static func options(_ settings: Settings) -> TunOptions {
        TunOptions(
            batches: settings.batching == .automatic,
            queues: settings.queues ?? min(max(processorCount() / 2, 1), mostQueues),
            hashesSourcePorts: settings.sourcePorts == .hashed, framing: settings.framing)
    }

    /// Queues beyond this many are for the settings to ask for: each costs two threads and their memory.
    private static let mostQueues = 4

    private static func refusal(_ source: String, _ key: String, _ value: String, _ remedy: String) -> OverlayError {
        OverlayError(
            source: source, key: key, problem: "\"\(value)\" is not in this version of warrensd",
            remedy: "use \(remedy)")
    }
}
