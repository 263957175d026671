internal import Host

/// A plugin whose process has been started for one verb and waits for its configuration, without which it can do nothing.
///
/// Starting a process takes as long as most of what it does then. So the start is made early, and takes place beside the
/// caller's own work. One that is not needed in the end is killed.
public final class PreparedDelegate {
    private let delegate: Delegate
    private let process: Result<RunningProcess, SystemError>
    private let input: [UInt8]
    private var beginning: Result<Void, SystemError>?

    init(_ delegate: Delegate, _ process: Result<RunningProcess, SystemError>, input: [UInt8]) {
        self.delegate = delegate
        self.process = process
        self.input = input
    }

    /// Has the plugin do its work, and does not wait for it. What fails is reported by whoever takes the answer.
    public func begin() {
        if beginning != nil { return }
        beginning = Result { () throws(SystemError) in try process.get().give(input) }
    }

    /// Takes the answer to ADD. Where that failed, DEL is run, so that the plugin has nothing left over.
    public func add() throws(CNIError) -> AttachmentResult {
        do throws(CNIError) {
            return try delegate.result(of: try finish())
        } catch {
            // The first error is the one that explains.
            try? delegate.delete()
            throw error
        }
    }

    public func delete() throws(CNIError) { _ = try finish() }

    /// Waits for the plugin's end.
    ///
    /// - Returns: What it printed.
    func finish() throws(CNIError) -> [UInt8] {
        begin()
        return try delegate.output(
            of: Result { () throws(SystemError) in
                try beginning?.get()
                return try process.get().finish()
            })
    }
}
