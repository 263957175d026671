import Addressing
import Testing

@testable import Overlay

@Suite struct ClaimTests {
    @Test(arguments: [
        ("1970-01-01T00:00:00Z", 0), ("2000-02-29T23:59:59Z", 951_868_799), ("2026-03-01T12:00:00Z", 1_772_366_400),
        ("1969-12-31T23:59:59Z", -1), ("2100-03-01T00:00:00Z", 4_107_542_400),
    ])
    func momentsAreReadAndWritten(text: String, seconds: Int64) {
        #expect(Timestamp(text)?.seconds == seconds)
        #expect(Timestamp(seconds: seconds).description == text)
    }

    @Test func everyDayOfFourCenturiesComesBack() {
        for day in stride(from: Int64(-146_097), through: 146_097, by: 1) {
            let moment = Timestamp(seconds: day * 86_400 + 3661)
            #expect(Timestamp(moment.description) == moment)
        }
    }

    @Test(arguments: [
        "", "2026-03-01", "2026-03-01T12:00:00", "2026-03-01T12:00:00+01:00", "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T12:00:00.Z", "-026-03-01T12:00:00Z",
    ])
    func otherMomentsAreRefused(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test(arguments: [
        "generation=0", "generation=3,since=2026-03-01T12:00:00Z",
        "generation=1,since=2026-03-01T12:00:00Z,draining=10.220.106.0/24;fd53::/112",
    ])
    func claimsAreReadAndWritten(text: String) {
        #expect(Claim(text)?.description == text)
    }

    @Test(arguments: [
        "", "since=2026-03-01T12:00:00Z", "generation=256", "generation=-1", "generation=1,since=yesterday",
        "generation=1,draining=10.0.0.0", "generation=1,generation=2", "generation=1,colour=red",
    ])
    func otherClaimsAreRefused(text: String) {
        #expect(Claim(text) == nil)
    }
}
