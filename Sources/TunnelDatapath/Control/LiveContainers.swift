import Addressing
internal import Host
internal import JSON

/// What the plugin's records say of the containers that are attached now.
enum LiveContainers {
    /// Which of `subnets` contain the address of a container.
    static func using(_ subnets: [IPPrefix], _ paths: NodePaths) -> [IPPrefix] {
        let addresses = ((try? Files.names(in: paths.attachments)) ?? []).flatMap { name -> [IPAddress] in
            guard let bytes = try? Files.read("\(paths.attachments)/\(name)"),
                let list = (try? JSONValue(parsing: bytes))?.objectValue?["addresses"]?.arrayValue
            else { return [] }
            return list.compactMap { $0.stringValue }.compactMap { IPPrefix($0)?.address ?? IPAddress($0) }
        }
        return subnets.filter { subnet in addresses.contains { subnet.contains($0) } }
    }
}
