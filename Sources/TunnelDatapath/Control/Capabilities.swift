import Addressing
internal import Host
internal import KernelPath
internal import Overlay
internal import PacketPath

/// Holds the settings against what this build can do.
enum Capabilities {
    /// Refuses what would otherwise be silently something else than was asked for.
    static func check(_ settings: Settings, source: String) throws(OverlayError) {
        if settings.encryption != .none {
            throw refusal(source, "encryption", settings.encryption.rawValue, "none")
        }
    }

    /// Refuses what cannot change while packets flow.
    static func checkChange(from old: Settings, to new: Settings, source: String) throws(OverlayError) {
        let isSame =
            new.port == old.port && new.nodeFile == old.nodeFile && new.datapath == old.datapath
            && options(new) == options(old) && kernelOptions(new) == kernelOptions(old)
        if isSame { return }
        throw OverlayError(
            source: source,
            problem: "port, nodeFile, framing, batching, queues and sourcePorts cannot change while warrensd runs",
            remedy: "restart warrensd")
    }

    /// How the user-space datapath works under these settings.
    static func options(_ settings: Settings) -> TunOptions {
        TunOptions(
            batches: settings.batching == .automatic,
            queues: settings.queues ?? min(max(processorCount() / 2, 1), mostQueues),
            hashesSourcePorts: settings.sourcePorts == .hashed, framing: settings.framing)
    }

    /// How the kernel's datapath works under these settings.
    static func kernelOptions(_ settings: Settings) -> KernelOptions {
        KernelOptions(
            port: settings.port, mark: KernelNames.datagramMark,
            subnetLengthV4: settings.v4Prefix.length + settings.v4Width,
            subnetLengthV6: settings.v6Prefix.length + 64,
            framesPackets: settings.framing == .gpe, hashesSourcePorts: settings.sourcePorts == .hashed,
            fastPath: settings.fastPath == .on)
    }

    /// What others act on when this node announces it, sorted. Leaving checksums partial is a wish of the operator's, and
    /// so is not among them.
    static func features(_ settings: Settings, hasKernelPath: Bool) -> [String] {
        var features: [String] = []
        if hasKernelPath { features.append(PlanMaker.Feature.kernelPath) }
        if settings.framing == .gpe { features.append("gpe") }
        // Every socket of the tunnel takes such datagrams.
        return features + [PlanMaker.Feature.zeroChecksum6]
    }

    /// Queues beyond this many are for the settings to ask for: each costs two threads and their memory.
    private static let mostQueues = 4

    private static func refusal(_ source: String, _ key: String, _ value: String, _ remedy: String) -> OverlayError {
        OverlayError(
            source: source, key: key, problem: "\"\(value)\" is not in this version of warrensd",
            remedy: "use \(remedy)")
    }
}
