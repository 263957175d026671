import Addressing
import Host
import JSON
import Synchronization
import Testing

@testable import CNI

@Suite struct ProtocolTests {
    private func environment(_ changes: [String: String?]) -> [String: String] {
        var variables = addEnvironment
        for (name, value) in changes { variables[name] = value }
        return variables
    }

    private let configuration = #"{"cniVersion":"1.1.0","name":"net","type":"scripted"}"#

    @Test(arguments: [#""name":5"#, #""name":"net","ipam":5"#, #""name":"net","dns":[]"#, #""type":"x""#])
    func anErrorHasTheVersionOfTheConfiguration(members: String) {
        let answer = answer(addEnvironment, "{\"cniVersion\":\"1.0.0\",\(members)}")
        #expect(answer.exitCode == 1 && answer.object["cniVersion"] == "1.0.0")
    }

    @Test func withoutACommandItTellsWhatItIs() {
        let answer = answer([:], "")
        #expect(answer.exitCode == 0)
        #expect(answer.output.isEmpty)
        #expect(
            answer.log == """
                CNI plugin scripted
                CNI protocol versions supported: 0.1.0, 0.2.0, 0.3.0, 0.3.1, 0.4.0, 1.0.0, 1.1.0

                """)
    }

    @Test func versionDoesNotReadStandardInput() {
        let environment = Environment { ["CNI_COMMAND": "VERSION", "CNI_NETNS": "dummy", "CNI_IFNAME": "dummy"][$0] }
        let answer = PluginMain.answer(of: ScriptedPlugin(), to: environment) { () throws(CNIError) in
            Issue.record("standard input was read")
            return []
        }
        #expect(answer.exitCode == 0)
        #expect(answer.object["cniVersion"] == "1.1.0")
        #expect(
            answer.object["supportedVersions"]
                == ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"])
    }

    @Test(arguments: ["add", "Add", "FOO", "ADD "])
    func refusesUnknownCommands(command: String) {
        let answer = answer(environment(["CNI_COMMAND": command]), configuration)
        #expect(answer.exitCode == 1)
        #expect(answer.code == 4)
        #expect(answer.message == "unknown CNI_COMMAND: \(command)")
    }

    @Test(arguments: [
        ("ADD", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME"), ("CHECK", "CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME"),
        ("DEL", "CNI_CONTAINERID,CNI_IFNAME"),
    ])
    func collectsMissingVariables(verb: String, names: String) {
        let answer = answer(["CNI_COMMAND": verb, "CNI_IFNAME": ""], configuration)
        #expect(answer.code == 4)
        #expect(answer.message == "required env variables [\(names)] missing")
    }

    @Test(arguments: ["GC", "STATUS"])
    func nodeVerbsNeedNoContainer(verb: String) {
        #expect(answer(["CNI_COMMAND": verb], configuration) == PluginMain.Answer())
    }

    @Test(arguments: [
        ("CNI_CONTAINERID", "-a"), ("CNI_CONTAINERID", "a/b"), ("CNI_CONTAINERID", "é"), ("CNI_CONTAINERID", "a b"),
        ("CNI_CONTAINERID", "../x"), ("CNI_CONTAINERID", "a\u{212a}"),
        ("CNI_IFNAME", "."), ("CNI_IFNAME", ".."), ("CNI_IFNAME", "a/b"), ("CNI_IFNAME", "a:b"), ("CNI_IFNAME", "a b"),
        ("CNI_IFNAME", "abcdefghijklmnop"), ("CNI_IFNAME", "a\u{a0}b"), ("CNI_IFNAME", "a\tb"),
        ("CNI_ARGS", "A"), ("CNI_ARGS", "A=B;"), ("CNI_ARGS", "A=B=C"), ("CNI_ARGS", ";"), ("CNI_ARGS", "A=B;;C=D"),
    ])
    func refusesBadVariables(name: String, value: String) {
        let answer = answer(environment([name: value]), configuration)
        #expect(answer.code == 4)
        #expect(answer.message.contains(name))
    }

    @Test(arguments: ["abcdefghijklmno", "eth0", "a.b-c@d"])
    func acceptsGoodInterfaceNames(name: String) {
        #expect(answer(environment(["CNI_IFNAME": name]), configuration).exitCode == 0)
    }

    @Test(arguments: [
        ("", 6), ("[]", 6), ("null", 6), ("{", 6), ("{}", 7), (#"{"name":""}"#, 7), (#"{"name":5}"#, 7),
        (#"{"name":"a/b"}"#, 7), (#"{"name":".."}"#, 7), (#"{"name":"net","cniVersion":5}"#, 6),
        (#"{"name":"net","cniVersion":"9.9.9"}"#, 1), (#"{"name":"net","cniVersion":"1.1"}"#, 1),
        (#"{"name":"net","ipam":[]}"#, 7), (#"{"name":"net","ipam":{"type":1}}"#, 7), (#"{"name":"net","dns":"x"}"#, 7),
        (#"{"name":"net","runtimeConfig":[]}"#, 7), (#"{"name":"net","args":1}"#, 7), (#"{"name":"net","type":{}}"#, 7),
        (#"{"name":"net","prevResult":{"ip4":{"ip":"x"}}}"#, 6), (#"{"name":"net","prevResult":[]}"#, 7),
    ])
    func refusesBadConfigurations(input: String, code: Int) {
        let answer = answer(addEnvironment, input)
        #expect(answer.exitCode == 1)
        #expect(answer.code == code, "\(answer.output)")
        #expect(!answer.message.isEmpty)
        #expect(answer.object["cniVersion"]?.stringValue != nil)
    }

    @Test func namesTheVersionsThatItSupports() {
        let answer = answer(addEnvironment, #"{"name":"net","cniVersion":"2.0.0"}"#)
        #expect(answer.message == "incompatible CNI versions")
        #expect(answer.details.hasPrefix(#"config is "2.0.0", plugin supports ["0.1.0", "#))
    }

    @Test func noVersionMeansTheFirst() {
        let plugin = ScriptedPlugin(onAdd: { request throws(CNIError) in
            #expect(request.configuration.version == .v0_1_0)
            return AttachmentResult(addresses: [.init(address: IPPrefix(host: IPAddress(v4: 1)))])
        })
        for version in ["", #","cniVersion":"""#, #","cniVersion":null"#] {
            let answer = answer(of: plugin, addEnvironment, "{\"name\":\"net\"\(version)}")
            #expect(answer.object["cniVersion"] == "0.1.0")
            #expect(answer.exitCode == 0)
        }
    }

    @Test(arguments: [("CHECK", "0.3.1"), ("GC", "1.0.0"), ("STATUS", "0.4.0")])
    func refusesVerbsThatTheVersionLacks(verb: String, version: String) {
        let answer = answer(
            environment(["CNI_COMMAND": verb]), #"{"cniVersion":"\#(version)","name":"net","type":"scripted"}"#)
        #expect(answer.code == 1)
        #expect(answer.message == "config version does not allow \(verb)")
        #expect(answer.object["cniVersion"]?.stringValue != nil)
    }

    @Test(arguments: ["ADD", "DEL", "CHECK"])
    func refusesItsOwnNamespaceBeforeAnyWork(verb: String) {
        let plugin = ScriptedPlugin(
            onAdd: { _ throws(CNIError) in
                Issue.record("worked")
                return AttachmentResult()
            }, onOther: { _ throws(CNIError) in Issue.record("worked") })
        let own = environment(["CNI_COMMAND": verb, "CNI_NETNS": "/proc/self/ns/net"])
        let refused = answer(of: plugin, own, configuration)
        #expect(refused.code == 8)
        #expect(refused.message == "plugin's netns and netns from CNI_NETNS should not be the same")
        for override in ["1", "TRUE", "true"] {
            let answer = answer(own.merging(["CNI_NETNS_OVERRIDE": override]) { $1 }, configuration)
            #expect(answer.exitCode == 0)
        }
        #expect(answer(of: plugin, own.merging(["CNI_NETNS_OVERRIDE": "0"]) { $1 }, configuration).code == 8)
    }

    @Test func deleteForgives() throws {
        let input = #"""
            {"cniVersion":"1.0.0","name":"net","ipam":5,"dns":[],"prevResult":{"ips":"x"},"args":"y","runtimeConfig":7}
            """#
        let plugin = ScriptedPlugin(onOther: { request throws(CNIError) in
            #expect(request.networkNamespace.isEmpty)
            #expect(request.configuration.previousResult == nil)
            #expect(request.argument("K") == "V")
        })
        let deletion = environment(["CNI_COMMAND": "DEL", "CNI_NETNS": "", "CNI_ARGS": "broken;K=V"])
        #expect(answer(of: plugin, deletion, input) == PluginMain.Answer())
    }

    @Test func anErrorOfThePluginComesOutWhole() {
        let plugin = ScriptedPlugin(onAdd: { _ throws(CNIError) in
            throw CNIError(CNIError.Code(rawValue: 101), "it broke", details: "here / there")
        })
        let answer = answer(of: plugin, addEnvironment, configuration)
        #expect(
            answer
                == PluginMain.Answer(
                    exitCode: 1,
                    output: """
                        {
                          "cniVersion": "1.1.0",
                          "code": 101,
                          "msg": "it broke",
                          "details": "here / there"
                        }

                        """))
    }

    @Test(arguments: [
        (#""cni.dev/valid-attachments":[{"containerID":"a","ifname":"eth0"}]"#, 1), ("\"x\":1", nil),
        (#""cni.dev/valid-attachments":[]"#, 0), (#""cni.dev/valid-attachments":null"#, nil),
        (#""cni.dev/attachments":[{"containerID":"a","ifname":"eth0"}]"#, 1),
        (#""cni.dev/valid-attachments":[],"cni.dev/attachments":[{"containerID":"a","ifname":"b"}]"#, 0),
    ])
    func tellsAbsentFromEmpty(member: String, count: Int?) {
        let plugin = ScriptedPlugin(onOther: { request throws(CNIError) in
            #expect(request.configuration.validAttachments?.count == count)
        })
        let input = #"{"cniVersion":"1.1.0","name":"net",\#(member)}"#
        #expect(answer(of: plugin, ["CNI_COMMAND": "GC"], input).exitCode == 0)
    }

    @Test(arguments: ["{}", "[5]", "[{}]", #"[{"containerID":"a"}]"#, "\"a\""])
    func refusesBadAttachmentLists(list: String) {
        let input = #"{"cniVersion":"1.1.0","name":"net","cni.dev/valid-attachments":\#(list)}"#
        #expect(answer(["CNI_COMMAND": "GC"], input).code == 7)
    }

    @Test func unknownArgumentsNeedLeave() throws {
        let request = { (arguments: [(key: String, value: String)]) throws in
            Request(
                verb: .add, containerID: "c", networkNamespace: "", interfaceName: "e", arguments: arguments,
                pluginPath: [],
                configuration: try NetworkConfiguration(parsing: Array(#"{"name":"n"}"#.utf8), verb: .add))
        }
        try request([("IP", "10.0.0.1")]).rejectUnknownArguments(known: ["IP"])
        try request([("IgnoreUnknown", "1"), ("K8S_POD_NAME", "x")]).rejectUnknownArguments(known: ["IP"])
        try request([("IgnoreUnknown", "True"), ("K8S_POD_NAME", "x")]).rejectUnknownArguments(known: [])
        for arguments in [[("IP2", "x")], [("IgnoreUnknown", "0"), ("X", "y")], [("IgnoreUnknown", "maybe")]] {
            let request = try request(arguments.map { (key: $0.0, value: $0.1) })
            let error = #expect(throws: CNIError.self) { try request.rejectUnknownArguments(known: ["IP"]) }
            #expect(error?.code == .invalidEnvironment)
        }
    }

    /// Counts what a plugin was asked to take away.
    private final class Deletions: Sendable {
        let requests = Mutex<[Request]>([])
        var plugin: ScriptedPlugin {
            ScriptedPlugin(onOther: { request throws(CNIError) in self.requests.withLock { $0.append(request) } })
        }
    }

    @Test func aResultThatTheVersionCannotExpressIsUndone() {
        let deletions = Deletions()
        // Before 0.3.0 a result needs an address.
        let answer = answer(
            of: deletions.plugin, addEnvironment, #"{"cniVersion":"0.2.0","name":"net","type":"scripted"}"#)
        #expect(answer.code == 1)
        deletions.requests.withLock { requests in
            #expect(requests.map(\.verb) == [.del])
            #expect(requests.first?.attachment == Attachment(containerID: "container-1", interfaceName: "eth0"))
        }
    }

    @Test(arguments: [("ADD", 1), ("CHECK", 0), ("VERSION", 0)])
    func aResultThatNobodyReadsIsUndone(verb: String, deleted: Int) {
        let deletions = Deletions()
        let variables = environment(["CNI_COMMAND": verb])
        let code = PluginMain.serve(
            deletions.plugin, Environment { variables[$0] },
            input: { () throws(CNIError) in Array(configuration.utf8) },
            output: { _ throws(CNIError) in throw CNIError(.ioFailure, "closed") }, log: { _ in })
        #expect(code == (verb == "CHECK" ? 0 : 1))
        #expect(deletions.requests.withLock { $0.filter { $0.verb == .del }.count } == deleted)
    }

    @Test func namesOfAnAttachmentsPartsFollowFromItAlone() {
        let attachment = Attachment(containerID: "container-1", interfaceName: "eth0")
        #expect(attachment.key == FNV1a.hash64("container-1\0eth0".utf8))
        #expect(attachment.hostInterfaceName == "veth" + attachment.fileName.prefix(11))
        #expect(attachment.hostInterfaceName.utf8.count == 15 && attachment.fileName.utf8.count == 21)
        #expect(attachment != Attachment(containerID: "container-1e", interfaceName: "th0"))
        #expect(attachment.key != Attachment(containerID: "container-1e", interfaceName: "th0").key)
        #expect(Attachment.isFileName(attachment.fileName))
        #expect(Attachment.isHostInterfaceName(attachment.hostInterfaceName))
        for name in ["veth0123456789", "veth0123456789A", "cali0123456789a", "veth0123456789ab"] {
            #expect(!Attachment.isHostInterfaceName(name))
        }
        for name in ["0123456789abcdef.tmp", "0123456789abcdeF.json", "0123456789abcde.json"] {
            #expect(!Attachment.isFileName(name))
        }
    }
}
