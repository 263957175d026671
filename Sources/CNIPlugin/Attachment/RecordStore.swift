internal import CNI
internal import Host
internal import JSON

/// The attachment records, for the one who keeps them.
struct RecordStore {
    private let records: AttachmentRecords

    init(_ paths: NodePaths) {
        records = AttachmentRecords(paths)
    }

    /// The record of an attachment; nil where there is none, or none that can be read.
    func record(of attachment: Attachment) -> AttachmentRecord? { records.record(of: attachment) }

    func write(_ record: AttachmentRecord) throws(CNIError) {
        try reporting("cannot write the attachment record") { () throws(SystemError) in
            try Files.makeDirectories(records.directory)
            let content = JSONValue.object(record.json).serialized() + "\n"
            try Files.replace("\(records.directory)/\(record.attachment.fileName)", with: content.utf8, mode: 0o600)
        }
    }

    /// Removes an attachment's record, and the temporary files that a killed writer of it left behind.
    func remove(_ attachment: Attachment) throws(CNIError) {
        try reporting("cannot remove the attachment record") { () throws(SystemError) in
            try Files.remove("\(records.directory)/\(attachment.fileName)")
            for name in try Files.names(in: records.directory) where name.hasPrefix("\(attachment.fileName).") {
                try Files.remove("\(records.directory)/\(name)")
            }
        }
    }

    /// True where no attachment but `attachment` is on record.
    func isEmpty(besides attachment: Attachment? = nil) throws(CNIError) -> Bool {
        try names().allSatisfy { $0 == attachment?.fileName }
    }

    /// All records that can be read.
    func all() throws(CNIError) -> [AttachmentRecord] {
        try reading { () throws(SystemError) in try records.all() }
    }

    /// Removes the records that nobody can make sense of, and that would count for ever as attachments.
    func removeUnreadable() throws(CNIError) {
        for name in try names() where records.record(in: name) == nil {
            try reporting("cannot remove the damaged attachment record \(name)") { () throws(SystemError) in
                try Files.remove("\(records.directory)/\(name)")
            }
        }
    }

    private func names() throws(CNIError) -> [String] {
        try reading { () throws(SystemError) in try records.names() }
    }

    private func reading<Content>(_ body: () throws(SystemError) -> Content) throws(CNIError) -> Content {
        try reporting("cannot read the attachment records", body)
    }
}
