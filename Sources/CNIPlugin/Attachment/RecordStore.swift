internal import Addressing
internal import CNI
internal import Host
internal import JSON

/// The directory of attachment records. Each record is its own file and is replaced whole, so that reading and writing
/// one costs the same however many there are.
struct RecordStore {
    let directory: String

    init(_ paths: NodePaths) {
        directory = paths.attachments
    }

    /// The record of an attachment; nil where there is none, or none that can be read: a damaged record is as good as
    /// none.
    func record(of attachment: Attachment) -> AttachmentRecord? {
        let record = read(attachment.fileName)
        return record?.attachment == attachment ? record : nil
    }

    func write(_ record: AttachmentRecord) throws(CNIError) {
        try reporting("cannot write the attachment record") { () throws(SystemError) in
            try Files.makeDirectories(directory)
            let content = JSONValue.object(record.json).serialized() + "\n"
            try Files.replace("\(directory)/\(record.attachment.fileName)", with: content.utf8, mode: 0o600)
        }
    }

    /// Removes an attachment's record, and the temporary files that a killed writer of it left behind.
    func remove(_ attachment: Attachment) throws(CNIError) {
        try reporting("cannot remove the attachment record") { () throws(SystemError) in
            try Files.remove("\(directory)/\(attachment.fileName)")
            for name in try Files.names(in: directory) where name.hasPrefix("\(attachment.fileName).") {
                try Files.remove("\(directory)/\(name)")
            }
        }
    }

    /// True where no attachment but `attachment` is on record.
    func isEmpty(besides attachment: Attachment? = nil) throws(CNIError) -> Bool {
        try names().allSatisfy { $0 == attachment?.fileName }
    }

    /// All records that can be read.
    func all() throws(CNIError) -> [AttachmentRecord] {
        try names().compactMap(read)
    }

    /// Removes the records that nobody can make sense of, and that would count for ever as attachments.
    func removeUnreadable() throws(CNIError) {
        for name in try names() where read(name) == nil {
            try reporting("cannot remove the damaged attachment record \(name)") { () throws(SystemError) in
                try Files.remove("\(directory)/\(name)")
            }
        }
    }

    /// Temporary files of a killed writer end otherwise and do not count.
    private func names() throws(CNIError) -> [String] {
        try reporting("cannot read the attachment records") { () throws(SystemError) in
            try Files.names(in: directory).filter { $0.hasSuffix(Attachment.fileSuffix) }
        }
    }

    private func read(_ name: String) -> AttachmentRecord? {
        do {
            let bytes = try Files.read("\(directory)/\(name)", limit: 1 << 16)
            return try JSONValue(parsing: bytes).objectValue.flatMap(AttachmentRecord.init)
        } catch {
            return nil
        }
    }
}
