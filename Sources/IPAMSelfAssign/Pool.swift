import Addressing
import Glibc
import Host

/// Which addresses of a range are free, in the order in which they were released: the next one to be handed out is
/// found in constant time, and an address that has just been released comes last.
///
/// The file is an index made from the leases and can always be made again from them (``LeaseStore/repair(_:)``). It is a
/// doubly linked list of the released slots; slots at and above ``Word/fresh`` that were never touched need no entry,
/// so a new pool is an empty file. All changes are made under the store's lock and dirty marker.
struct Pool: ~Copyable {
    let name: PoolName
    private let file: NumberFile

    /// The numbers in front of the slots.
    private enum Word: Int {
        case format
        /// The lowest slot that was never handed out in turn.
        case fresh
        /// The first and the last released slot, plus one; zero where there is none.
        case head, tail
        case used
        /// The number of these.
        case count
    }

    /// "WPL" and the version of the file's format.
    private static let format: UInt32 = 0x5750_4c01

    /// What a file that is no index of a pool is reported with; the store then makes it anew.
    static let damage = EUCLEAN

    /// Each slot has two numbers: the slots released before and after it, plus one, zero at either end. A slot that
    /// was never touched has two zeros as well, and ``touched`` tells it from one that is alone in the list.
    private static let inUse = UInt32.max
    private static let touched: UInt32 = 1 << 31

    /// Opens the pool's file, and makes it where it is missing.
    ///
    /// - Throws: ``damage`` where the file is something else.
    init(_ name: PoolName, in directory: String) throws(SystemError) {
        self.name = name
        file = try Self.file("\(directory)/\(name)")
    }

    private static func file(_ path: String) throws(SystemError) -> NumberFile {
        if Files.exists(path) {
            let file = try NumberFile(opening: path, writable: true)
            guard try file.read(at: Word.format.rawValue) == format else {
                throw SystemError("read", path, code: damage)
            }
            return file
        }
        let file = try NumberFile(creating: path)
        // Gives the file its first block: from here on only a slot that was never used can find the disk full.
        try file.write(format, at: Word.format.rawValue)
        return file
    }

    /// How many slots of the pool in `directory` are free, without a lock: good enough for a look from outside.
    static func freeCount(_ name: PoolName, in directory: String) -> Int {
        guard let file = try? NumberFile(opening: "\(directory)/\(name)", writable: false),
            let used = try? file.read(at: Word.used.rawValue)
        else { return name.slotCount }
        return max(0, name.slotCount - Int(used))
    }

    var freeCount: Int {
        get throws(SystemError) { max(0, name.slotCount - Int(try read(.used))) }
    }

    /// True where an address is not leased, as far as the pool keeps track of it.
    func isFree(_ address: IPAddress) throws(SystemError) -> Bool {
        guard let slot = name.slot(of: address) else { return true }
        return try before(slot) != Self.inUse
    }

    /// Hands out the address that was free for the longest time; nil where none is.
    func takeNext() throws(SystemError) -> IPAddress? {
        var fresh = Int(try read(.fresh))
        while fresh < name.slotCount {
            // Slots that were asked for by address are passed over.
            if try before(fresh) == 0 {
                let address = try take(slot: fresh)
                try write(.fresh, UInt32(fresh + 1))
                return address
            }
            fresh += 1
        }
        try write(.fresh, UInt32(fresh))
        let head = try read(.head)
        return head == 0 ? nil : try take(slot: try slot(head))
    }

    /// Hands out a given address that is free.
    func take(_ address: IPAddress) throws(SystemError) {
        guard let slot = name.slot(of: address), try before(slot) != Self.inUse else { return }
        _ = try take(slot: slot)
    }

    /// Takes an address back. One that is not in use stays as it is.
    func release(_ address: IPAddress) throws(SystemError) {
        guard let slot = name.slot(of: address), try before(slot) == Self.inUse else { return }
        let tail = try read(.tail)
        if tail == 0 {
            try write(.head, UInt32(slot + 1))
        } else {
            try setAfter(try self.slot(tail), UInt32(slot + 1))
        }
        try setBefore(slot, Self.touched | tail)
        try setAfter(slot, 0)
        try write(.tail, UInt32(slot + 1))
        try write(.used, try read(.used) &- 1)
    }

    private func take(slot: Int) throws(SystemError) -> IPAddress? {
        let before = try before(slot)
        if before & Self.touched != 0 { try unlink(slot, before & ~Self.touched) }
        // The first write to a slot that was never used is the one that fails where the disk is full.
        try setBefore(slot, Self.inUse)
        try write(.used, try read(.used) &+ 1)
        return name.address(at: slot)
    }

    /// Takes a slot out of the list of released ones.
    private func unlink(_ slot: Int, _ before: UInt32) throws(SystemError) {
        let after = try after(slot)
        if before == 0 {
            try write(.head, after)
        } else {
            try setAfter(try self.slot(before), after)
        }
        if after == 0 {
            try write(.tail, before)
        } else {
            try setBefore(try self.slot(after), Self.touched | before)
        }
    }

    /// The slot that a link leads to, which is stored plus one.
    private func slot(_ link: UInt32) throws(SystemError) -> Int {
        guard (1...name.slotCount).contains(Int(link)) else {
            throw SystemError("follow the free list of", name.description, code: Self.damage)
        }
        return Int(link) - 1
    }

    private func read(_ word: Word) throws(SystemError) -> UInt32 { try file.read(at: word.rawValue) }
    private func write(_ word: Word, _ value: UInt32) throws(SystemError) { try file.write(value, at: word.rawValue) }

    private func index(_ slot: Int) -> Int { Word.count.rawValue + 2 * slot }
    private func before(_ slot: Int) throws(SystemError) -> UInt32 { try file.read(at: index(slot)) }
    private func after(_ slot: Int) throws(SystemError) -> UInt32 { try file.read(at: index(slot) + 1) }
    private func setBefore(_ slot: Int, _ value: UInt32) throws(SystemError) { try file.write(value, at: index(slot)) }
    private func setAfter(_ slot: Int, _ value: UInt32) throws(SystemError) {
        try file.write(value, at: index(slot) + 1)
    }
}
