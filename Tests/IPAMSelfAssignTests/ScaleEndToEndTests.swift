import Addressing
import CNI
import Host
import Testing

@testable import IPAMSelfAssign

/// Takes half a minute, so it runs with the end-to-end suites.
@Suite struct ScaleEndToEndTests {
    /// Puts leases in place without running anything; the first run makes the index.
    private func fill(_ node: Node, count: Int) throws {
        let paths = StorePaths(root: node.leaseRoot)
        try Files.makeDirectories(paths.network("net"))
        try Files.makeDirectories(paths.addresses)
        let first = try #require(IPAddress("fd53:7769:726c:3029:13e9:dc81:ee6d:10"))
        let last = try #require(IPAddress("fd53:7769:726c:3029:13e9:dc81:ee6d:ffff"))
        let pool = try #require(PoolName(first: first, last: last))
        // The first address is leased already.
        for number in 0..<count {
            let address = try #require(pool.address(at: number + 1))
            let prefix = try #require(IPPrefix(address, length: 112))
            let lease = Lease(
                network: "net", attachment: Attachment(containerID: "filler-\(number)", interfaceName: "eth0"),
                plugin: "warrens", namespacePath: "/var/run/netns/filler", namespaceIdentity: nil, bootID: try Boot.id,
                addresses: [Lease.Address(address: prefix, gateway: nil, pool: pool)])
            try Files.replace(paths.lease(lease), with: lease.content)
            _ = try Files.link(paths.lease(lease), as: paths.address(address))
        }
    }

    /// The median time of ADD, CHECK and DEL together.
    private func cost(_ node: Node) throws -> Duration {
        var times: [Duration] = []
        for number in 0..<15 {
            times.append(
                try ContinuousClock().measure {
                    for verb in ["ADD", "CHECK", "DEL"] {
                        let answer = try node.run(verb, "pod-\(number)")
                        #expect(answer.isSuccess, "\(answer.text)")
                    }
                })
        }
        return times.sorted()[times.count / 2]
    }

    /// A walk over all leases would take some hundred times as long; noise does not.
    @Test func costDoesNotDependOnTheNumberOfLeases() throws {
        try Node.with(
            settings: #"{"families":["ipv6"]}"#, root: "/dev/shm/warrens-ipam-scale.\(UInt32.random(in: 0 ... .max))"
        ) {
            node in
            _ = try node.run("ADD", "first")
            let empty = try cost(node)
            try fill(node, count: 60_000)
            // The store finds itself changed behind its back, and makes its index anew once.
            try Files.remove("\(node.leaseRoot)/.state")
            let repair = try ContinuousClock().measure { _ = try node.run("ADD", "second") }
            #expect(try node.leasedAddresses().count == 60_002)
            let full = try cost(node)
            print(
                "ADD, CHECK and DEL: \(empty) with 1 lease, \(full) with 60,002; index of 60,001 made anew in \(repair)"
            )
            #expect(full < empty * 5)
        }
    }
}
