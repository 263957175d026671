internal import Glibc
package import Host
internal import Netlink

/// What connection tracking thinks of TCP segments outside of the window that it has seen.
///
/// A flow that comes back to the stack is far from where connection tracking saw it last. Strict about windows, it would
/// call each of its packets invalid. What the setting was before is kept in a file, so that it is put back whatever became
/// of the process that changed it.
package struct LiberalTracking {
    private static let setting = "net.netfilter.nf_conntrack_tcp_be_liberal"
    private let record: String

    package init(_ paths: NodePaths) {
        record = paths.formerTracking
    }

    /// Has connection tracking be liberal. Does nothing as long as the kernel tracks no connections.
    ///
    /// - Returns: True where it was strict.
    func ensure() throws(SystemError) -> Bool {
        guard let present = try present, present != "1" else { return false }
        if !Files.exists(record) { try Files.replace(record, with: "\(present)\n".utf8) }
        try Sysctl.write(Self.setting, value: "1")
        return true
    }

    /// Puts back what was there before ``ensure()``, unless somebody has changed it since.
    ///
    /// - Returns: True where it was put back.
    @discardableResult
    package func restore() throws(SystemError) -> Bool {
        guard let former = try Files.readIfPresent(record) else { return false }
        let isOurs = try present == "1"
        if isOurs { try Sysctl.write(Self.setting, value: String(decoding: former.filter { $0 != 10 }, as: UTF8.self)) }
        try Files.remove(record)
        return isOurs
    }

    /// Nil where the kernel tracks no connections, as yet or at all.
    private var present: String? {
        get throws(SystemError) {
            do throws(SystemError) {
                return try Sysctl.read(Self.setting)
            } catch {
                if error.code == ENOENT { return nil }
                throw error
            }
        }
    }
}
