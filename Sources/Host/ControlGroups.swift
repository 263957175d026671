internal import Glibc

/// The control groups (cgroups(7)) that a process left behind by a container runtime must not stay in.
///
/// A service manager ends a service by killing its group, so a node's own process that a plugin started would die with
/// the runtime, and would be counted against the runtime's limits. It moves beside the service, not to the root: limits
/// of the slice or container around the runtime still hold. A group that no service manager made is left alone.
enum ControlGroups {
    /// Opens the `cgroup.procs` files, one for each hierarchy in which this process is part of a service, of a sibling
    /// group that the service manager does not know. Hierarchies where that fails are left out.
    static func outsideOfService() -> [OwnedDescriptorBox] {
        let membership = text("/proc/self/cgroup")
        let mounts = text("/proc/self/mounts")
        return destinations(membership: membership, mounts: mounts).compactMap { group in
            do throws(SystemError) {
                try Files.makeDirectories(group)
                return OwnedDescriptorBox(try OwnedDescriptor.open("\(group)/cgroup.procs", O_WRONLY))
            } catch {
                return nil
            }
        }
    }

    /// The directories of the groups to move to.
    ///
    /// - Parameters:
    ///   - membership: The content of /proc/self/cgroup: lines of `id:controllers:path`; version 2 has no controllers.
    ///   - mounts: The content of /proc/self/mounts.
    static func destinations(membership: String, mounts: String) -> [String] {
        let mounted = mounts.split(separator: "\n").compactMap(Mount.init)
        return membership.split(separator: "\n").compactMap { line in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, let slice = parentOfService(fields[2]) else { return nil }
            let controllers = fields[1].split(separator: ",").map(String.init)
            guard let mount = mounted.first(where: { $0.carries(controllers) }) else { return nil }
            return "\(mount.point)\(slice)/warrensd"
        }
    }

    /// The part of a group's path above the first systemd unit or OpenRC service in it: empty for the root; nil where
    /// the path names no service.
    private static func parentOfService(_ path: Substring) -> String? {
        let parts = path.split(separator: "/")
        guard let service = parts.firstIndex(where: isService) else { return nil }
        return parts[..<service].map { "/\($0)" }.joined()
    }

    private static func isService(_ name: Substring) -> Bool {
        name.hasSuffix(".service") || name.hasSuffix(".scope") || name.hasPrefix("openrc.")
    }

    private static func text(_ path: String) -> String {
        do throws(SystemError) {
            return String(decoding: try Files.read(path), as: UTF8.self)
        } catch {
            return ""
        }
    }

    private struct Mount {
        let point: String
        private let isVersion2: Bool
        private let options: [Substring]

        /// Reads a line of /proc/self/mounts; nil for other file systems than cgroup and cgroup2.
        init?(_ line: Substring) {
            let fields = line.split(separator: " ")
            guard fields.count >= 4, fields[2] == "cgroup" || fields[2] == "cgroup2" else { return nil }
            point = String(fields[1])
            isVersion2 = fields[2] == "cgroup2"
            options = fields[3].split(separator: ",")
        }

        func carries(_ controllers: [String]) -> Bool {
            controllers.isEmpty
                ? isVersion2 : !isVersion2 && controllers.allSatisfy { name in options.contains { $0 == name } }
        }
    }
}
