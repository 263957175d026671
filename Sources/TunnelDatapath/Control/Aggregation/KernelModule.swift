internal import Host

/// Parts of the kernel that nothing loads by itself.
enum KernelModule {
    /// Asks for a module, in the way in which the kernel itself would. Whether that did any good, its user finds out: it may
    /// be built in, or not exist.
    static func load(_ name: String) {
        guard !Files.exists("/sys/module/\(name)"),
            let helper = try? Files.readIfPresent("/proc/sys/kernel/modprobe")
        else { return }
        let path = String(decoding: helper.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        guard path.hasPrefix("/") else { return }
        _ = try? ChildProcess.run(
            executable: path, arguments: ["-q", "--", name], environment: [], input: [], forwardsErrors: false)
    }
}
