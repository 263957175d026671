import Glibc
import Host
import Testing

@Suite struct FileCopyTests {
    private let directory = "/tmp/warrens-copy-tests-\(UInt32.random(in: 0 ... .max))"
    private var source: String { "\(directory)/source" }
    private var target: String { "\(directory)/bin/target" }

    private func begin(_ content: [UInt8] = Array("new".utf8)) throws {
        try Files.makeDirectories("\(directory)/bin")
        try Files.replace(source, with: content)
    }

    private func mode(of path: String) -> UInt32 {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    @Test func putsACopyInThePlaceOfAFile() throws {
        // More than one portion, and a part of one.
        let content = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try begin(content)
        defer { try? Files.removeTree(directory) }
        try Files.replace(target, with: Array("old".utf8))
        let former = Files.identity(of: target)
        #expect(try Files.install(source, as: target, mode: 0o755))
        #expect(try Files.read(target) == content)
        #expect(mode(of: target) == 0o755)
        #expect(Files.identity(of: target) != former)
        #expect(try Files.names(in: "\(directory)/bin") == ["target"])
    }

    @Test func leavesWhatIsTheSame() throws {
        try begin()
        defer { try? Files.removeTree(directory) }
        #expect(try Files.install(source, as: target, mode: 0o755))
        let former = Files.identity(of: target)
        #expect(try !Files.install(source, as: target, mode: 0o755))
        #expect(Files.identity(of: target) == former)
        // Another mode is another file; so is the same content and more.
        #expect(try Files.install(source, as: target, mode: 0o700))
        try Files.replace(source, with: Array("new and more".utf8))
        #expect(try Files.install(source, as: target, mode: 0o700))
        #expect(try Files.read(target) == Array("new and more".utf8))
    }

    @Test func usesUpWhatAKilledProcessLeft() throws {
        try begin()
        defer { try? Files.removeTree(directory) }
        try Files.replace("\(directory)/bin/.target.installing", with: Array("half of something larger".utf8))
        #expect(try Files.install(source, as: target, mode: 0o755))
        #expect(try Files.read(target) == Array("new".utf8))
        #expect(try Files.names(in: "\(directory)/bin") == ["target"])
    }

    /// A link may lead to what belongs to somebody else: K3s has such ones among its plugins.
    @Test func replacesALinkAndNotWhatItLeadsTo() throws {
        try begin()
        defer { try? Files.removeTree(directory) }
        try Files.replace("\(directory)/other", with: Array("other".utf8))
        #expect(unsafe symlink("../other", target) == 0)
        #expect(try Files.install(source, as: target, mode: 0o755))
        #expect(try Files.read(target) == Array("new".utf8))
        #expect(try Files.read("\(directory)/other") == Array("other".utf8))
    }

    @Test func aFailureLeavesWhatWasThere() throws {
        try begin()
        defer { try? Files.removeTree(directory) }
        try Files.makeDirectories("\(target)/inside")
        let error = #expect(throws: SystemError.self) { try Files.install(source, as: target, mode: 0o755) }
        #expect(error?.description.contains(target) == true)
        #expect(Files.exists("\(target)/inside"))
        #expect(try Files.names(in: "\(directory)/bin") == ["target"])
        #expect(throws: SystemError.self) { try Files.install("\(directory)/none", as: "\(directory)/x", mode: 0o755) }
        #expect(!Files.exists("\(directory)/x"))
    }
}
