import Testing

@testable import Cluster

@Suite struct BackoffTests {
    @Test func waitsLongerAfterEachFailureUpToALimit() {
        var backoff = Backoff(first: 1000, longest: 30_000)
        #expect((0..<7).map { _ in backoff.next(randomness: 0) } == [500, 1000, 2000, 4000, 8000, 15_000, 15_000])
        backoff.succeeded()
        #expect(backoff.next(randomness: 0.5) == 750)
    }

    @Test func heedsWhatTheServerAsksFor() {
        var backoff = Backoff(first: 1000, longest: 30_000)
        #expect(backoff.next(retryAfter: 7, randomness: 0) == 7000)
        #expect(backoff.next(retryAfter: 7, randomness: 0.5) == 9500)
        #expect(backoff.next(retryAfter: 1_000_000, randomness: 0) == 600_000)
        #expect(backoff.next(retryAfter: -5, randomness: 0) == 4000)
    }
}
