/// A token bucket: lets `burst` through at once and `rate` a second on average.
struct RateLimit {
    private let capacity: Int64
    private let nanosecondsEach: Int64
    private var spent: Int64 = 0
    private var last: Int64 = 0

    init(rate: Int64, burst: Int64) {
        nanosecondsEach = 1_000_000_000 / rate
        capacity = burst * nanosecondsEach
    }

    /// - Parameter now: Nanoseconds of the monotonic clock.
    mutating func allow(now: Int64) -> Bool {
        spent = max(0, spent - (now - last))
        last = now
        guard spent + nanosecondsEach <= capacity else { return false }
        spent += nanosecondsEach
        return true
    }
}
