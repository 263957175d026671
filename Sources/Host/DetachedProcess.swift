internal import Glibc
internal import SyscallShim

/// A process that outlives its starter and owes it nothing: session, descriptors, signals, control group and
/// environment are its own.
///
/// A container runtime waits until every copy of a plugin's standard output is closed; one inherited descriptor in a
/// long-lived process hangs it. Start one only from a process with a single thread.
public struct DetachedProcess: ~Copyable {
    /// What a started process said about itself.
    public enum Readiness: Hashable, Sendable {
        case ready
        /// It cannot do its work, and why: one line of text.
        case failed(String)
        /// It has said nothing yet.
        case pending
    }

    /// The variable that names the descriptor for `ready` and a line feed, or one line that says what is wrong.
    public static let readyVariable = "WARRENS_READY_DESCRIPTOR"

    private let readyEnd: OwnedDescriptor

    /// Starts `executable`.
    ///
    /// - Parameters:
    ///   - executable: An absolute path.
    ///   - arguments: What follows the program's name.
    ///   - environment: The whole environment but ``readyVariable``, which is added.
    ///   - log: The file to which standard output and error are appended; made where it is missing.
    /// - Throws: The failure to make the process. A failed exec comes as ``Readiness/failed(_:)``.
    public static func start(
        executable: String, arguments: [String] = [], environment: [(name: String, value: String)], log: String
    ) throws(SystemError) -> DetachedProcess {
        let logFile = try OwnedDescriptor.open(log, O_WRONLY | O_CREAT | O_APPEND, mode: 0o640)
        let pipe = try Pipe()
        let groups = ControlGroups.outsideOfService()
        let groupNumbers = groups.map(\.raw)
        let name = executable.split(separator: "/").last.map(String.init) ?? executable
        let variables = environment.map { "\($0.name)=\($0.value)" } + ["\(readyVariable)=\(WARRENS_READY_DESCRIPTOR)"]
        // Sound: both vectors end with a null pointer and live until the call returns, as do the descriptors.
        let result = unsafe ChildProcess.withCStrings([name] + arguments) { argumentPointers in
            unsafe ChildProcess.withCStrings(variables) { environmentPointers in
                unsafe warrens_start_detached(
                    executable, argumentPointers, environmentPointers, logFile.raw, pipe.writing.raw, groupNumbers,
                    groupNumbers.count)
            }
        }
        if result < 0 { throw .last("start", executable) }
        withExtendedLifetime(groups) {}
        return DetachedProcess(readyEnd: pipe.keepReading())
    }

    /// Waits until the process says that it is ready or that it failed, at most until `milliseconds` have passed.
    public borrowing func readiness(within milliseconds: Int) -> Readiness {
        let deadline = Self.now() + milliseconds
        var said: [UInt8] = []
        while true {
            let left = deadline - Self.now()
            var waiting = pollfd(fd: readyEnd.raw, events: Int16(POLLIN), revents: 0)
            let count = unsafe poll(&waiting, 1, Int32(max(0, left)))
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return .pending }
            var chunk = [UInt8](repeating: 0, count: 512)
            // Sound: the kernel writes at most as many bytes as the buffer has.
            let got = unsafe chunk.withUnsafeMutableBytes { unsafe read(readyEnd.raw, $0.baseAddress, $0.count) }
            if got < 0, errno == EINTR { continue }
            said += chunk[..<max(0, got)]
            if let end = said.firstIndex(of: UInt8(ascii: "\n")) { return Self.verdict(said[..<end]) }
            if got <= 0 || said.count > 4096 { return Self.verdict(said[...]) }
        }
    }

    private static func verdict(_ line: ArraySlice<UInt8>) -> Readiness {
        let text = String(decoding: line, as: UTF8.self)
        if text == "ready" { return .ready }
        return .failed(text.isEmpty ? "it ended before it was ready" : text)
    }

    /// Milliseconds on a clock that never jumps.
    private static func now() -> Int {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }
}

/// An ``OwnedDescriptor`` that can stand in an array.
final class OwnedDescriptorBox {
    private let descriptor: OwnedDescriptor

    init(_ descriptor: consuming OwnedDescriptor) {
        self.descriptor = descriptor
    }

    var raw: Int32 { descriptor.raw }
}
