internal import Addressing
internal import CNI
internal import Host
internal import Netlink
internal import Overlay

/// The routes that refuse what would otherwise leave by the uplink in clear while `warrensd` is down, and what is for
/// pods that do not exist. A file says for which prefixes there are some, so that those of former settings are taken
/// back: they would hide somebody else's network.
struct Refusals {
    let socket: RouteSocket
    let wanted: [IPPrefix]
    let paths: NodePaths

    /// Makes what is missing and removes what is not wanted any more. Call it with the node lock held.
    func ensure() throws(SystemError) {
        let noted = try notedPrefixes()
        let stale = noted.filter { !wanted.contains($0) }
        // Noted before it is done: what a killed process did is found again.
        if !wanted.allSatisfy(noted.contains) { try note(stale + wanted) }
        try socket.perform(
            stale.map { .deleteRoute(Self.route(to: $0)).toleratingAbsence() }
                + wanted.map { .addRoute(Self.route(to: $0)).toleratingExistence() })
        if !stale.isEmpty { try note(wanted) }
    }

    /// The route that refuses what goes to `prefix` and has no better one.
    static func route(to prefix: IPPrefix) -> Route {
        Route(
            to: prefix, kind: .unreachable, metric: KernelNames.refusalMetric, origin: KernelNames.routeProtocol)
    }

    // MARK: The file: a prefix in each line

    private var file: String { "\(paths.run)/refusals" }

    private func notedPrefixes() throws(SystemError) -> [IPPrefix] {
        let content = try Files.readIfPresent(file) ?? []
        return String(decoding: content, as: UTF8.self).split(separator: "\n").compactMap { IPPrefix(String($0)) }
    }

    private func note(_ prefixes: [IPPrefix]) throws(SystemError) {
        try Files.replace(file, with: prefixes.map { "\($0)\n" }.joined().utf8)
    }
}
