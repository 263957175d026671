internal import Cluster
internal import Host
internal import NIOCore
internal import NIOSSL
internal import Overlay

/// What TLS needs of an access, read anew for each connection: authorities, certificates and keys are rotated.
struct Security: Sendable {
    private let context: NIOSSLContext
    /// For the server name indication, and to be held against the certificate; nil to hold the address against it.
    private let serverName: String?

    init(_ access: ServerAccess) throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.applicationProtocols = ["http/1.1"]
        // A watch that is given up is of no interest any more, and a server in the midst of it may not answer.
        configuration.shutdownTimeout = .milliseconds(100)
        if access.skipsVerification {
            configuration.certificateVerification = .none
        } else if let authority = access.authority {
            configuration.trustRoots = .certificates(try Self.certificates(authority, "certificate-authority", access))
        }
        if let certificate = access.certificate, let key = access.key {
            let chain = try Self.certificates(certificate, "client-certificate", access)
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(try Self.key(key, access))
        }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw OverlayError(
                source: access.origin, problem: "TLS cannot be set up with it: \(error)",
                remedy: "see that client-key belongs to client-certificate")
        }
        if case .name(let host) = access.server.host {
            serverName = access.serverName ?? host
        } else {
            serverName = access.serverName
        }
    }

    func handler() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: context, serverHostname: serverName)
    }

    private static func certificates(
        _ source: ServerAccess.Source, _ field: String, _ access: ServerAccess
    ) throws -> [NIOSSLCertificate] {
        let bytes = try read(source, field, access)
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes), !certificates.isEmpty else {
            throw OverlayError(
                source: place(source, access), key: field, problem: "holds no certificate in PEM form",
                remedy: "write the text between and with the lines BEGIN CERTIFICATE and END CERTIFICATE")
        }
        return certificates
    }

    private static func key(_ source: ServerAccess.Source, _ access: ServerAccess) throws -> NIOSSLPrivateKey {
        let bytes = try read(source, "client-key", access)
        guard let key = try? NIOSSLPrivateKey(bytes: bytes, format: .pem) else {
            throw OverlayError(
                source: place(source, access), key: "client-key", problem: "holds no private key in PEM form",
                remedy: "write an unencrypted key of PKCS #8, PKCS #1 or SEC 1")
        }
        return key
    }

    private static func read(
        _ source: ServerAccess.Source, _ field: String, _ access: ServerAccess
    ) throws(OverlayError) -> [UInt8] {
        do throws(SystemError) {
            return try source.read()
        } catch {
            throw OverlayError(
                source: access.origin, key: field, problem: error.description,
                remedy: "name a file that is there and that this process can read")
        }
    }

    private static func place(_ source: ServerAccess.Source, _ access: ServerAccess) -> String {
        if case .file(let path) = source { path } else { access.origin }
    }
}
