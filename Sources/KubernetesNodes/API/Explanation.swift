internal import Addressing
internal import Cluster
internal import Glibc
internal import Host
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import Overlay

/// Puts what goes wrong on the way to the API server into words: what happened, and what a person can do.
enum Explanation {
    static func text(_ error: any Error, _ access: ServerAccess?) -> String {
        let server = access.map { "\($0.server)" } ?? "the API server"
        let origin = access?.origin ?? "the configuration"
        switch error {
        case let error as APIFailure: return error.description
        case let error as OverlayError: return error.description
        case let error as ObjectSplitter.Failure: return "\(server) sends what is no list or event: \(error)"
        case let error as SystemError: return error.description
        case let error as ConnectionError: return text(error, server)
        case let error as IOError: return text(error, server)
        case let error as NIOSSLExtraError where error == .failedToValidateHostname:
            return
                "\(server) shows a certificate for another name; write a name that stands in it into clusters.server or "
                + "clusters.tls-server-name of \(origin)"
        case let error as NIOSSLError: return text(error, server, origin)
        case ChannelError.connectTimeout:
            return "\(server) does not answer; see that it runs, and that no firewall stands between"
        case is HTTPParserError: return "\(server) does not speak HTTP/1.1: \(error)"
        default: return "\(server): \(error)"
        }
    }

    private static func text(_ error: ConnectionError, _ server: String) -> String {
        switch error {
        case .closed: "\(server) closed the connection before its answer was complete"
        case .silent(let seconds): "\(server) has sent nothing for \(seconds) seconds"
        case .unknownName(let name):
            "no name server knows \(name), or none answers; see /etc/resolv.conf, or write an address into the URL"
        }
    }

    private static func text(_ error: IOError, _ server: String) -> String {
        let reason = SystemError("connect to", server, code: error.errnoCode).description
        return error.errnoCode == ECONNREFUSED
            ? "\(reason); see that the API server runs and that its port is this one" : reason
    }

    private static func text(_ error: NIOSSLError, _ server: String, _ origin: String) -> String {
        let detail = "\(error)"
        switch error {
        case .handshakeFailed where detail.contains("CERTIFICATE_VERIFY_FAILED"), .unableToValidateCertificate:
            return
                "\(server) shows a certificate that no known authority has signed, or that is not valid at this machine's "
                + "time; see certificate-authority in \(origin), and the clock"
        case .handshakeFailed where detail.contains("ALERT"):
            return "\(server) refuses the TLS connection: \(detail); see client-certificate in \(origin)"
        case .handshakeFailed: return "\(server) cannot be spoken to by TLS: \(detail)"
        case .uncleanShutdown: return "\(server) closed the connection without a word"
        default: return "\(server): \(detail)"
        }
    }
}
