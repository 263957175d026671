/// The text of a C array of characters, up to its NUL.
func text<Characters: BitwiseCopyable>(_ characters: Characters) -> String {
    String(decoding: bytes(characters).prefix { $0 != 0 }, as: UTF8.self)
}

/// Two digits for each byte.
func hexadecimal<Bytes: BitwiseCopyable>(_ array: Bytes) -> String {
    bytes(array).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

private func bytes<Bytes: BitwiseCopyable>(_ array: Bytes) -> [UInt8] {
    // Sound: C's arrays hold nothing but their bytes.
    unsafe withUnsafeBytes(of: array) { unsafe Array($0) }
}
