internal import Glibc

/// Where symbolic links lead.
public enum SymbolicLinks {
    /// As many as Linux follows (path_resolution(7)).
    private static let limit = 40

    /// What the symbolic link at `path` holds; nil where there is none.
    public static func target(of path: String) -> String? {
        var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
        // Sound: readlink writes at most `$0.count` bytes and says how many.
        let length = unsafe target.withUnsafeMutableBytes { buffer in
            unsafe buffer.withMemoryRebound(to: CChar.self) { text in
                unsafe text.baseAddress.map { unsafe readlink(path, $0, text.count) } ?? -1
            }
        }
        return length > 0 ? String(decoding: target[..<length], as: UTF8.self) : nil
    }

    /// The directories whose change can make `path` lead to another file: the one that holds the file in the end, and
    /// the one of each symbolic link on the way, directories that are links included. In the order of the way; what
    /// does not exist is taken for a plain name.
    public static func directories(toward path: String) -> [String] {
        var found: [String] = []
        var directory = path.hasPrefix("/") ? "/" : "."
        var rest = Array(path.split(separator: "/").reversed())
        var links = 0
        while let name = rest.popLast() {
            if name == "." { continue }
            if name == ".." {
                directory = Files.parent(of: directory)
                continue
            }
            let next = directory == "/" ? "/\(name)" : "\(directory)/\(name)"
            if links < limit, let target = target(of: next) {
                links += 1
                found.append(directory)
                if target.hasPrefix("/") { directory = "/" }
                rest += target.split(separator: "/").reversed()
                continue
            }
            if rest.isEmpty { found.append(directory) }
            directory = next
        }
        return found
    }
}
