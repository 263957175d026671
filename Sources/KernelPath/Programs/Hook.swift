internal import BPFShim
public import Host

/// Where packets of a device meet a program of traffic control.
public struct HookPoint: Hashable, Sendable, CustomStringConvertible {
    public enum Direction: String, Hashable, Sendable {
        /// What the device received.
        case ingress
        /// What the device is to send.
        case egress
    }

    /// The device's index in the calling thread's network namespace.
    public let device: UInt32
    public let direction: Direction

    public init(device: UInt32, _ direction: Direction) {
        self.device = device
        self.direction = direction
    }

    /// `egress of device 7`
    public var description: String { "\(direction.rawValue) of device \(device)" }
}

/// A program of ours at a ``HookPoint``, whichever way it came there. It stays when this value goes, unless its
/// documentation says otherwise.
public protocol Hook: Sendable {
    var point: HookPoint { get }

    /// The number of the program that runs there now; nil where it is gone, as with its device.
    func programID() throws(SystemError) -> UInt32?

    /// Puts another program in the place of the present one: each packet meets one of the two.
    func replace(by program: BPFProgram) throws(SystemError)

    /// Takes the program away, and all that attaching it made. Does nothing where it is gone.
    func detach() throws(SystemError)
}
