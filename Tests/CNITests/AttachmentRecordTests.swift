import Addressing
import Host
import JSON
import Testing

@testable import CNI

/// What the plugin writes of an attachment, and others read.
@Suite struct AttachmentRecordTests {
    private static let attachment = Attachment(containerID: "c1", interfaceName: "eth0")

    private static func record(_ phase: AttachmentRecord.Phase = .attached) -> AttachmentRecord {
        AttachmentRecord(
            attachment, namespacePath: "/run/netns/c1",
            namespaceIdentity: FileIdentity(device: 4, inode: .max), network: "warrens", bridge: "cni0",
            hostInterface: attachment.hostInterfaceName, mac: MACAddress(locallyAdministered: 5),
            addresses: ["10.220.1.3", "fd53:7769:726c::3"].compactMap { IPAddress($0) },
            gateways: ["10.220.1.2"].compactMap { IPAddress($0) }, isMasqueraded: true, phase: phase,
            podName: "default/web-0")
    }

    @Test func aRecordIsReadAsItWasWritten() throws {
        for phase in [AttachmentRecord.Phase.attaching, .attached, .detaching] {
            let text = JSONValue.object(Self.record(phase).json).serialized()
            let object = try #require(try JSONValue(parsing: Array(text.utf8)).objectValue)
            #expect(AttachmentRecord(json: object) == Self.record(phase))
        }
    }

    @Test func onlyHardwareAddressAndNameMayBeMissing() {
        for key in Self.record().json.keys {
            var json = Self.record().json
            json[key] = nil
            let read = AttachmentRecord(json: json)
            switch key {
            case "mac": #expect(read?.mac == Self.attachment.podMAC)
            case "podName": #expect(read != nil && read?.podName == nil)
            default: #expect(read == nil, "\(key)")
            }
        }
    }

    @Test func theDirectoryHoldsOtherFilesToo() throws {
        let paths = NodePaths(root: "/tmp/warrens-records-\(UInt32.random(in: 0 ... .max))")
        defer { try? Files.removeTree(paths.root) }
        let records = AttachmentRecords(paths)
        #expect(try records.all().isEmpty, "no directory yet")
        try Files.makeDirectories(records.directory)
        let text = JSONValue.object(Self.record().json).serialized()
        let names = [Self.attachment.fileName, "0123456789abcdef.json", "\(Self.attachment.fileName).7.8.tmp"]
        for (name, content) in zip(names, [text, "{", text]) {
            try Files.replace("\(records.directory)/\(name)", with: content.utf8)
        }
        #expect(try records.all() == [Self.record()])
        #expect(Set(try records.names()) == Set(names.prefix(2)))
        #expect(records.record(of: Self.attachment) == Self.record())
        #expect(records.record(of: Attachment(containerID: "c1", interfaceName: "net1")) == nil)
    }
}
