import Addressing
import CNI
import Glibc
import Host
import JSON
import Synchronization
import Testing

/// A node with its own root directory, on which `warrens-ipam` is run as a runtime runs it.
struct Node {
    let root: String

    static let machineID = "0123456789abcdef0123456789abcdef"
    static let v6Subnet = "fd53:7769:726c:3029:13e9:dc81:ee6d::/112"
    static let v4Subnet = "10.220.106.0/24"

    /// The directory of this test's executable, where the build puts ours as well.
    static let products = Files.parent(of: Files.runningExecutable ?? "")

    /// Runs a test on a node of its own, which is removed afterwards.
    static func with<Result>(
        settings: String? = nil, root: String = "/tmp/warrens-ipam-test.\(getpid()).\(UInt32.random(in: 0 ... .max))",
        _ body: (Node) throws -> Result
    ) throws -> Result {
        let node = Node(root: root)
        try Files.makeDirectories("\(root)/etc/warrens")
        defer { try? Files.removeTree(root) }
        try Files.replace("\(root)/etc/machine-id", with: Array("\(machineID)\n".utf8))
        if let settings { try node.setSettings(settings) }
        return try body(node)
    }

    func setSettings(_ text: String) throws {
        try Files.replace("\(root)/etc/warrens/warrens.json", with: Array(text.utf8))
    }

    struct Answer {
        let ending: ChildProcess.Ending
        let text: String
        let log: String

        var object: JSONObject { (try? JSONValue(parsing: Array(text.utf8)))?.objectValue ?? [:] }
        var code: Int? { object["code"]?.intValue }
        var message: String { object["msg"]?.stringValue ?? "" }
        var details: String { object["details"]?.stringValue ?? "" }
        var isSuccess: Bool { ending == .exited(code: 0) }

        /// The addresses of a result, as written.
        var addresses: [String] {
            object["ips"]?.arrayValue?.compactMap { $0.objectValue?["address"]?.stringValue } ?? []
        }
    }

    /// Runs one verb.
    ///
    /// - Parameters:
    ///   - container: The container's id.
    ///   - ipam: Further members of the `ipam` object, as JSON text without braces.
    ///   - extra: Further members of the configuration, as JSON text without braces.
    ///   - host: The network namespace that stands for the host's; a new and empty one where none is given.
    func run(
        _ verb: String, _ container: String = "container", interface: String = "eth0", netns: String = "",
        network: String = "net", version: String = "1.1.0", type: String = "warrens", ipam: String = "",
        extra: String = "", arguments: String = "", faultPoint: String = "",
        host: String? = nil
    ) throws -> Answer {
        let ipam = ipam.isEmpty ? "" : ",\(ipam)"
        let extra = extra.isEmpty ? "" : ",\(extra)"
        let input = """
            {"cniVersion":"\(version)","name":"\(network)","type":"\(type)",\
            "ipam":{"type":"warrens-ipam"\(ipam)}\(extra)}
            """
        let outcome = try ChildProcess.run(
            executable: host == nil ? "/usr/bin/unshare" : "/usr/bin/nsenter",
            arguments: ["--net\(host.map { "=\($0)" } ?? "")", "\(Self.products)/warrens-ipam"],
            environment: [
                ("WARRENS_ROOT", root), ("WARRENS_FAULT_POINT", faultPoint), ("CNI_COMMAND", verb),
                ("CNI_CONTAINERID", container), ("CNI_IFNAME", interface),
                ("CNI_NETNS", netns.isEmpty && verb != "DEL" ? "/var/run/netns/none" : netns),
                ("CNI_PATH", Self.products), ("CNI_ARGS", arguments),
            ], input: Array(input.utf8), forwardsErrors: false)
        return Answer(
            ending: outcome.ending, text: String(decoding: outcome.output, as: UTF8.self),
            log: String(decoding: outcome.errorOutput, as: UTF8.self))
    }

    /// What must hold between any two runs: each address is marked as one lease's, and each lease has its addresses.
    func expectConsistency(leases: Int, families: Int = 2) throws {
        var marked: Set<String> = []
        var files = 0
        for network in try Files.names(in: leaseRoot) where !network.hasPrefix(".") {
            for name in try Files.names(in: "\(leaseRoot)/\(network)") {
                #expect(name.hasSuffix(".json"), "\(name) was left over")
                files += 1
                let path = "\(leaseRoot)/\(network)/\(name)"
                let lease = try JSONValue(parsing: Files.read(path)).objectValue
                for entry in lease?["addresses"]?.arrayValue ?? [] {
                    let address = entry.objectValue?["address"]?.stringValue?.split(separator: "/").first.map(
                        String.init)
                    let isNew = marked.insert(address ?? "").inserted
                    #expect(isNew, "\(address ?? "") is leased twice")
                    #expect(Files.identity(of: "\(leaseRoot)/.addresses/\(address ?? "")") == Files.identity(of: path))
                }
            }
        }
        #expect(files == leases)
        #expect(marked.count == leases * families)
        #expect(try Set(leasedAddresses()) == marked)
    }

    /// Lets leases of dead containers be looked for at once; after a search there is none for a while.
    func forgetReclaim() throws {
        try NumberFile(opening: "\(leaseRoot)/.state", writable: true).write(0, at: 4)
    }

    var leaseRoot: String { "\(root)/run/warrens/leases" }

    /// The names of the lease files of a network.
    func leaseFiles(_ network: String = "net") throws -> [String] {
        try Files.names(in: "\(leaseRoot)/\(network)").sorted()
    }

    /// The addresses that are marked as leased.
    func leasedAddresses() throws -> [String] {
        try Files.names(in: "\(leaseRoot)/.addresses").sorted()
    }
}

/// Runs `body` for every number below `count` on threads of its own, all at once.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    final class Job: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    var threads: [pthread_t] = []
    for index in 0..<count {
        var thread = pthread_t()
        // Sound: the retained job is released by the one thread that gets it.
        let job = unsafe Unmanaged.passRetained(Job { body(index) })
        let code = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, unsafe job.toOpaque())
        if code == 0 { threads.append(thread) }
    }
    for thread in threads { pthread_join(thread, nil) }
}
