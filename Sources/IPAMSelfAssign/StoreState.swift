import Addressing
import Host

/// What a store says of itself in one small file: which boot its leases are of, and whether a change was begun that has
/// not ended.
struct StoreState: ~Copyable {
    private let file: NumberFile

    private enum Word: Int, CaseIterable {
        case format
        /// The two halves of the hash of the boot's id.
        case bootHigh, bootLow
        /// Not zero while a change is being made.
        case dirty
        /// When leases were last searched for dead ones, in seconds since boot.
        case reclaimed
    }

    /// "WIP" and the version of the files' format.
    private static let format: UInt32 = 0x5749_5001

    /// Opens the state file, or returns nil where there is none of this format and this boot.
    init?(opening path: String) throws(SystemError) {
        guard Files.exists(path) else { return nil }
        let file = try NumberFile(opening: path, writable: true)
        let boot = FNV1a.hash64(try Boot.id.utf8)
        guard try file.read(at: Word.format.rawValue) == Self.format,
            try file.read(at: Word.bootHigh.rawValue) == UInt32(truncatingIfNeeded: boot >> 32),
            try file.read(at: Word.bootLow.rawValue) == UInt32(truncatingIfNeeded: boot)
        else { return nil }
        self.file = file
    }

    /// Makes the state file of a store that is to be repaired: it is dirty.
    init(creating path: String) throws(SystemError) {
        let boot = FNV1a.hash64(try Boot.id.utf8)
        let file = try NumberFile(creating: path)
        // The format comes last: a file without it is made again.
        try file.write(1, at: Word.dirty.rawValue)
        try file.write(0, at: Word.reclaimed.rawValue)
        try file.write(UInt32(truncatingIfNeeded: boot >> 32), at: Word.bootHigh.rawValue)
        try file.write(UInt32(truncatingIfNeeded: boot), at: Word.bootLow.rawValue)
        try file.write(Self.format, at: Word.format.rawValue)
        self.file = file
    }

    var isDirty: Bool {
        get throws(SystemError) { try file.read(at: Word.dirty.rawValue) != 0 }
    }

    func setDirty(_ dirty: Bool) throws(SystemError) {
        try file.write(dirty ? 1 : 0, at: Word.dirty.rawValue)
    }

    var lastReclaim: UInt32 {
        get throws(SystemError) { try file.read(at: Word.reclaimed.rawValue) }
    }

    func setLastReclaim(_ seconds: UInt32) throws(SystemError) {
        try file.write(seconds, at: Word.reclaimed.rawValue)
    }
}
