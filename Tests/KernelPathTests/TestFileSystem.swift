import Glibc
import Host
import KernelPath

/// A bpffs in a directory of its own, which goes with `body`.
func withFileSystem<Result>(_ body: (BPFFileSystem) throws -> Result) throws -> Result {
    let pins = BPFFileSystem("/run/warrens-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max))")
    try pins.mount()
    let result = Swift.Result { try body(pins) }
    try pins.remove()
    return try result.get()
}
