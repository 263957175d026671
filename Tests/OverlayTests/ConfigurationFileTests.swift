import Addressing
import Host
import JSON
import Testing

@testable import Overlay

/// The files in conf/, as they stand.
@Suite struct ConfigurationFileTests {
    private static func path(_ name: String, here: String = #filePath) -> String {
        "\(Files.parent(of: Files.parent(of: Files.parent(of: here))))/conf/\(name)"
    }

    private static func document(_ name: String) throws -> JSONValue {
        try JSONValue(parsing: try Files.read(path(name)))
    }

    private static func lines(_ name: String) throws -> [String] {
        String(decoding: try Files.read(path(name)), as: UTF8.self).split(separator: "\n").map(String.init)
    }

    @Test func theSettingsFileListsEveryKeyWithItsDefault() throws {
        let document = try Self.document("warrens.json")
        #expect(document.objectValue?.keys == Settings.Key.allCases.map(\.rawValue))
        #expect(try Settings(json: document, source: "warrens.json") == .default)
        // Not only equal after reading: the file spells out what the program says, but for what has no default value.
        let unset: Set = ["nodeName", "keepalive", "queues", "mtu"]
        for (key, value) in document.objectValue?.members ?? [] {
            #expect(value.isNull == unset.contains(key), "\(key)")
        }
    }

    /// A row of its first table is `key`, default and meaning; those of others begin with a quoted choice.
    @Test func theSettingsPageExplainsEveryKey() throws {
        let page = "\(Files.parent(of: Files.parent(of: Self.path(""))))/docs/settings.md"
        let text = String(decoding: try Files.read(page), as: UTF8.self)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") && !$0.hasPrefix("| `\"") }.map {
            $0.split(separator: "|")
        }
        #expect(rows.map { String($0[0].filter { !" `".contains($0) }) } == Settings.Key.allCases.map(\.rawValue))
        let defaults = try Self.document("warrens.json").objectValue
        for row in rows {
            let key = String(row[0].filter { !" `".contains($0) })
            let value = defaults?[key] ?? .null
            let shown = row[1].trimmingPrefix { $0 == " " }
            // What has no default value says in words what happens then.
            #expect(
                value.isNull ? !shown.hasPrefix("`") : shown.hasPrefix("`\(value.serialized())`"), "\(key): \(shown)")
        }
    }

    @Test func theProfilesAreSettings() throws {
        let onlyV6 = try Settings(json: try Self.document("warrens-ipv6-only.json"), source: "profile")
        #expect(onlyV6.families == .explicit([.v6]) && onlyV6.overlayPrefixes == [Settings.default.v6Prefix])
        let paper = try Settings(json: try Self.document("warrens-paper.json"), source: "profile")
        let nodeID = try #require(NodeID("302913e9dc81ee6d"))
        #expect(SelfAssignment.subnets(of: nodeID, settings: paper).map(\.description) == ["10.83.103.48/28"])
    }

    @Test func theExampleNodeFileHasNoProblem() throws {
        let file = try NodeFile.read(Self.path("nodes.json"), settings: .default)
        let registry = Registry.build(from: file, local: nil, settings: .default, facts: .unknown)
        #expect(registry.peers.map(\.name) == ["attic", "shed", "shop"])
        #expect(registry.problems.isEmpty && registry.conflicts.isEmpty)
    }

    @Test(arguments: [
        ("10-warrens.conflist", ["warrens"]),
        ("10-warrens-kubernetes.conflist", ["warrens", "portmap", "bandwidth"]),
    ])
    func theNetworkListsNameOurPlugins(name: String, types: [String]) throws {
        let list = try #require(try Self.document(name).objectValue)
        #expect(list["cniVersion"] == "1.0.0" && list["name"] == "warrens")
        let plugins = list["plugins"]?.arrayValue?.compactMap(\.objectValue) ?? []
        #expect(plugins.compactMap { $0["type"]?.stringValue } == types)
        #expect(plugins.first?["ipMasq"] == true)
        #expect(plugins.first?["ipam"]?.objectValue?["type"] == "warrens-ipam")
        // What the cluster must agree on stands in warrens.json alone.
        for key in Settings.Key.allCases where key != .mtu { #expect(plugins.first?[key.rawValue] == nil) }
    }

    @Test func theUnitStartsTheDaemonAndKeepsItsDirectory() throws {
        let lines = try Self.lines("warrensd.service").filter { !$0.hasPrefix("#") }
        #expect(lines.filter { $0.hasPrefix("[") } == ["[Unit]", "[Service]", "[Install]"])
        for line in lines where !line.hasPrefix("[") { #expect(line.contains("="), "\(line)") }
        #expect(lines.contains("ExecStart=/opt/cni/bin/warrensd --foreground"))
        // Leases of running pods lie in /run/warrens, so a stopped unit must leave it.
        #expect(lines.contains("RuntimeDirectory=warrens") && lines.contains("RuntimeDirectoryPreserve=yes"))
    }

    @Test func networkManagerLeavesOurDevicesAlone() throws {
        let lines = try Self.lines("networkmanager-warrens.conf").filter { !$0.hasPrefix("#") }
        #expect(lines.first == "[keyfile]" && lines.count == 2)
        let devices = lines.last?.split(separator: "=", maxSplits: 1).last?.split(separator: ";") ?? []
        #expect(Set(devices) == ["interface-name:cni0", "interface-name:warrens0", "interface-name:veth*"])
    }
}
