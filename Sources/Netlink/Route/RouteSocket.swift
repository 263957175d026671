internal import Glibc
public import Host
internal import NetlinkShim

/// A routing netlink socket (rtnetlink(7)): links, addresses, routes, neighbours and rules of one network namespace.
///
/// What is to be changed is said by ``RouteRequest`` values, one at a time or many in one system call:
///
///     let socket = try RouteSocket()
///     try socket.perform([
///         .addAddress(InterfaceAddress(prefix), to: bridge.index).toleratingExistence(),
///         .changeLink(bridge.index, LinkChange(isUp: true)),
///     ])
///
/// Errors are ``SystemError`` values whose `code` is the kernel's number (EEXIST, ENODEV, …), whose `operation` and
/// `subject` name the request that failed, and whose `detail` is the kernel's own explanation where it gave one.
///
/// Not for use by two threads at once.
public final class RouteSocket {
    let socket: Socket

    /// Opens a socket on the network namespace in which the calling thread is.
    public init() throws(SystemError) {
        socket = try Socket(netlinkProtocol: NETLINK_ROUTE)
    }

    /// Opens a socket on `namespace`. The calling thread is moved there for the moment and then back.
    public init(in namespace: borrowing NetworkNamespace) throws(SystemError) {
        socket = try namespace.run { () throws(SystemError) in try Socket(netlinkProtocol: NETLINK_ROUTE) }
    }

    /// Carries out one request.
    public func perform(_ request: RouteRequest) throws(SystemError) {
        try socket.perform([request.request])
    }

    /// Carries out many requests, sent together (64 in each system call) and each acknowledged.
    ///
    /// This is no transaction: the requests behind one that fails are carried out nevertheless.
    ///
    /// - Throws: The error of the first request that failed.
    public func perform(_ requests: [RouteRequest]) throws(SystemError) {
        try socket.perform(requests.map(\.request))
    }
}

/// One change to links, addresses, routes, neighbours or rules, ready to be sent once by ``RouteSocket``.
///
/// The makers stand in the files of what they change, such as ``RouteRequest/createVeth(_:)``.
public struct RouteRequest {
    var request: Request

    init(_ operation: String, _ subject: @autoclosure @escaping () -> String, _ message: Message) {
        request = Request(operation: operation, subject: subject(), message: message)
    }

    /// What is done, as errors name it: `create veth`.
    public var operation: String { request.operation }
    /// What it is done to, as errors name it.
    public var subject: String { request.subject }

    /// The same request, counting the kernel's errors `codes` (errno(3)) as success.
    public func tolerating(_ codes: Int32...) -> RouteRequest {
        tolerating(codes)
    }

    /// The same request, counting it as success where the thing to be made is there already (EEXIST).
    public func toleratingExistence() -> RouteRequest {
        tolerating([EEXIST])
    }

    /// The same request, counting it as success where the thing to be removed is not there: a rule or neighbour
    /// (ENOENT), a route (ESRCH), an address (EADDRNOTAVAIL), or the link that it was on (ENODEV, ENXIO).
    public func toleratingAbsence() -> RouteRequest {
        tolerating([ENOENT, ESRCH, EADDRNOTAVAIL, ENODEV, ENXIO])
    }

    private func tolerating(_ codes: [Int32]) -> RouteRequest {
        var copy = self
        copy.request.tolerated += codes
        return copy
    }
}
