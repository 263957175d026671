internal import BPFShim
internal import PacketPath

/// One of the programs' counters, and what it is called elsewhere.
struct KernelCounter {
    enum Meaning {
        case traffic(TrafficCounter)
        case drop(DropReason)
    }

    let index: UInt32
    let meaning: Meaning

    private init(_ counter: warrens_counter, _ traffic: TrafficCounter) {
        index = counter.rawValue
        meaning = .traffic(traffic)
    }

    private init(_ counter: warrens_counter, _ reason: DropReason) {
        index = counter.rawValue
        meaning = .drop(reason)
    }

    static let all: [KernelCounter] = [
        .init(WARRENS_SENT_PACKETS, .sentPackets), .init(WARRENS_SENT_BYTES, .sentBytes),
        .init(WARRENS_RECEIVED_PACKETS, .receivedPackets), .init(WARRENS_RECEIVED_BYTES, .receivedBytes),
        .init(WARRENS_BYPASSED_SENT, .bypassedSent), .init(WARRENS_BYPASSED_RECEIVED, .bypassedReceived),
        .init(WARRENS_DECLINED_SENT, .declinedSent), .init(WARRENS_DECLINED_RECEIVED, .declinedReceived),
        .init(WARRENS_DROP_SEND_FAILED, .sendFailed), .init(WARRENS_DROP_MARTIAN, .martian),
        .init(WARRENS_DROP_OWN_SOURCE, .ownSource), .init(WARRENS_DROP_UNKNOWN_SOURCE, .unknownSource),
        .init(WARRENS_DROP_SPOOFED_SOURCE, .spoofedSource), .init(WARRENS_DROP_NOT_FOR_US, .notForUs),
        .init(WARRENS_DROP_CONGESTION, .congestion), .init(WARRENS_DROP_DELIVERY_FAILED, .deliveryFailed),
        .init(WARRENS_DROP_BARE_INNER, .bareInner),
    ]
}
