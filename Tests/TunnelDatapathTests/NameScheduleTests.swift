import Addressing
import Testing

@testable import TunnelDatapath

@Suite struct NameScheduleTests {
    private let here = IPAddress("192.0.2.1").map { [$0] } ?? []
    private let there = IPAddress("2001:db8::1").map { [$0] } ?? []

    @Test(arguments: [(0, 30), (5, 30), (60, 60), (7200, 3600)]) func followsTheTimeToLive(life: Int, wait: Int64) {
        var schedule = NameSchedule()
        schedule.want(["a", "b"])
        #expect(schedule.due(now: 100) == ["a", "b"] && schedule.addresses.isEmpty)
        schedule.resolved("a", here, life: life, now: 100)
        #expect(schedule.due(now: 100) == ["b"] && schedule.addresses == ["a": here])
        #expect(schedule.due(now: 100 + wait - 1) == ["b"] && schedule.due(now: 100 + wait) == ["a", "b"])
    }

    @Test func keepsWhatItKnowsWhileNobodyAnswers() {
        var schedule = NameSchedule()
        schedule.want(["a"])
        schedule.resolved("a", here, life: 60, now: 0)
        var now: Int64 = 60
        for wait: Int64 in [5, 10, 20, 40, 80, 160, 300, 300] {
            schedule.failed("a", now: now)
            #expect(schedule.next == now + wait && schedule.addresses == ["a": here])
            now += wait
        }
        schedule.resolved("a", there, life: 60, now: now)
        #expect(schedule.addresses == ["a": there])
        schedule.failed("a", now: now)
        #expect(schedule.next == now + 5)
    }

    @Test func forgetsWhatNobodyWants() {
        var schedule = NameSchedule()
        schedule.want(["a"])
        schedule.want(["b"])
        schedule.resolved("a", here, life: 60, now: 0)
        #expect(schedule.addresses.isEmpty && schedule.due(now: 0) == ["b"])
        let rotated = schedule
        schedule.want(["b"])
        #expect(schedule == rotated)
    }
}
