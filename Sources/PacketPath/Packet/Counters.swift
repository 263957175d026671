internal import Synchronization

/// The counters of one thread. Only that thread adds; any thread reads. A plain store is enough with one writer and
/// costs a fraction of an atomic addition.
@safe
final class Counters: Sendable {
    private nonisolated(unsafe) let slots: UnsafeMutablePointer<Atomic<UInt64>>
    private static let dropCount = DropReason.allCases.count
    private static let count = dropCount + TrafficCounter.allCases.count

    init() {
        // Sound: the slots live as long as this object, and every access to them is atomic.
        unsafe slots = .allocate(capacity: Self.count)
        for index in 0..<Self.count { unsafe (slots + index).initialize(to: Atomic(0)) }
    }

    deinit {
        unsafe slots.deinitialize(count: Self.count)
        unsafe slots.deallocate()
    }

    /// For the thread that counts.
    var writer: CounterWriter { unsafe CounterWriter(slots, dropCount: Self.dropCount) }

    func value(_ counter: TrafficCounter) -> UInt64 {
        unsafe slots[Self.dropCount + counter.rawValue].load(ordering: .relaxed)
    }

    func value(_ reason: DropReason) -> UInt64 { unsafe slots[reason.rawValue].load(ordering: .relaxed) }
}

/// The way to some ``Counters`` for the one thread that adds to them, which has to keep them. Copying it counts no
/// reference.
@safe
struct CounterWriter: BitwiseCopyable {
    private let drops: UnsafeMutablePointer<Atomic<UInt64>>
    private let traffic: UnsafeMutablePointer<Atomic<UInt64>>

    // Sound: there is a slot for each reason and each counter, and their owner is kept.

    fileprivate init(_ slots: UnsafeMutablePointer<Atomic<UInt64>>, dropCount: Int) {
        unsafe drops = slots
        unsafe traffic = slots + dropCount
    }

    @inline(__always)
    func add(_ counter: TrafficCounter, _ amount: Int = 1) {
        unsafe Self.add(traffic + counter.rawValue, amount)
    }

    @inline(__always)
    func drop(_ reason: DropReason, _ amount: Int = 1) { unsafe Self.add(drops + reason.rawValue, amount) }

    @inline(__always)
    private static func add(_ slot: UnsafeMutablePointer<Atomic<UInt64>>, _ amount: Int) {
        let sum = unsafe slot.pointee.load(ordering: .relaxed) &+ UInt64(truncatingIfNeeded: amount)
        unsafe slot.pointee.store(sum, ordering: .relaxed)
    }
}

/// The sum of several threads' counters at one moment.
package struct CounterTotals: Sendable, Equatable {
    private(set) var traffic: [TrafficCounter: UInt64] = [:]
    private(set) var drops: [DropReason: UInt64] = [:]

    init(_ threads: [Counters]) {
        for counter in TrafficCounter.allCases {
            traffic[counter] = threads.reduce(0) { $0 &+ $1.value(counter) }
        }
        for reason in DropReason.allCases { drops[reason] = threads.reduce(0) { $0 &+ $1.value(reason) } }
    }

    /// Takes in what another datapath has counted.
    package mutating func add(_ amount: UInt64, to counter: TrafficCounter) { traffic[counter, default: 0] &+= amount }
    package mutating func add(_ amount: UInt64, to reason: DropReason) { drops[reason, default: 0] &+= amount }

    package subscript(counter: TrafficCounter) -> UInt64 { traffic[counter] ?? 0 }
    package subscript(reason: DropReason) -> UInt64 { drops[reason] ?? 0 }
}
