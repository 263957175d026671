public import Host
public import Netlink

/// Where packets of a device meet a program of traffic control.
public struct HookPoint: Hashable, Sendable, CustomStringConvertible {
    /// The device's index in the calling thread's network namespace.
    public let device: Int32
    public let direction: TrafficDirection

    public init(device: Int32, _ direction: TrafficDirection) {
        self.device = device
        self.direction = direction
    }

    /// `egress of device 7`
    public var description: String { "\(direction) of device \(device)" }
}

/// A program of ours at a ``HookPoint``, whichever way it came there: ``TCXLink`` or ``TCFilter``.
public protocol Hook: Sendable {
    var point: HookPoint { get }

    /// The number of the program that runs there now; nil where it is gone, as with its device.
    func programID() throws(SystemError) -> UInt32?

    /// Puts another program in the place of the present one: each packet meets one of the two.
    func replace(by program: BPFProgram) throws(SystemError)

    /// Takes the program away, and all that attaching it made. Does nothing where it is gone.
    func detach() throws(SystemError)
}
