internal import Glibc
internal import Host
internal import SyscallShim

/// Fires once, some time after it was set; waited for by its descriptor, so that an idle daemon sleeps.
final class Timer {
    private let file: OwnedDescriptor
    private var isSet = false
    var descriptor: Int32 { file.raw }

    init() throws(SystemError) {
        file = OwnedDescriptor(owning: try retrying("timerfd", "") { warrens_open_timer() })
    }

    /// Fires `milliseconds` from now, unless it is set already: what comes in the meantime is served by the same
    /// firing, and a stream of events cannot put it off for ever.
    func set(milliseconds: Int64) {
        guard !isSet else { return }
        isSet = warrens_set_timer(file.raw, milliseconds) == 0
    }

    /// To be called once the descriptor is readable.
    func acknowledge() {
        var count: UInt64 = 0
        _ = unsafe read(file.raw, &count, 8)
        isSet = false
    }
}
