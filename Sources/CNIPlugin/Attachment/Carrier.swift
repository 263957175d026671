internal import Glibc
internal import Host
internal import Netlink

/// Waits until a pod's new interface carries packets.
///
/// The kernel works off changes of a link's carrier a little later than it is told of them; until then a bridge port
/// does not forward and a device drops what it is to send.
enum Carrier {
    /// Waits for the links `hostLinks` on the host and `podLink` in the pod, at most half a second: what needs longer, for
    /// instance because somebody set it down again, is not ours to wait for.
    static func wait(
        host: RouteSocket, _ hostLinks: [Int32], pod: RouteSocket, _ podLink: Int32
    ) throws(SystemError) {
        let links = hostLinks.map { (host, $0) } + [(pod, podLink)]
        for _ in 0..<500 {
            var isReady = true
            for (socket, index) in links where isReady {
                isReady = try socket.link(index: index)?.operationalState == .up
            }
            if isReady { return }
            usleep(1_000)
        }
    }
}
