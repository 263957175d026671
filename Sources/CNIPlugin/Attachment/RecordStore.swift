internal import Host
internal import JSON

/// The directory of attachment records. Each record is its own file and is replaced whole, so that reading and writing
/// one costs the same however many there are.
struct RecordStore {
    let directory: String

    init(_ paths: NodePaths) {
        directory = paths.attachments
    }

    /// The record of `key`; nil where there is none, or none that can be read: a damaged record is as good as none.
    func record(of key: AttachmentKey) -> AttachmentRecord? {
        let record = read(key.fileName)
        return record?.key == key ? record : nil
    }

    func write(_ record: AttachmentRecord) throws(SystemError) {
        try Files.makeDirectories(directory)
        let content = JSONValue.object(record.json).serialized() + "\n"
        try Files.replace("\(directory)/\(record.key.fileName)", with: content.utf8, mode: 0o600)
    }

    func remove(_ key: AttachmentKey) throws(SystemError) {
        try Files.remove("\(directory)/\(key.fileName)")
    }

    /// True where no attachment but `key` is on record.
    func isEmpty(besides key: AttachmentKey) throws(SystemError) -> Bool {
        try recordNames().allSatisfy { $0 == key.fileName }
    }

    /// All records that can be read.
    func all() throws(SystemError) -> [AttachmentRecord] {
        try recordNames().compactMap(read)
    }

    /// Temporary files of a killed writer end otherwise and do not count.
    private func recordNames() throws(SystemError) -> [String] {
        try Files.names(in: directory).filter { $0.hasSuffix(".json") }
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
