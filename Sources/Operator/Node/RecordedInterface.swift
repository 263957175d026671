import Addressing
import Host
import JSON

/// What is needed here of an attachment's record. One of another version may lack members.
struct RecordedInterface {
    let bridge: String
    /// The host's end of the pair.
    let name: String
    let addresses: [IPAddress]
    let gateways: [IPAddress]

    /// All that this node has records of.
    static func all(_ paths: NodePaths) -> [RecordedInterface] {
        let names = (try? Files.names(in: paths.attachments)) ?? []
        return names.filter { $0.hasSuffix(".json") }.compactMap { name in
            guard let content = try? Files.read("\(paths.attachments)/\(name)"),
                let record = (try? JSONValue(parsing: content))?.objectValue
            else { return nil }
            return RecordedInterface(
                bridge: record["bridge"]?.stringValue ?? "", name: record["hostInterface"]?.stringValue ?? "",
                addresses: addresses(record["addresses"]), gateways: addresses(record["gateways"]))
        }
    }

    private static func addresses(_ value: JSONValue?) -> [IPAddress] {
        (value?.arrayValue ?? []).compactMap { $0.stringValue.flatMap { IPAddress($0) } }
    }
}
