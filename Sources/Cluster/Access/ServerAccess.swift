internal import Addressing
public import Host

/// How to reach an API server, and as whom. Files are named, not read: what is in them changes while we run.
public struct ServerAccess: Hashable, Sendable {
    /// Bytes that the configuration holds, or the file that holds them.
    public enum Source: Hashable, Sendable {
        case content([UInt8])
        case file(String)

        /// The bytes as they are now.
        public func read() throws(SystemError) -> [UInt8] {
            switch self {
            case .content(let bytes): bytes
            case .file(let path): try Files.read(path)
            }
        }
    }

    public var server: ServerURL
    /// PEM certificates that the server's is to be signed by; nil for those that this system trusts.
    public var authority: Source?
    /// Any server is believed.
    public var skipsVerification = false
    /// The host name to verify the server's certificate by, where that is not the one of the URL.
    public var serverName: String?
    public var token: Source?
    /// PEM certificates: the client's own first.
    public var certificate: Source?
    /// The PEM private key of ``certificate``.
    public var key: Source?
    /// Where all this was found, for messages.
    public var origin: String

    /// Why the server cannot be told from an impostor; nil where it can.
    public var danger: String? {
        if !server.isSecure { return "\(origin): clusters.server is \(server); use https" }
        return skipsVerification
            ? "\(origin): clusters.insecure-skip-tls-verify is true; write certificate-authority instead" : nil
    }

    public init(server: ServerURL, origin: String) {
        self.server = server
        self.origin = origin
    }

    /// The access that kubelet gives every pod with a service account (kubernetes.io/docs: "Accessing the Kubernetes API
    /// from a Pod"), or nil outside of a pod.
    ///
    /// - Parameters:
    ///   - host: KUBERNETES_SERVICE_HOST.
    ///   - port: KUBERNETES_SERVICE_PORT.
    public static func inCluster(host: String?, port: String?, paths: NodePaths) -> ServerAccess? {
        guard let host, !host.isEmpty, let port, !port.isEmpty else { return nil }
        let name = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        guard let server = ServerURL("https://\(name):\(port)") else { return nil }
        var access = ServerAccess(server: server, origin: "the pod's service account")
        access.authority = .file("\(paths.serviceAccount)/ca.crt")
        access.token = .file("\(paths.serviceAccount)/token")
        return access
    }
}
