internal import SyscallShim

/// The two ends of a pipe, closed on exec.
struct Pipe: ~Copyable {
    let reading: OwnedDescriptor
    let writing: OwnedDescriptor

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        // Sound: the kernel writes two numbers into an array of two.
        try retrying("pipe", "") { unsafe warrens_pipe(&ends) }
        self.reading = OwnedDescriptor(owning: ends[0])
        self.writing = OwnedDescriptor(owning: ends[1])
    }

    /// Keeps the end to read from and closes the other.
    consuming func keepReading() -> OwnedDescriptor { reading }

    /// Keeps the end to write to and closes the other.
    consuming func keepWriting() -> OwnedDescriptor { writing }
}
