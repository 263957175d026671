internal import Glibc

/// One line of the answer.
struct Measurement {
    let question: String
    let parameter: String
    let peers: Int
    /// 4 or 6; nil where it makes no difference.
    var family: Int?
    let unit: String
    let values: [Double]

    private var sorted: [Double] { values.sorted() }

    var json: String {
        let sorted = sorted
        let number = { (value: Double?) in value.map { "\(($0 * 1000).rounded() / 1000)" } ?? "null" }
        return """
            {"question": "\(question)", "parameter": "\(parameter)", "peers": \(peers), \
            "family": \(family.map(String.init) ?? "null"), "unit": "\(unit)", \
            "median": \(number(sorted.isEmpty ? nil : sorted[sorted.count / 2])), "min": \(number(sorted.first)), \
            "max": \(number(sorted.last)), "rounds": \(sorted.count)}
            """
    }
}

/// How long `body` takes, in nanoseconds of this thread's processor time: what other programs do beside it does not
/// count, and it never waits.
func nanoseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = threadTime()
    try body()
    return threadTime() - start
}

private func threadTime() -> Double {
    var now = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
    return Double(now.tv_sec) * 1e9 + Double(now.tv_nsec)
}
