public import Host
import NetlinkEye

/// BPF programs for tests of what they are attached to.
public enum TestProgram {
    /// Loads a program for traffic control that lets every packet go on as if it were not there.
    ///
    /// - Parameter name: At most 15 bytes.
    public static func load(named name: String) throws(SystemError) -> OwnedDescriptor {
        // Sound: the shim copies the name before it returns.
        OwnedDescriptor(owning: try retrying("load", "program \(name)") { unsafe warrens_eye_load_program(name) })
    }
}
