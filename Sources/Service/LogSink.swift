internal import Glibc
public import Host
public import Logging
internal import Synchronization

/// Where log events end up.
public protocol LogSink: Sendable {
    func write(level: Logger.Level, message: String, fields: [(key: String, value: String)])
}

/// Lines on standard error.
public struct StandardErrorSink: LogSink {
    public init() {}

    public func write(level: Logger.Level, message: String, fields: [(key: String, value: String)]) {
        let line = LogLine.text(time: WallClock.text(), level: level, message: message, fields: fields)
        // One write for one line, so that lines of several threads do not mix. Nothing can be done about a failure.
        var bytes = Array(line.utf8)
        _ = unsafe Glibc.write(STDERR_FILENO, &bytes, bytes.count)
    }
}

/// Lines in a file that never grows beyond twice its limit: when it is full it becomes `<path>.1`, in the place of the
/// one before.
public final class FileSink: LogSink {
    private let path: String
    private let limit: Int
    private let state: Mutex<State>

    private struct State: ~Copyable {
        var file: OwnedDescriptor
        var size: Int
    }

    /// - Parameter limit: Bytes.
    public init(path: String, limit: Int = 1 << 20) throws(SystemError) {
        self.path = path
        self.limit = limit
        state = Mutex(try Self.open(path))
    }

    public func write(level: Logger.Level, message: String, fields: [(key: String, value: String)]) {
        let line = LogLine.text(time: WallClock.text(), level: level, message: message, fields: fields)
        state.withLock { state in
            if state.size + line.utf8.count > limit {
                _ = unsafe rename(path, "\(path).1")
                if let fresh = try? Self.open(path) { state = fresh }
            }
            // A full disk must not stop the daemon.
            try? state.file.writeAll(line.utf8, subject: path)
            state.size += line.utf8.count
        }
    }

    private static func open(_ path: String) throws(SystemError) -> State {
        let file = try OwnedDescriptor.open(path, O_WRONLY | O_CREAT | O_APPEND, mode: 0o640)
        let size = Int(lseek(file.raw, 0, SEEK_END))
        return State(file: file, size: size)
    }
}

/// journald's native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram for each event, every field by itself.
public struct JournalSink: LogSink {
    private let socket: OwnedJournalSocket
    private let identifier: String

    /// - Parameter identifier: The program's name, by which `journalctl -t` finds its lines.
    /// - Returns: Nil unless standard error leads to the journal, as JOURNAL_STREAM tells (systemd.exec(5)).
    public init?(identifier: String) {
        guard let stream = environmentVariable("JOURNAL_STREAM") else { return nil }
        var status = stat()
        guard unsafe fstat(STDERR_FILENO, &status) == 0, stream == "\(status.st_dev):\(status.st_ino)",
            let socket = OwnedJournalSocket()
        else { return nil }
        self.socket = socket
        self.identifier = identifier
    }

    public func write(level: Logger.Level, message: String, fields: [(key: String, value: String)]) {
        var datagram = Self.field("MESSAGE", message) + Self.field("PRIORITY", "\(Self.priority(level))")
        datagram += Self.field("SYSLOG_IDENTIFIER", identifier)
        for field in fields { datagram += Self.field("WARRENS_\(Self.name(field.key))", field.value) }
        socket.send(datagram)
    }

    /// A field with its length in front, the form that carries any byte.
    private static func field(_ name: String, _ value: String) -> [UInt8] {
        let length = UInt64(value.utf8.count)
        let number = (0..<8).map { UInt8(truncatingIfNeeded: length >> (8 * $0)) }
        return Array(name.utf8) + [0x0a] + number + Array(value.utf8) + [0x0a]
    }

    /// `nodeID` becomes `NODE_ID`: journald takes capital letters, digits and underscores.
    static func name(_ key: String) -> String {
        var name = ""
        var wasLower = false
        for character in key {
            if character.isUppercase, wasLower { name += "_" }
            wasLower = character.isLowercase || character.isNumber
            name += character.isASCII && (character.isLetter || character.isNumber) ? character.uppercased() : "_"
        }
        return name
    }

    /// syslog(3)'s numbers.
    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .critical: 2
        case .error: 3
        case .warning: 4
        case .notice: 5
        case .info: 6
        case .debug, .trace: 7
        }
    }
}

/// The socket that journald listens on.
private final class OwnedJournalSocket: Sendable {
    private let file: OwnedDescriptor

    init?() {
        let raw = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard raw >= 0 else { return nil }
        file = OwnedDescriptor(owning: raw)
        guard UnixSocket.connect(raw, to: "/run/systemd/journal/socket") else { return nil }
    }

    func send(_ bytes: [UInt8]) {
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(file.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }
}
