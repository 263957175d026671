internal import Glibc

/// Lets other threads run for a moment, about 50 microseconds.
public func pauseBriefly() {
    usleep(50)
}

/// Seconds of the monotonic clock, at its coarse tick: exact enough for expiries, and cheap.
public func monotonicSeconds() -> Int64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
    return Int64(now.tv_sec)
}

/// Nanoseconds of the monotonic clock.
public func monotonicNanoseconds() -> Int64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
