import Addressing

/// One peer as packets meet it. What it points at is retained by the list that it stands in.
@safe
struct PeerRecord: BitwiseCopyable {
    /// Where to send, where `hasEndpoint`.
    var endpoint = AddressKey(high: 0, low: 0) {
        didSet { isEndpointV4 = endpoint.isV4 }
    }
    // Sound: retained by whoever makes the record, and once more by each list that copies it.
    fileprivate let state: Unmanaged<PeerState>
    fileprivate let path: Unmanaged<PathState>
    /// The outer sources of its datagrams besides the endpoint.
    fileprivate let furtherSources: Unmanaged<AddressList>
    var port: UInt16 = 0
    var hasEndpoint = false
    fileprivate var isEndpointV4 = false
    /// Whether received datagrams must bear the endpoint or another address of the peer as outer source.
    var checksSource = false
    /// Whether inner transport checksums may stay partial on the way, in both directions.
    var defersChecksums = false

    /// Fills a cache line, so that no peer needs two.
    private var padding: (UInt64, UInt64) = (0, 0)

    /// Retains the objects for the list that the record is to stand in.
    init(retaining state: PeerState, _ path: PathState, furtherSources: AddressList) {
        unsafe self.state = .passRetained(state)
        unsafe self.path = .passRetained(path)
        unsafe self.furtherSources = .passRetained(furtherSources)
    }

    fileprivate func retain() {
        _ = unsafe state.retain()
        _ = unsafe path.retain()
        _ = unsafe furtherSources.retain()
    }

    fileprivate func release() {
        unsafe state.release()
        unsafe path.release()
        unsafe furtherSources.release()
    }
}

/// A peer's record where it lies, which is to be used no longer than the table that it came from. Copying it counts no
/// reference, nor does anything that packets ask of it.
@safe
package struct PeerReference: BitwiseCopyable {
    private let record: UnsafePointer<PeerRecord>

    // Sound: the table holds the record, and the record what it points at.

    @inline(__always)
    fileprivate init(_ record: UnsafePointer<PeerRecord>) { unsafe self.record = record }

    /// Where to send, where ``hasEndpoint``.
    var endpoint: AddressKey {
        @inline(__always) get { unsafe record.pointee.endpoint }
    }

    package var port: UInt16 {
        @inline(__always) get { unsafe record.pointee.port }
    }

    var hasEndpoint: Bool {
        @inline(__always) get { unsafe record.pointee.hasEndpoint }
    }

    var checksSource: Bool {
        @inline(__always) get { unsafe record.pointee.checksSource }
    }

    var defersChecksums: Bool {
        @inline(__always) get { unsafe record.pointee.defersChecksums }
    }

    /// Which outer protocol carries the peer's packets.
    var endpointFamily: IPFamily {
        @inline(__always) get { unsafe record.pointee.isEndpointV4 ? .v4 : .v6 }
    }

    /// True where `outer` is an address that the peer sends from.
    @inline(__always)
    func sends(from outer: AddressKey) -> Bool {
        if hasEndpoint, outer == endpoint { return true }
        return unsafe record.pointee.furtherSources._withUnsafeGuaranteedRef { $0.contains(outer) }
    }

    /// True for two records of one peer.
    @inline(__always)
    func isSame(as other: PeerReference) -> Bool {
        unsafe record == other.record
            || (record.pointee.state.toOpaque() == other.record.pointee.state.toOpaque() && port == other.port
                && endpoint == other.endpoint)
    }

    @inline(__always)
    func countSent(packets: Int, bytes: Int) {
        unsafe record.pointee.state._withUnsafeGuaranteedRef { $0.countSent(packets: packets, bytes: bytes) }
    }

    @inline(__always)
    func countReceived(packets: Int, bytes: Int, now: Int64) {
        unsafe record.pointee.state._withUnsafeGuaranteedRef {
            $0.countReceived(packets: packets, bytes: bytes, now: now)
        }
    }

    /// The largest outer datagram on the path to the endpoint, IP header included, in bytes.
    @inline(__always)
    func mtu(now: Int64) -> Int {
        unsafe record.pointee.path._withUnsafeGuaranteedRef { $0.mtu(now: now) }
    }

    /// What is counted for the peer, and what is known of its path, for the control side to keep.
    var state: PeerState { unsafe record.pointee.state.takeUnretainedValue() }
    var path: PathState { unsafe record.pointee.path.takeUnretainedValue() }
}

/// A few addresses that are read without counting references.
@safe
final class AddressList: Sendable {
    static let none = AddressList([])

