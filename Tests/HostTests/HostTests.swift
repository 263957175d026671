import Host
import Testing

@Suite struct HostTests {
    private let directory = "/tmp/warrens-host-tests-\(UInt32.random(in: 0 ... .max))"

    @Test func replacesReadsAndRemovesFiles() throws {
        try Files.makeDirectories("\(directory)/a/b")
        defer { try? Files.removeTree(directory) }
        let path = "\(directory)/a/b/file"
        #expect(try Files.readIfPresent(path) == nil)
        try Files.replace(path, with: Array("one".utf8), mode: 0o600, durable: true)
        try Files.replace(path, with: Array("two".utf8))
        #expect(try Files.read(path) == Array("two".utf8))
        #expect(try Files.names(in: "\(directory)/a/b") == ["file"])
        #expect(throws: SystemError.self) { try Files.read(path, limit: 2) }
        #expect(try Files.remove(path) && !Files.remove(path))
    }

    @Test func failuresNameThePath() {
        let error = #expect(throws: SystemError.self) { try Files.read("/nonexistent/file") }
        #expect(error?.description == "open /nonexistent/file: No such file or directory (errno 2)")
    }

    @Test func aLockIsHeldOnce() throws {
        try Files.makeDirectories(directory)
        defer { try? Files.removeTree(directory) }
        let held = try FileLock(waitingFor: "\(directory)/lock")
        #expect(try FileLock(trying: "\(directory)/lock") == nil)
        _ = consume held
        #expect(try FileLock(trying: "\(directory)/lock") != nil)
    }
}
