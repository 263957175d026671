internal import Glibc

/// A file that is read piece by piece, from start to end, up to a limit.
public final class FileStream: Sendable {
    private let path: String
    private let descriptor: OwnedDescriptor
    private let limit: Int
    private static let chunk = 256 * 1024

    /// Opens `path`, of which at most `limit` bytes will be read.
    public init(_ path: String, limit: Int) throws(SystemError) {
        self.path = path
        self.limit = limit
        descriptor = try OwnedDescriptor.openFile(path)
    }

    /// Appends the next bytes of the file.
    ///
    /// - Returns: How many; 0 at the end.
    /// - Throws: The read's error, or EFBIG once there are more than the limit's bytes.
    public func read(into bytes: inout [UInt8]) throws(SystemError) -> Int {
        let start = bytes.count
        bytes += repeatElement(0, count: Self.chunk)
        let count: Int
        do throws(SystemError) {
            count = try retrying("read", path) {
                // Sound: the kernel writes at most as many bytes as have just been made room for.
                unsafe bytes.withUnsafeMutableBytes {
                    let room = unsafe UnsafeMutableRawBufferPointer(rebasing: $0[start...])
                    return unsafe Glibc.read(descriptor.raw, room.baseAddress, room.count)
                }
            }
        } catch {
            bytes.removeLast(Self.chunk)
            throw error
        }
        bytes.removeLast(Self.chunk - count)
        let offset = try retrying("seek", path) { lseek(descriptor.raw, 0, SEEK_CUR) }
        guard offset <= limit else { throw SystemError("read", path, code: EFBIG, detail: "limit \(limit) bytes") }
        return count
    }
}
