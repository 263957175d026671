internal import Glibc

/// Another program that was started and waits for its input: its start takes its time beside the work of this process.
/// It is killed where it is let go of before its end.
public final class RunningProcess {
    private let executable: String
    private let number: pid_t
    private var exchange: Exchange
    private var hasEnded = false

    /// Of its standard error this many bytes are kept for a message; all of it is forwarded.
    private static let errorOutputKept = 4096

    /// Starts a program, with the parameters of ``ChildProcess/run(executable:arguments:environment:input:outputLimit:forwardsErrors:)``.
    /// From then on this process ignores SIGPIPE.
    public init(
        executable: String, arguments: [String] = [], environment: [(name: String, value: String)],
        outputLimit: Int = 1 << 22, forwardsErrors: Bool = true
    ) throws(SystemError) {
        // A child may end without reading its input.
        StandardStreams.ignoreBrokenPipes()
        let inputPipe = try Pipe()
        let outputPipe = try Pipe()
        let errorPipe = try Pipe()
        number = try ChildProcess.spawn(
            executable, [executable] + arguments, environment.map { "\($0.name)=\($0.value)" },
            descriptors: [inputPipe.reading.raw, outputPipe.writing.raw, errorPipe.writing.raw])
        self.executable = executable
        exchange = Exchange(
            outputLimit: outputLimit, errorLimit: Self.errorOutputKept, forwardsErrors: forwardsErrors,
            subject: executable, toChild: inputPipe.keepWriting(), fromChild: outputPipe.keepReading(),
            errorsFromChild: errorPipe.keepReading())
    }

    deinit {
        if hasEnded { return }
        kill(number, SIGKILL)
        _ = try? ChildProcess.wait(for: number, executable)
    }

    /// Gives it what it is to read from its standard input, without waiting. Call it once.
    public func give(_ input: [UInt8]) throws(SystemError) {
        try exchange.give(input)
    }

    /// Waits for its end, once it was given its input.
    public func finish() throws(SystemError) -> ChildProcess.Outcome {
        try exchange.run()
        let ending = try ChildProcess.wait(for: number, executable)
        hasEnded = true
        return ChildProcess.Outcome(ending: ending, output: exchange.output, errorOutput: exchange.errorOutput)
    }
}
