import Glibc
import Host

/// The process that holds the lock of this node's `warrensd`.
struct DaemonProcess {
    private let paths: NodePaths

    init(_ paths: NodePaths) {
        self.paths = paths
    }

    /// Whether some process holds the lock.
    var isRunning: Bool {
        guard Files.exists(paths.daemonLock) else { return false }
        return ((try? FileLock(trying: paths.daemonLock)) ?? nil) == nil
    }

    /// Its number, found by its lock in /proc/locks; nil where it does not run or cannot be seen from here.
    var number: Int32? {
        guard isRunning, let identity = Files.identity(of: paths.daemonLock),
            let locks = try? Files.read("/proc/locks", limit: 1 << 24)
        else { return nil }
        let file = Self.name(identity)
        for line in String(decoding: locks, as: UTF8.self).split(separator: "\n") {
            // 3: FLOCK  ADVISORY  WRITE 1234 00:1a:5678 0 EOF
            let words = line.split(separator: " ")
            guard words.count >= 6, words[1] == "FLOCK", words[5] == file, let number = Int32(words[4]), number > 1,
                (try? Files.read("/proc/\(number)/comm")) == Array("warrensd\n".utf8)
            else { continue }
            return number
        }
        return nil
    }

    /// True where systemd would start it again.
    func isManaged(_ number: Int32) -> Bool {
        let groups = (try? Files.read("/proc/\(number)/cgroup")) ?? []
        return String(decoding: groups, as: UTF8.self).contains("/warrensd.service")
    }

    /// Ends the process: asks first, and kills it where it does not listen.
    func stop() throws {
        guard isRunning else { return }
        guard let number else {
            throw CommandFailure(
                "warrensd runs, but is not to be seen from here; run warrensctl in the host's process namespace")
        }
        guard !isManaged(number) else {
            throw CommandFailure("systemd runs warrensd; say `systemctl disable --now warrensd` first")
        }
        for signal in [SIGTERM, SIGKILL] {
            if kill(number, signal) != 0, errno != ESRCH {
                throw CommandFailure("cannot end warrensd: \(SystemError.last("kill", "process \(number)"))")
            }
            for _ in 0..<50 {
                if !isRunning { return }
                usleep(100_000)
            }
        }
        throw CommandFailure("warrensd (process \(number)) does not end, not even when killed")
    }

    /// How /proc/locks names a file: device numbers in hexadecimal, inode in decimal.
    private static func name(_ identity: FileIdentity) -> String {
        let major = identity.device >> 8 & 0xfff | identity.device >> 32 & ~0xfff
        let minor = identity.device & 0xff | identity.device >> 12 & ~0xff
        return "\(hexadecimal(major)):\(hexadecimal(minor)):\(identity.inode)"
    }

    private static func hexadecimal(_ number: UInt64) -> String {
        (number < 16 ? "0" : "") + String(number, radix: 16)
    }
}
