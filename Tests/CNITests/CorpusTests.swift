import Host
import JSON
import Testing

@testable import CNI

/// Inputs that once broke something, or look as if they could. None may end the process.
@Suite struct CorpusTests {
    static let directory = testFile("Corpus/cni")
    static let names = (try? Files.names(in: directory).sorted()) ?? []

    @Test func thereIsACorpus() { #expect(Self.names.count >= 20) }

    @Test(arguments: names, Verb.allCases)
    func everyInputGetsAnAnswer(name: String, verb: Verb) throws {
        let input = try Files.read("\(Self.directory)/\(name)", limit: 16 << 20)
        var variables = addEnvironment
        variables["CNI_COMMAND"] = verb.rawValue
        let plugin = ScriptedPlugin(onAdd: { request throws(CNIError) in
            request.configuration.previousResult ?? AttachmentResult()
        })
        let answer = PluginMain.answer(of: plugin, to: Environment { variables[$0] }) { () throws(CNIError) in input
        }
        #expect(answer.exitCode == 0 || answer.code != nil)
        if answer.exitCode != 0 { #expect(!answer.message.isEmpty) }
        // Cut anywhere, it is still no reason to fall over.
        for length in stride(from: 0, to: min(input.count, 400), by: 7) {
            let cut = PluginMain.answer(of: plugin, to: Environment { variables[$0] }) { () throws(CNIError) in
                Array(input.prefix(length))
            }
            #expect(cut.exitCode == 0 || cut.code != nil)
        }
    }
}
