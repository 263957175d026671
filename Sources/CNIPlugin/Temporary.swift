internal import Addressing
internal import CNI
internal import Host

enum Conntrack { static func deleteEntries(of address: IPAddress) throws(SystemError) -> Int { 0 } }
struct PodFirewall {
    let configuration: PluginConfiguration
    let context: NodeContext
    func admit(_ addresses: [IPAddress]) throws(CNIError) {}
    static func removePods(_ addresses: [IPAddress]) throws(CNIError) {}
    static func tearDown() throws(CNIError) {}
    func findings(_ addresses: [IPAddress]) throws(CNIError) -> [String] { [] }
}
enum ForeignFirewall { static var legacyWarning: String? { nil } }
