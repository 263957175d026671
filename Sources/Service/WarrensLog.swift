internal import Glibc
internal import Host
public import Logging
internal import Overlay

/// A process's log: swift-log in front, one sink behind.
public struct WarrensLog: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level
    private let sink: any LogSink

    public init(sink: any LogSink, level: Logger.Level) {
        self.sink = sink
        logLevel = level
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = metadata
        for (key, value) in event.metadata ?? [:] { fields[key] = value }
        let sorted = fields.sorted { $0.key < $1.key }.map { (key: $0.key, value: "\($0.value)") }
        sink.write(level: event.level, message: event.message.description, fields: sorted)
    }
}

/// The time of day for people.
public enum WallClock {
    /// Seconds since 1970.
    public static func seconds() -> Int64 { Int64(time(nil)) }

    /// `2026-03-01T12:00:00.123Z`
    public static func text() -> String {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        let seconds = Timestamp(seconds: Int64(now.tv_sec)).description
        let milliseconds = "\(1000 + now.tv_nsec / 1_000_000)".dropFirst()
        return "\(seconds.dropLast()).\(milliseconds)Z"
    }
}
