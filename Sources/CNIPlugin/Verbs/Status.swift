internal import CNI
internal import Host
internal import Netlink

/// STATUS: whether ADD can be served. It is asked every few seconds, changes nothing and never waits.
struct Status {
    /// How long a failed start of `warrensd` counts, in seconds. A node that reports "not ready" gets no pods, so no ADD
    /// that would try again: for ever, if the failure counted for ever.
    static let failureLifetime = 60

    private let request: Request
    private let configuration: PluginConfiguration
    private let context: NodeContext

    init(_ request: Request) throws(CNIError) {
        self.request = request
        configuration = try PluginConfiguration(request)
        // The settings alone: the node's identity is made by the first ADD, and STATUS leaves no trace.
        context = try NodeContext.load(.current, tunnelled: false)
    }

    func run() throws(CNIError) {
        if configuration.tunnel.enabled { try checkDaemon() }
        if let type = request.configuration.ipamType { try Delegate(type: type, request: request).status() }
    }

    /// A `warrensd` that does not run is fine as long as the next ADD can start it: after a boot it never runs.
    private func checkDaemon() throws(CNIError) {
        let keeper = DaemonKeeper(paths: context.paths, request: request)
        if keeper.isRunning { return }
        guard configuration.tunnel.autostart else {
            throw unavailable(
                "warrensd does not run, and \"tunnel\": {\"autostart\": false} leaves its start to a service manager",
                remedy: "systemctl start warrensd")
        }
        guard keeper.executable != nil else {
            throw unavailable(
                "warrensd does not run, and there is no executable of it in "
                    + keeper.searchPath.joined(separator: ":"), remedy: "install it beside warrens")
        }
        if let failure = keeper.lastFailure, let age = Files.age(of: context.paths.startError),
            (0...Self.failureLifetime).contains(age)
        {
            throw unavailable("warrensd cannot start: \(failure)", remedy: "its log is \(context.paths.log)")
        }
    }

    /// Code 51 where pods exist that depend on the tunnel, else 50.
    private func unavailable(_ message: String, remedy: String) -> CNIError {
        let bridge = configuration.bridge
        let details = [remedy] + foreignFirewalls + [LegacyFirewall.warning(bridge: bridge)].compactMap { $0 }
        return CNIError(
            hasPods ? .limitedConnectivity : .pluginNotAvailable, message, details: details.joined(separator: "; "))
    }

    private var foreignFirewalls: [String] {
        do throws(SystemError) {
            return try ForeignChains.warnings(Nftables(), bridge: configuration.bridge)
        } catch {
            return []
        }
    }

    private var hasPods: Bool {
        do throws(CNIError) {
            return try !RecordStore(context.paths).all().isEmpty
        } catch {
            return false
        }
    }
}
