internal import Host
internal import JSON
public import Overlay

/// Reads a kubeconfig file, in YAML or JSON, as kubeadm, K3s and `kubectl config view` write it
/// (kubernetes.io/docs: "Organizing Cluster Access Using kubeconfig Files").
///
/// What cannot be done here is refused by the name of its field: half of somebody's access is none.
public struct Kubeconfig {
    private let source: String
    private let object: JSONObject

    /// - Parameter path: The file; relative paths in it count from its directory.
    public static func access(_ path: String) throws(OverlayError) -> ServerAccess {
        let content: [UInt8]
        do throws(SystemError) {
            content = try Files.read(path, limit: 4 << 20)
        } catch {
            throw OverlayError(
                source: path, problem: error.description,
                remedy: "give --kubeconfig or KUBECONFIG the path of a file that root can read")
        }
        return try Kubeconfig(content, source: path).access()
    }

    public init(_ content: [UInt8], source: String) throws(OverlayError) {
        self.source = source
        let document: JSONValue
        do throws(YAMLError) {
            document = if let json = try? JSONValue(parsing: content) { json } else { try YAMLReader.read(content) }
        } catch {
            throw OverlayError(
                source: source, problem: "cannot be read: \(error)",
                remedy: "write it with `kubectl config view --flatten --minify --raw`")
        }
        guard let object = document.objectValue else {
            throw OverlayError(
                source: source, problem: "holds \(document.kind), no kubeconfig",
                remedy: "write it with `kubectl config view --flatten --minify --raw`")
        }
        self.object = object
    }

    /// The access by the current context.
    public func access() throws(OverlayError) -> ServerAccess {
        guard let context = try text(object, "current-context", "") else {
            throw refuse("current-context", "missing", "set it with `kubectl config use-context NAME`")
        }
        let members = try entry("contexts", named: context, "context")
        guard let clusterName = try text(members, "cluster", "contexts.") else {
            throw refuse("contexts.cluster", "missing in the context \(context)", "name one of the clusters")
        }
        var access = try server(try entry("clusters", named: clusterName, "cluster"))
        if let user = try text(members, "user", "contexts.") {
            try authenticate(try entry("users", named: user, "user"), &access)
        }
        return access
    }

    // MARK: Server

    private func server(_ cluster: JSONObject) throws(OverlayError) -> ServerAccess {
        guard let address = try text(cluster, "server", "clusters.") else {
            throw refuse("clusters.server", "missing", "write the API server's URL, such as https://192.0.2.1:6443")
        }
        guard let url = ServerURL(address) else {
            throw refuse(
                "clusters.server", "\(address.prefix(200).debugDescription) is no URL of an API server",
                "write https://HOST:PORT")
        }
        if try text(cluster, "proxy-url", "clusters.") != nil {
            throw refuse(
                "clusters.proxy-url", "proxies are not supported", "remove it, and let this node reach the server")
        }
        var access = ServerAccess(server: url, origin: source)
        access.authority = try material(cluster, "certificate-authority", "clusters.")
        access.skipsVerification = try flag(cluster, "insecure-skip-tls-verify", "clusters.")
        if let name = try text(cluster, "tls-server-name", "clusters.") {
            guard case .name(let host)? = ServerURL("https://\(name)")?.host else {
                throw refuse(
                    "clusters.tls-server-name", "\(name.prefix(200).debugDescription) is no host name",
                    "write a name that stands in the server's certificate; for an address, write that into clusters.server"
                )
            }
            access.serverName = host
        }
        return access
    }

    // MARK: User

    private static let unsupported = [
        (
            "exec", "credential plugins are not supported: warrens-nodes starts no other program",
            "use a client certificate or a token; docs/warrens-nodes.md tells how to make a service account for it"
        ),
        (
            "auth-provider", "auth providers were removed from Kubernetes in version 1.26",
            "use a client certificate or a token"
        ),
        (
            "username", "basic authentication was removed from Kubernetes in version 1.19",
            "use a client certificate or a token"
        ),
        (
            "password", "basic authentication was removed from Kubernetes in version 1.19",
            "use a client certificate or a token"
        ),
        ("as", "impersonation is not supported", "use the credentials of the account itself"),
        ("as-uid", "impersonation is not supported", "use the credentials of the account itself"),
        ("as-groups", "impersonation is not supported", "use the credentials of the account itself"),
    ]

    private func authenticate(_ user: JSONObject, _ access: inout ServerAccess) throws(OverlayError) {
        for (key, problem, remedy) in Self.unsupported where user[key].map({ !$0.isNull }) == true {
            throw refuse("users.\(key)", problem, remedy)
        }
        access.certificate = try material(user, "client-certificate", "users.")
        access.key = try material(user, "client-key", "users.")
        if access.certificate == nil, access.key != nil {
            throw refuse("users.client-certificate", "missing beside client-key", "write both or none")
        }
        if access.certificate != nil, access.key == nil {
            throw refuse("users.client-key", "missing beside client-certificate", "write both or none")
        }
        // As client-go has it: a file goes before a token that stands here, because it is read again.
        if let file = try text(user, "tokenFile", "users.") {
            access.token = .file(absolute(file))
        } else if let token = try text(user, "token", "users.") {
            access.token = .content(Array(token.utf8))
        }
    }

    // MARK: Fields

    private func refuse(_ key: String, _ problem: String, _ remedy: String) -> OverlayError {
        OverlayError(source: source, key: key, problem: problem, remedy: remedy)
    }

    /// The entry of a list of named objects: `clusters: [{name: …, cluster: {…}}]`.
    private func entry(_ list: String, named name: String, _ member: String) throws(OverlayError) -> JSONObject {
        let found = object[list]?.arrayValue?.first { $0.objectValue?["name"]?.stringValue == name }
        guard let members = found?.objectValue?[member]?.objectValue else {
            throw refuse(
                list, "there is no \(member) named \(name.prefix(200).debugDescription)",
                "write it with `kubectl config view --flatten --minify --raw`")
        }
        return members
    }

    /// A text; nil where it is missing, null or empty.
    private func text(_ object: JSONObject, _ key: String, _ place: String) throws(OverlayError) -> String? {
        guard let value = object[key], !value.isNull else { return nil }
        guard let text = value.stringValue else {
            throw refuse(place + key, "is \(value.kind), not a string", "put it between quotation marks")
        }
        return text.isEmpty ? nil : text
    }

    private func flag(_ object: JSONObject, _ key: String, _ place: String) throws(OverlayError) -> Bool {
        guard let value = object[key], !value.isNull else { return false }
        guard let flag = value.boolValue else { throw refuse(place + key, "is \(value.kind)", "write true or false") }
        return flag
    }

    /// PEM text: in base64 under `KEY-data`, else in the file under `KEY`.
    private func material(
        _ object: JSONObject, _ key: String, _ place: String
    ) throws(OverlayError) -> ServerAccess.Source? {
        if let data = try text(object, key + "-data", place) {
            guard let bytes = Base64.bytes(data.filter { !$0.isWhitespace }) else {
                throw refuse(place + key + "-data", "is not base64", "write the PEM file's bytes in base64 on one line")
            }
            return .content(bytes)
        }
        return try text(object, key, place).map { .file(absolute($0)) }
    }

    private func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(Files.parent(of: source))/\(path)"
    }
}
