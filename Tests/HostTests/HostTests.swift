import Glibc
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

    @Test func removesWhatCutShortReplacementsLeft() throws {
        try Files.makeDirectories(directory)
        defer { try? Files.removeTree(directory) }
        let kept = ["file", "file.tmp", "file.1.2", "file.x.2.tmp", "other.1.2.tmp", "file.1.2.3.tmp"]
        for name in kept + ["file.1.2.tmp", "file.4000.4294967295.tmp"] {
            try Files.replace("\(directory)/\(name)", with: [])
        }
        try Files.removeRemains(of: "\(directory)/file")
        #expect(try Files.names(in: directory).sorted() == kept.sorted())
        try Files.removeRemains(of: "\(directory)/none/file")
    }

    @Test func writesAFilePieceByPiece() throws {
        try Files.makeDirectories(directory)
        defer { try? Files.removeTree(directory) }
        let path = "\(directory)/file"
        try Files.replace(path) { file, name throws(SystemError) in
            for piece in ["a", "b"] { try file.writeAll(Array(piece.utf8), subject: name) }
        }
        #expect(try Files.read(path) == Array("ab".utf8))
        #expect(throws: SystemError.self) {
            try Files.replace(path) { _, _ throws(SystemError) in throw SystemError("write", "", code: ENOSPC) }
        }
        #expect(try Files.read(path) == Array("ab".utf8))
        #expect(try Files.names(in: directory) == ["file"])
    }

    /// A pipe that nobody writes to must not stop the reader.
    @Test(.timeLimit(.minutes(1))) func onlyRegularFilesAreRead() throws {
        try Files.makeDirectories(directory)
        defer { try? Files.removeTree(directory) }
        let pipe = "\(directory)/pipe"
        #expect(unsafe mkfifo(pipe, 0o600) == 0)
        for path in [pipe, directory, "/dev/zero"] {
            #expect(throws: SystemError.self) { try Files.read(path) }
            #expect(throws: SystemError.self) { try FileStream(path, limit: 100) }
        }
        let error = #expect(throws: SystemError.self) { try Files.read(pipe) }
        #expect(error?.description.contains("no regular file") == true)
        #expect(try !Files.read("/proc/self/stat").isEmpty)
    }

    @Test func directoriesTowardAFileAreThoseOfItsLinks() throws {
        try Files.makeDirectories("\(directory)/etc")
        try Files.makeDirectories("\(directory)/map/v1")
        defer { try? Files.removeTree(directory) }
        let links = [
            ("etc/file", "../map/file"), ("map/file", "..data/file"), ("map/..data", "v1"), ("loop", "loop"),
        ]
        for (name, target) in links { #expect(unsafe symlink(target, "\(directory)/\(name)") == 0) }
        #expect(
            SymbolicLinks.directories(toward: "\(directory)/etc/file")
                == ["etc", "map", "map", "map/v1"].map { "\(directory)/\($0)" })
        #expect(SymbolicLinks.directories(toward: "\(directory)/none/file") == ["\(directory)/none"])
        #expect(SymbolicLinks.directories(toward: "\(directory)/loop/file").last?.hasSuffix("/loop") == true)
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
