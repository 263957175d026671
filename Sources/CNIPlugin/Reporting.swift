internal import CNI
internal import Host

/// Does `body`, and turns the system's error into the specification's: what was being done, then what the system said.
func reporting<Result: ~Copyable>(
    _ activity: String, as code: CNIError.Code = .ioFailure, _ body: () throws(SystemError) -> Result
) throws(CNIError) -> Result {
    do throws(SystemError) {
        return try body()
    } catch {
        throw CNIError(code, activity, details: error.description)
    }
}

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
