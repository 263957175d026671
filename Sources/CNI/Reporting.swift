public import Host

/// Does `body`, and turns the system's error into the specification's: what was being done, then what the system said.
@discardableResult
public func reporting<Result: ~Copyable>(
    _ activity: @autoclosure () -> String, as code: CNIError.Code = .ioFailure,
    _ body: () throws(SystemError) -> Result
) throws(CNIError) -> Result {
    do throws(SystemError) {
        return try body()
    } catch {
        throw CNIError(code, activity(), details: error.description)
    }
}
