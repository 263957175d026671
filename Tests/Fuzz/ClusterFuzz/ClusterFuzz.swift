import Cluster
import JSON

/// What an API server sends, or a kubeconfig file, by the first byte: the rest comes in pieces whose size is the second.
/// Whatever comes, it is refused with a reason or means something; and pieces of another size mean the same.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    guard bytes.count > 2 else { return 0 }
    let content = Array(bytes[2...])
    switch bytes[0] {
    case UInt8(ascii: "k"): _ = try? Kubeconfig(content, source: "fuzzed").access()
    case UInt8(ascii: "l"): compare(content, .items, size: Int(bytes[1]))
    default: compare(content, .objects, size: Int(bytes[1]))
    }
    return 0
}

private func compare(_ content: [UInt8], _ stream: ObjectSplitter.Stream, size: Int) {
    let whole = objects(content, stream, size: content.count)
    let pieces = objects(content, stream, size: max(1, size))
    precondition(whole == pieces, "pieces of another size give other objects")
    for object in whole { _ = try? NodeEvent(parsing: object) }
}

/// Those that are found before the first failure.
private func objects(_ content: [UInt8], _ stream: ObjectSplitter.Stream, size: Int) -> [[UInt8]] {
    var splitter = ObjectSplitter(stream)
    var found: [[UInt8]] = []
    for start in stride(from: 0, to: content.count, by: size) {
        let piece = Array(content[start..<min(start + size, content.count)])
        guard (try? splitter.take(piece) { found.append($0) }) != nil else { return found }
    }
    if let envelope = try? splitter.end() { _ = ListPage(envelope: envelope) }
    return found
}
