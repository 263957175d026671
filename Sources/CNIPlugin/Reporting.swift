internal import CNI
internal import Glibc
internal import Host

/// Does `body` where failing must not stop what follows: clearing away, best effort by the specification.
///
/// - Returns: The error, for those who collect them.
@discardableResult
func attempting<Failure: Error>(_ body: () throws(Failure) -> Void) -> Failure? {
    do throws(Failure) {
        try body()
        return nil
    } catch {
        return error
    }
}

/// Does `body`, and counts it as done where this kernel has no part of netfilter that it needs: then there is nothing to
/// be undone either.
func toleratingMissingSupport(_ body: () throws(SystemError) -> Void) throws(SystemError) {
    do throws(SystemError) {
        try body()
    } catch {
        if !error.isMissingSupport { throw error }
    }
}

extension SystemError {
    /// What was looked for is not there.
    var isAbsence: Bool { code == ENOENT }

    /// This kernel does not know the protocol, or knows it without the part that was asked.
    var isMissingSupport: Bool { [EINVAL, EOPNOTSUPP, EPROTONOSUPPORT, EAFNOSUPPORT].contains(code) }
}