    private nonisolated(unsafe) let addresses: UnsafeMutablePointer<AddressKey>
    private let count: Int

    init(_ list: [AddressKey]) {
        count = list.count
        // Sound: the block lives as long as this object and is indexed below `count`.
        unsafe addresses = .allocate(capacity: max(count, 1))
        for (index, address) in list.enumerated() { unsafe (addresses + index).initialize(to: address) }
    }

    deinit { unsafe addresses.deallocate() }

    @inline(__always)
    func contains(_ address: AddressKey) -> Bool {
        for index in 0..<count where unsafe addresses[index] == address { return true }
        return false
    }
}

/// The peers by their numbers. Immutable; a successor shares all but the chunks in which it differs.
@safe
struct PeerRecords: ~Copyable, Sendable {
    private static let chunkSize = 128

    /// Room for a chunk's records, each in a cache line of its own.
    private static func allocateRecords() -> UnsafeMutablePointer<PeerRecord> {
        // Sound: the bytes suffice for the records, which are aligned to their own size.
        unsafe UnsafeMutableRawPointer.allocate(
            byteCount: chunkSize * MemoryLayout<PeerRecord>.stride, alignment: 64
        ).bindMemory(to: PeerRecord.self, capacity: chunkSize)
    }

    @safe
    private final class Chunk: Sendable {
        nonisolated(unsafe) let records: UnsafeMutablePointer<PeerRecord>

        /// A chunk of numbers that no peer has.
        init(state: PeerState, path: PathState) {
            // Sound: the block has a record for each number of the chunk, and its records' objects are retained.
            unsafe records = allocateRecords()
            for index in 0..<chunkSize {
                unsafe (records + index).initialize(to: PeerRecord(retaining: state, path, furtherSources: .none))
            }
        }

        init(copying other: Chunk) {
            unsafe records = allocateRecords()
            unsafe records.initialize(from: other.records, count: chunkSize)
            for index in 0..<chunkSize { unsafe records[index].retain() }
        }

        deinit {
            for index in 0..<chunkSize { unsafe records[index].release() }
            unsafe records.deallocate()
        }

        /// Takes over a record with its retained objects. Only while nobody else has this chunk.
        func set(_ index: Int, _ record: PeerRecord) {
            unsafe records[index].release()
            unsafe records[index] = record
        }
    }

    private let chunks: [Chunk]
    private nonisolated(unsafe) let starts: UnsafeMutablePointer<UnsafeMutablePointer<PeerRecord>>
    /// How many numbers there are.
    let count: Int
    /// What stands under the numbers that no peer has.
    private let vacantState: PeerState
    private let vacantPath: PathState

    init() { self.init([], state: PeerState(), path: PathState(routeMTU: 0)) }

    private init(_ chunks: [Chunk], state: PeerState, path: PathState) {
        self.chunks = chunks
        vacantState = state
        vacantPath = path
        count = chunks.count * Self.chunkSize
        // Sound: the block lives as long as this value, and leads to blocks that the chunks above hold.
        unsafe starts = .allocate(capacity: max(chunks.count, 1))
        for (index, chunk) in chunks.enumerated() { unsafe (starts + index).initialize(to: chunk.records) }
    }

    deinit { unsafe starts.deallocate() }

    /// Makes a record of no peer: nothing can be sent by it.
    func makeVacant() -> PeerRecord { PeerRecord(retaining: vacantState, vacantPath, furtherSources: .none) }

    /// The path of a peer that cannot be reached.
    var noPath: PathState { vacantPath }

    /// The peer with this number.
    @inline(__always)
    subscript(number: Int) -> PeerReference {
        precondition(number >= 0 && number < count)
        let index = UInt(bitPattern: number)
        return unsafe PeerReference(
            starts[Int(bitPattern: index / UInt(Self.chunkSize))] + Int(bitPattern: index % UInt(Self.chunkSize)))
    }

    /// The list with other records, which it takes over, under some numbers, which may be new ones.
    func successor(setting changes: [(number: Int, record: PeerRecord)]) -> PeerRecords {
        var chunks = chunks
        var fresh: Set<Int> = []
        for (number, record) in changes {
            let index = number / Self.chunkSize
            while index >= chunks.count {
                fresh.insert(chunks.count)
                chunks.append(Chunk(state: vacantState, path: vacantPath))
            }
            if fresh.insert(index).inserted { chunks[index] = Chunk(copying: chunks[index]) }
            chunks[index].set(number % Self.chunkSize, record)
        }
        return PeerRecords(chunks, state: vacantState, path: vacantPath)
    }
}
