import Host
import Testing

@testable import Overlay

@Suite struct MachineIDTests {
    private static let digits = "0123456789abcdef0123456789abcdef"

    @Test(arguments: ["0123456789ABCDEF0123456789abcdef", digits, digits + "\n", "  \(digits)\r\n"])
    func formsOfOneIdentityAreEqual(text: String) {
        #expect(MachineID(text)?.text == Self.digits)
        #expect(MachineID(text)?.canonicalBytes == Array((Self.digits + "\n").utf8))
    }

    @Test(arguments: [
        "", "\n", "uninitialized\n", String(repeating: "0", count: 32), "0123456789abcdef0123456789abcde",
        digits + "0", digits + " " + digits, "01234567-89ab-cdef-0123-456789abcdef", "０123456789abcdef0123456789abcde",
        "g123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcde\0",
    ])
    func whatIsNoIdentityIsRefusedWithARemedy(text: String) throws {
        #expect(MachineID(text) == nil)
        try withNode { paths in
            try Files.replace(paths.machineIDs[0], with: Array(text.utf8))
            let error = #expect(throws: OverlayError.self) { try MachineID.read(paths) }
            #expect(error?.source == paths.machineIDs[0])
            #expect(error?.remedy.contains("systemd-machine-id-setup") == true)
        }
    }

    @Test func theSecondFileServesWhereTheFirstIsMissing() throws {
        try withNode { paths in
            try Files.remove(paths.machineIDs[0])
            #expect(throws: OverlayError.self) { try MachineID.read(paths) }
            try Files.makeDirectories(Files.parent(of: paths.machineIDs[1]))
            try Files.replace(paths.machineIDs[1], with: Array(Self.digits.utf8))
            #expect(try MachineID.read(paths).text == Self.digits)
        }
    }
}
