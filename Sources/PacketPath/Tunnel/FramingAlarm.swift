package import Addressing
package import Host
internal import Synchronization

/// Tells the control thread who sends what only a cluster with another `framing` understands: a setting that differs
/// between nodes, which their operator should hear of by name.
package final class FramingAlarm: Sendable {
    /// Signalled when there is a sender to ``take()``.
    package let raised: Event
    private let sender = Mutex<IPAddress?>(nil)

    package init() throws(SystemError) { raised = try Event() }

    /// To be called rarely: it is not made for the packet path's pace.
    @inline(never)
    func raise(_ source: AddressKey) {
        sender.withLock { $0 = source.address }
        raised.signal()
    }

    /// The outer source of the last such datagram.
    package func take() -> IPAddress? {
        raised.clear()
        return sender.withLock { sender in
            defer { sender = nil }
            return sender
        }
    }
}
