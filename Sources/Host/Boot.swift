internal import Glibc

/// The running boot of this machine's kernel.
public enum Boot {
    /// A text that is another one after every boot (random(4)).
    public static var id: String {
        get throws(SystemError) {
            let content = try Files.read("/proc/sys/kernel/random/boot_id", limit: 4096)
            return String(decoding: content.prefix { $0 > 0x20 }, as: UTF8.self)
        }
    }

    /// Seconds since this boot, time asleep included.
    public static var seconds: UInt32 {
        var time = timespec()
        // Sound: the clock exists since Linux 2.6.39 and the structure is ours.
        unsafe clock_gettime(CLOCK_BOOTTIME, &time)
        return UInt32(clamping: time.tv_sec)
    }
}
