public import Host
internal import JSON

/// The directory of attachment records, for reading. Each record is its own file and is replaced whole, so that reading
/// and writing one costs the same however many there are.
public struct AttachmentRecords: Sendable {
    public let directory: String

    public init(_ paths: NodePaths) {
        directory = paths.attachments
    }

    /// The record of an attachment; nil where there is none, or none that can be read: a damaged record is as good as
    /// none.
    public func record(of attachment: Attachment) -> AttachmentRecord? {
        let record = record(in: attachment.fileName)
        return record?.attachment == attachment ? record : nil
    }

    /// All records that can be read, in no particular order.
    public func all() throws(SystemError) -> [AttachmentRecord] {
        try names().compactMap(record)
    }

    /// The names of the records' files. Temporary files of a killed writer end otherwise and do not count.
    public func names() throws(SystemError) -> [String] {
        try Files.names(in: directory).filter { $0.hasSuffix(Attachment.fileSuffix) }
    }

    /// The record in one of the files, or nil where it cannot be read.
    public func record(in name: String) -> AttachmentRecord? {
        do {
            let bytes = try Files.read("\(directory)/\(name)", limit: 1 << 16)
            return try JSONValue(parsing: bytes).objectValue.flatMap(AttachmentRecord.init)
        } catch {
            return nil
        }
    }
}
