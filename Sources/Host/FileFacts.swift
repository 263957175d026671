internal import Glibc

extension Files {
    /// The size of a file in bytes; nil where there is none.
    public static func size(of path: String) -> Int? {
        status(path).map { Int($0.st_size) }
    }

    /// How many seconds ago a file was last written, by the system's clock; nil where there is none. Negative where the
    /// clock went back.
    public static func age(of path: String) -> Int? {
        status(path).map { time(nil) - $0.st_mtim.tv_sec }
    }

    /// Gives a file another name, replacing what had that name.
    public static func move(_ path: String, to other: String) throws(SystemError) {
        try retrying("rename", path) { unsafe rename(path, other) }
    }

    /// The path of the running executable; nil where /proc is missing.
    public static var runningExecutable: String? {
        SymbolicLinks.target(of: "/proc/self/exe")
    }

    private static func status(_ path: String) -> stat? {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? status : nil
    }
}
