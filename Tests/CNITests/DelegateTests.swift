import Addressing
import Glibc
import Host
import Testing

@testable import CNI

@Suite struct DelegateTests {
    private func request(_ path: [String], _ input: String = #"{"name":"net","cniVersion":"1.0.0" }"#) throws -> Request
    {
        Request(
            verb: .add, containerID: "container-1", networkNamespace: "/var/run/netns/x", interfaceName: "eth0",
            arguments: [("A", "B"), ("C", "D")], pluginPath: path,
            configuration: try NetworkConfiguration(parsing: Array(input.utf8), verb: .add))
    }

    @Test func getsOurInputAndEnvironmentUnchanged() throws {
        try withTemporaryDirectory { directory in
            try install(
                """
                #!/bin/sh
                cat > \(directory)/input
                env | grep ^CNI_ | sort > \(directory)/environment
                echo '{"ips":[{"address":"10.0.0.8/24"}]}'
                """, as: "\(directory)/ipam")
            let request = try request(["/nonexistent", directory])
            let result = try Delegate(type: "ipam", request: request).add()
            #expect(result.addresses.map(\.address.description) == ["10.0.0.8/24"])
            #expect(try Files.read("\(directory)/input") == request.configuration.raw)
            #expect(
                try String(decoding: Files.read("\(directory)/environment"), as: UTF8.self) == """
                    CNI_ARGS=A=B;C=D
                    CNI_COMMAND=ADD
                    CNI_CONTAINERID=container-1
                    CNI_IFNAME=eth0
                    CNI_NETNS=/var/run/netns/x
                    CNI_PATH=/nonexistent:\(directory)

                    """)
        }
    }

    /// As a plugin that hands its configuration to itself.
    @Test func aCircleOfPluginsEnds() throws {
        try withTemporaryDirectory { directory in
            try install(
                "#!/bin/sh\necho $WARRENS_DELEGATION_DEPTH > \(directory)/depth", as: "\(directory)/ipam")
            try Delegate(type: "ipam", request: request([directory])).check()
            #expect(try Files.read("\(directory)/depth") == Array("1\n".utf8))
            let deep = try request([directory])
            let error = #expect(throws: CNIError.self) { try Delegate(type: "ipam", request: deep, depth: 4) }
            #expect(error?.code == .invalidConfiguration && error?.message.contains("circle") == true)
        }
    }

    @Test func theFirstInThePathIsTaken() throws {
        try withTemporaryDirectory { directory in
            for name in ["a", "b"] {
                try Files.makeDirectories("\(directory)/\(name)")
                try install("#!/bin/sh\necho \(name) > \(directory)/ran", as: "\(directory)/\(name)/ipam")
            }
            try Delegate(type: "ipam", request: request(["\(directory)/a", "\(directory)/b"])).check()
            #expect(try Files.read("\(directory)/ran") == Array("a\n".utf8))
        }
    }

    @Test(arguments: ["a/b", "a\\b", "", ".", "..", "../ipam"])
    func refusesTypesThatAreNoNames(type: String) throws {
        let request = try request(["/bin"])
        let error = #expect(throws: CNIError.self) { try Delegate(type: type, request: request) }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func saysWhatIsMissing() throws {
        let missing = try request(["/nonexistent"])
        let error = #expect(throws: CNIError.self) { try Delegate(type: "ipam", request: missing) }
        #expect(error?.message == #"failed to find plugin "ipam" in path ["/nonexistent"]"#)
        let pathless = try request([])
        let other = #expect(throws: CNIError.self) { try Delegate(type: "ipam", request: pathless) }
        #expect(other?.message == "required env variables [CNI_PATH] missing")
    }

    @Test(arguments: [
        (#"echo '{"code":11,"msg":"pool empty","details":"10.0.0.0/24"}'; exit 1"#, 11, "pool empty", "10.0.0.0/24"),
        ("exit 3", 999, "exit code 3", "it printed nothing"),
        ("echo boom >&2; exit 2", 999, "exit code 2", #"its standard error was "boom\n""#),
        ("echo boom; exit 2", 999, "exit code 2", #"its standard output was "boom\n""#),
        ("kill -9 $$", 999, "killed by signal 9", "nothing"),
        ("echo hello", 6, "not valid JSON", #""hello\n""#),
        ("true", 6, "not valid JSON", #"it printed """#),
        ("echo '[]'", 6, "not an object", "[]"),
        (#"echo '{"ips":[{"address":"x"}]}'"#, 6, "result.ips[0].address", ""),
    ])
    func failuresExplainThemselves(script: String, code: Int, message: String, details: String) throws {
        try withTemporaryDirectory { directory in
            try install(
                "#!/bin/sh\necho $CNI_COMMAND >> \(directory)/verbs\n[ $CNI_COMMAND = DEL ] && exit 5\n\(script)",
                as: "\(directory)/ipam")
            let delegate = try Delegate(type: "ipam", request: request([directory]))
            let error = #expect(throws: CNIError.self) { try delegate.add() }
            #expect(error?.code.rawValue == code)
            #expect(error?.message.contains("plugin \"ipam\"") == true)
            #expect(error?.message.contains(message) == true, "\(error?.description ?? "")")
            #expect(error?.details.contains(details) == true, "\(error?.description ?? "")")
            // A failed ADD is followed by a DEL, whose own failure is not what is told.
            #expect(try Files.read("\(directory)/verbs") == Array("ADD\nDEL\n".utf8))
        }
    }

    @Test func largeInputAndOutputDoNotBlock() throws {
        try withTemporaryDirectory { directory in
            try install("#!/bin/sh\ncat\ncat /dev/zero | head -c 300000 >&2", as: "\(directory)/echo")
            let input = [UInt8](repeating: UInt8(ascii: "x"), count: 3_000_000)
            let outcome = try ChildProcess.run(
                executable: "\(directory)/echo", environment: ChildProcess.environment(setting: []), input: input,
                forwardsErrors: false)
            #expect(outcome.output == input)
            #expect(outcome.errorOutput.count == 4096)
            #expect(outcome.ending == .exited(code: 0))
        }
    }

    @Test func aChildNeedNotReadItsInput() throws {
        let outcome = try ChildProcess.run(
            executable: "/bin/true", environment: [], input: [UInt8](repeating: 0, count: 1_000_000))
        #expect(outcome.ending == .exited(code: 0))
    }

    @Test func tooMuchOutputIsAnError() throws {
        let error = #expect(throws: SystemError.self) {
            try ChildProcess.run(
                executable: "/bin/sh", arguments: ["-c", "cat /dev/zero"],
                environment: ChildProcess.environment(setting: []), input: [], outputLimit: 100_000)
        }
        #expect(error?.code == EFBIG)
    }

    @Test func waitsForAnExecutableThatIsBeingWritten() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/true"
            try Files.replace(path, with: Files.read("/bin/true"), mode: 0o755)
            // A writer keeps it busy (ETXTBSY) for a while: this shell, by its descriptor 9.
            let writer = try ChildProcess.run(
                executable: "/bin/sh",
                arguments: ["-c", "exec 9>>\(path); (sleep 0.3) >/dev/null 2>&1 & exec 9>&-"],
                environment: ChildProcess.environment(setting: []), input: [])
            #expect(writer.ending == .exited(code: 0))
            let outcome = try ChildProcess.run(executable: path, environment: [], input: [])
            #expect(outcome.ending == .exited(code: 0))
        }
    }
}
