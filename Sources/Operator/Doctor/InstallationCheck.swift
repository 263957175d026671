import Host

/// Executables, network lists and what else is installed beside them.
struct InstallationCheck: Check {
    let subject = "installation"
    let paths: NodePaths

    private static let executables = ["warrens", "warrens-ipam", "warrensd"]
    private static let programDirectories = [
        "/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni", "/var/lib/rancher/k3s/data/cni",
    ]

    func findings() -> [Finding] {
        programs() + NetworkLists.directories.flatMap(lists) + runtimes() + networkManager()
    }

    private func programs() -> [Finding] {
        let directories = Self.programDirectories.map { paths.root + $0 }
        guard let home = directories.first(where: { Files.isExecutable("\($0)/warrens") }) else {
            return [
                .problem(
                    subject, "no directory of CNI plugins holds warrens", remedy: "copy the executables to /opt/cni/bin"
                )
            ]
        }
        let missing = Self.executables.filter { !Files.isExecutable("\(home)/\($0)") }
        guard missing.isEmpty else {
            return [
                .problem(
                    subject, "\(home) holds warrens, but not \(missing.joined(separator: " and "))",
                    remedy: "copy all executables to \(home)")
            ]
        }
        var findings = [Finding.good(subject, "the executables are in \(home)")]
        if !directories.contains(where: { Files.isExecutable("\($0)/loopback") }) {
            findings.append(
                .notice(
                    subject, "no directory holds the loopback plugin, which Kubernetes pods need",
                    remedy: "install the package containernetworking-plugins"))
        }
        return findings
    }

    /// A runtime takes the first list of the directory, by name.
    private func lists(_ directory: String) -> [Finding] {
        let files = NetworkLists(paths: paths).files(in: directory)
        let unusable = files.compactMap { file in
            file.error.map {
                Finding.problem(
                    subject, "\(file.path) \($0)", remedy: "correct it, or take it away; a runtime cannot use it")
            }
        }
        guard let first = files.first else { return [] }
        guard let own = files.first(where: { !$0.own.isEmpty }) else {
            // An unusable one may well be ours.
            guard unusable.isEmpty else { return unusable }
            return [
                .notice(
                    subject, "\(paths.root)\(directory) holds no network list of ours",
                    remedy: "copy conf/10-warrens.conflist there, and take \(first.path) away")
            ]
        }
        guard own.path == first.path else {
            return unusable + [
                .problem(
                    subject, "\(first.path) comes before \(own.path), and the runtime takes the first",
                    remedy: "take \(first.path) away")
            ]
        }
        return unusable + [.good(subject, "\(own.path) is the network list in force")]
    }

    private func runtimes() -> [Finding] {
        let sockets = ["/run/containerd/containerd.sock", "/run/k3s/containerd/containerd.sock"]
        return sockets.filter { Files.exists(paths.root + $0) }.map { .good(subject, "a containerd listens at \($0)") }
    }

    private func networkManager() -> [Finding] {
        guard Files.exists("\(paths.root)/run/NetworkManager") else { return [] }
        let directory = "\(paths.root)/etc/NetworkManager/conf.d"
        let isTold = ((try? Files.names(in: directory)) ?? []).contains { name in
            let content = (try? Files.read("\(directory)/\(name)")) ?? []
            return String(decoding: content, as: UTF8.self).contains("interface-name:warrens0")
        }
        if isTold { return [.good(subject, "NetworkManager leaves our devices alone")] }
        return [
            .notice(
                subject, "NetworkManager may take our devices for its own",
                remedy: "copy conf/networkmanager-warrens.conf to /etc/NetworkManager/conf.d/warrens.conf")
        ]
    }
}
