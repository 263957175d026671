import Addressing
import CNI

/// Finds the pod that an operator means.
enum TracedPod {
    /// - Parameters:
    ///   - text: A container id, the beginning of one that only one pod has, either of them with `/` and the name of an
    ///     interface, the name of a network namespace, Kubernetes' name of a pod, with its namespace or without, or an
    ///     address.
    ///   - family: Of several interfaces of one container, only those with such an address count.
    static func find(
        _ text: String, of family: IPFamily, in records: [AttachmentRecord]
    ) throws(CommandFailure) -> AttachmentRecord {
        let attached = records.filter { $0.phase == .attached }
        var found = named(text, attached)
        if found.count > 1 {
            let containers = Set(found.map(\.attachment.containerID))
            let suitable = found.filter { $0.addresses.contains { $0.family == family } }
            if containers.count == 1, suitable.count == 1 { found = suitable }
        }
        guard let pod = found.first else {
            throw CommandFailure("no pod of this node is \"\(text)\"; \(known(attached))")
        }
        guard found.count == 1 else {
            throw CommandFailure(
                "\"\(text)\" may be \(list(found)); give more of the container id, or CONTAINER/INTERFACE")
        }
        return pod
    }

    private static func named(_ text: String, _ records: [AttachmentRecord]) -> [AttachmentRecord] {
        if let address = IPAddress(text) { return records.filter { $0.addresses.contains(address) } }
        let exact = records.filter { $0.attachment.containerID == text || name($0) == text }
        if !exact.isEmpty { return exact }
        let spaces = records.filter { $0.namespacePath == text || $0.namespacePath.hasSuffix("/\(text)") }
        if !spaces.isEmpty || text.isEmpty { return spaces }
        let pods = records.filter { $0.podName == text || $0.podName?.hasSuffix("/\(text)") == true }
        if !pods.isEmpty { return pods }
        let parts = text.split(separator: "/", maxSplits: 1)
        return records.filter { record in
            record.attachment.containerID.hasPrefix(parts[0])
                && (parts.count == 1 || record.attachment.interfaceName == parts[1])
        }
    }

    /// The pod's address of a family.
    static func address(of record: AttachmentRecord, _ family: IPFamily) throws(CommandFailure) -> IPAddress {
        if let address = record.addresses.first(where: { $0.family == family }) { return address }
        let others = record.addresses.map(\.description).joined(separator: ", ")
        throw CommandFailure(
            "\(name(record)) has no \(family) address, but \(others); give a destination of the same family")
    }

    /// `CONTAINER/INTERFACE`
    static func name(_ record: AttachmentRecord) -> String {
        "\(record.attachment.containerID)/\(record.attachment.interfaceName)"
    }

    private static func known(_ records: [AttachmentRecord]) -> String {
        records.isEmpty ? "none is attached" : "attached are \(list(records))"
    }

    private static func list(_ records: [AttachmentRecord]) -> String {
        let names = records.map(name).sorted()
        let more = names.count > 5 ? " and \(names.count - 5) more" : ""
        return names.prefix(5).joined(separator: ", ") + more
    }
}
