import Addressing
internal import Host
internal import JSON
internal import Overlay

/// The addresses of the containers that are attached now: by the plugin's records, and by the leases of `warrens-ipam`,
/// which serves other plugins as well.
enum LiveContainers {
    /// Which of `subnets` contain the address of a container.
    static func using(_ subnets: [IPPrefix], _ paths: NodePaths) -> [IPPrefix] {
        let addresses = recorded(paths) + NodeOccupancy(paths).leased
        return subnets.filter { subnet in addresses.contains { subnet.contains($0) } }
    }

    private static func recorded(_ paths: NodePaths) -> [IPAddress] {
        ((try? Files.names(in: paths.attachments)) ?? []).flatMap { name -> [IPAddress] in
            guard let bytes = try? Files.read("\(paths.attachments)/\(name)"),
                let list = (try? JSONValue(parsing: bytes))?.objectValue?["addresses"]?.arrayValue
            else { return [] }
            return list.compactMap { $0.stringValue }.compactMap { IPPrefix($0)?.address ?? IPAddress($0) }
        }
    }
}
