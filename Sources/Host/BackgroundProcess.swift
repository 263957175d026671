internal import Glibc
internal import SyscallShim

/// A copy of this process that does one thing and ends, also after this process has ended: for what the kernel takes its
/// time to finish, when its effect is there long before.
///
/// It has none of our descriptors, so that whoever waits for the end of our output does not wait for it. Only for
/// processes of a single thread.
public struct BackgroundProcess {
    private let number: Int32

    /// - Parameter body: Runs in the copy. It must open for itself whatever it needs.
    public init(_ body: () -> Void) throws(SystemError) {
        let number = warrens_fork_background()
        if number == 0 {
            body()
            _exit(0)
        }
        guard number > 0 else { throw .last("fork", "background process") }
        self.number = number
    }

    public var hasEnded: Bool { warrens_has_ended(number) != 0 }
}
