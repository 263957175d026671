internal import Glibc

/// The names of this network namespace's interfaces, asked for without netlink: its answers wait for a lock that the
/// kernel holds while it deletes another interface.
public enum InterfaceNames {
    /// True where an interface of the calling thread's namespace has the name (if_nametoindex(3)).
    public static func contains(_ name: String) -> Bool {
        // Sound: the C library reads the string during the call alone.
        unsafe if_nametoindex(name) != 0
    }
}
