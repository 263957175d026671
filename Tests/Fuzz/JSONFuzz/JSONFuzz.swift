import JSON

/// Any bytes: the parser either refuses them or returns a value that survives writing and reading again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard let value = try? JSONValue(parsing: bytes) else { return 0 }
    for pretty in [false, true] {
        let again = try? JSONValue(parsing: Array(value.serialized(pretty: pretty).utf8))
        precondition(again == value, "a value changed between writing and reading")
    }
    return 0
}
