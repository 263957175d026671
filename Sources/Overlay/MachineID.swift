public import Host

/// The identity that the operating system gives a machine at installation (machine-id(5)): 128 bits, as 32 digits.
public struct MachineID: Hashable, Sendable, CustomStringConvertible {
    /// 32 lower-case hexadecimal digits.
    public let text: String

    /// Reads 32 hexadecimal digits in either case, with white space around them or not, as the file and Kubernetes'
    /// `status.nodeInfo.machineID` have them. Dashes (as in a UUID) are not accepted, nor is an identity of zeros.
    public init?(_ text: some StringProtocol) {
        let text = String(text).utf8
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
        guard let first = text.firstIndex(where: { !isSpace($0) }),
            let last = text.lastIndex(where: { !isSpace($0) }),
            let bytes = Hexadecimal.bytes(text[first...last]), bytes.count == 16,
            bytes.contains(where: { $0 != 0 })
        else { return nil }
        self.text = Hexadecimal.text(bytes)
    }

    public var description: String { text }

    /// The canonical form that is hashed: the digits and one line feed, 33 bytes.
    ///
    /// The file ends with a line feed and Kubernetes' copy does not; with it, both give the node id that the
    /// authors of the paper compute from the file.
    public var canonicalBytes: [UInt8] { Array(text.utf8) + [0x0a] }

    /// Reads this machine's identity from the first of the usual files that exists.
    ///
    /// - Throws: Where no file exists or the one that does holds no identity: what it says, and how to make one.
    public static func read(_ paths: NodePaths) throws(OverlayError) -> MachineID {
        let remedy =
            "make one with `systemd-machine-id-setup` (or `dbus-uuidgen --ensure=/etc/machine-id`) and try again"
        for path in paths.machineIDs {
            let content: [UInt8]?
            do throws(SystemError) {
                content = try Files.readIfPresent(path, limit: 4096)
            } catch {
                throw OverlayError(error, source: path, remedy: remedy)
            }
            guard let content else { continue }
            let text = String(decoding: content, as: UTF8.self)
            if let identity = MachineID(text) { return identity }
            throw OverlayError(source: path, problem: "\(Self.judgement(text))", remedy: remedy)
        }
        throw OverlayError(
            source: paths.machineIDs.first ?? "", problem: "this machine has no machine id", remedy: remedy)
    }

    private static func judgement(_ text: String) -> String {
        let shown = String(text.prefix(64)).debugDescription
        if text.utf8.allSatisfy({ $0 <= 0x20 }) { return "the machine id is empty" }
        if text.hasPrefix("uninitialized") { return "\(shown) means that the first boot has not finished" }
        if text.utf8.allSatisfy({ $0 == 0x30 || $0 <= 0x20 }) { return "\(shown) is no identity but only zeros" }
        return "\(shown) is not a machine id of 32 hexadecimal digits"
    }
}
