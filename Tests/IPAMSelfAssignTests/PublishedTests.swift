import Host
import JSON
import Testing

/// Where nodes learn of each other from the Kubernetes API server, no address is leased before that has the claim.
@Suite struct PublishedTests {
    private static let settings = #"{"nodeSource":"kubernetes"}"#

    private static func publish(_ node: Node, generation: Int = 0, conflict: String? = nil) throws {
        var claim: JSONObject = [
            "nodeID": "302913e9dc81ee6d", "generation": .number(generation),
            "subnets": [.string(Node.v6Subnet), .string(Node.v4Subnet)],
        ]
        if let conflict { claim["conflict"] = .string(conflict) }
        try Files.makeDirectories("\(node.root)/var/lib/warrens")
        try Files.replace(
            "\(node.root)/var/lib/warrens/published.json", with: Array(JSONValue.object(claim).serialized().utf8))
    }

    @Test func leasesNothingBeforeTheClaimIsPublished() throws {
        try Node.with(settings: Self.settings) { node in
            let refused = try node.run("ADD")
            #expect(refused.code == 11 && refused.message.contains(Node.v4Subnet), "\(refused.text)")
            #expect(refused.details.contains("warrens-nodes"))
            #expect(try node.run("STATUS").code == 50)
            #expect(try node.leasedAddresses().isEmpty)

            try Self.publish(node)
            #expect(try node.run("STATUS").isSuccess)
            #expect(try node.run("ADD").addresses.count == 2)
        }
    }

    @Test func leasesNothingOfAContestedOrFormerClaim() throws {
        try Node.with(settings: Self.settings) { node in
            try Self.publish(node, conflict: "10.220.106.0/24 is claimed by b and by a")
            let contested = try node.run("ADD")
            #expect(contested.code == 11 && contested.message.contains("claimed by b"), "\(contested.text)")
            try Self.publish(node, generation: 1)
            #expect(try node.run("ADD").code == 11)
        }
    }

    @Test func takesLeasesBackWhateverIsPublished() throws {
        try Node.with(settings: Self.settings) { node in
            try Self.publish(node)
            #expect(try node.run("ADD").isSuccess)
            try Files.remove("\(node.root)/var/lib/warrens/published.json")
            #expect(try node.run("CHECK").isSuccess)
            #expect(try node.run("DEL").isSuccess)
            #expect(try node.leasedAddresses().isEmpty)
        }
    }

    @Test func needsNoClaimWithoutTheTunnel() throws {
        try Node.with(settings: Self.settings) { node in
            let answer = try node.run(
                "ADD", ipam: #""ranges":[[{"subnet":"192.0.2.0/24"}]]"#, extra: #""tunnel":{"enabled":false}"#)
            #expect(answer.isSuccess, "\(answer.text)")
        }
    }
}
