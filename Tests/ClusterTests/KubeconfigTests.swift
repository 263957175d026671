import Addressing
import Host
import JSON
import Overlay
import Testing

@testable import Cluster

@Suite struct KubeconfigTests {
    /// As kubeadm and `kubectl config view --raw` write it, with sequences at the indentation of their key.
    private static func kubeconfig(
        cluster: String = "server: https://192.0.2.1:6443", user: String = "token: abc", indentation: String = ""
    ) -> String {
        """
        # made for the node
        apiVersion: v1
        clusters:
        \(indentation)- cluster:
        \(indentation)    certificate-authority-data: \("QUJD")
        \(indentation)    \(cluster)
        \(indentation)  name: kubernetes
        contexts:
        \(indentation)- context:
        \(indentation)    cluster: kubernetes
        \(indentation)    namespace: default
        \(indentation)    user: "system:node:a"
        \(indentation)  name: system:node:a@kubernetes
        current-context: system:node:a@kubernetes
        kind: Config
        preferences: {}
        users:
        \(indentation)- name: 'system:node:a'
        \(indentation)  user:
        \(indentation)    \(user)
        """
    }

    private static func access(_ text: String) throws -> ServerAccess {
        try Kubeconfig(Array(text.utf8), source: "/etc/kubernetes/kubeconfig").access()
    }

    @Test(arguments: ["", "  "])
    func readsWhatKubeadmAndKubectlWrite(indentation: String) throws {
        let access = try Self.access(Self.kubeconfig(indentation: indentation))
        #expect(access.server.description == "https://192.0.2.1:6443")
        #expect(access.authority == .content(Array("ABC".utf8)))
        #expect(access.token == .content(Array("abc".utf8)) && access.certificate == nil && !access.skipsVerification)
    }

    @Test func readsJSON() throws {
        let yaml = try YAMLReader.read(Array(Self.kubeconfig().utf8))
        #expect(try Self.access(yaml.serialized()) == Self.access(Self.kubeconfig()))
    }

    @Test func readsClientCertificatesAndFilesBesideIt() throws {
        let access = try Self.access(
            Self.kubeconfig(
                cluster: "server: https://[2001:db8::1]\n    tls-server-name: kubernetes.default",
                user:
                    "client-certificate: pki/a.crt\n    client-key-data: QUJD\n    tokenFile: /run/token\n    token: old"
            ))
        #expect(access.certificate == .file("/etc/kubernetes/pki/a.crt") && access.key == .content(Array("ABC".utf8)))
        #expect(access.token == .file("/run/token") && access.serverName == "kubernetes.default")
        #expect(access.server.authority == "[2001:db8::1]" && access.server.port == 443)
    }

    @Test func goesWithoutVerificationWhereItSaysSo() throws {
        let text = Self.kubeconfig(cluster: "server: https://a:6443\n    insecure-skip-tls-verify: true")
        let access = try Self.access(text)
        #expect(access.skipsVerification && access.danger?.contains("certificate-authority") == true)
        #expect(try Self.access(Self.kubeconfig()).danger == nil)
        #expect(try Self.access(Self.kubeconfig(cluster: "server: http://a:80")).danger?.contains("https") == true)
    }

    /// Everything that cannot be done is refused by the name of its field.
    @Test(arguments: [
        ("server: https://a\n    proxy-url: http://p:3128", "token: x", "clusters.proxy-url", "remove it"),
        ("server: ftp://a", "token: x", "clusters.server", "https://HOST:PORT"),
        ("server: 6443", "token: x", "clusters.server", "https://HOST:PORT"),
        ("no-server: x", "token: x", "clusters.server", "URL"),
        (
            "server: https://a\n    tls-server-name: 192.0.2.1", "token: x", "clusters.tls-server-name",
            "clusters.server"
        ),
        (
            "server: https://a\n    insecure-skip-tls-verify: maybe", "token: x", "insecure-skip-tls-verify",
            "true or false"
        ),
        ("server: https://a", "client-certificate-data: '%%%'\n    client-key: k", "client-certificate-data", "base64"),
        (
            "server: https://a",
            "exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: aws\n      args:\n      - eks\n"
                + "      - get-token\n      env: null\n      installHint: |\n        Install it\n\n        from: there\n"
                + "      interactiveMode: Never", "users.exec", "service account"
        ),
        ("server: https://a", "auth-provider:\n      name: gcp", "users.auth-provider", "token"),
        ("server: https://a", "username: u\n    password: p", "users.username", "token"),
        ("server: https://a", "as: root\n    token: x", "users.as", "account itself"),
        ("server: https://a", "client-certificate: a.crt", "users.client-key", "both or none"),
        ("server: https://a", "client-key: a.key", "users.client-certificate", "both or none"),
        ("server: https://a", "token: [1]", "users.token", "quotation marks"),
    ])
    func refusesByFieldWhatCannotBeDone(cluster: String, user: String, field: String, remedy: String) throws {
        let text = Self.kubeconfig(cluster: cluster, user: user)
        let error = try #require(throws: OverlayError.self) { try Self.access(text) }
        #expect(error.key.contains(field.split(separator: ".").last ?? ""), "\(error)")
        #expect(error.description.contains(remedy), "\(error)")
    }

    @Test(arguments: [
        ("current-context: system:node:a@kubernetes", "current-context: other", "contexts"),
        ("current-context: system:node:a@kubernetes", "", "current-context"),
        ("    cluster: kubernetes", "    cluster: other", "clusters"),
        ("    user: \"system:node:a\"", "    user: other", "users"),
    ])
    func namesWhatIsMissing(part: String, other: String, field: String) throws {
        let text = Self.kubeconfig().split(separator: part, maxSplits: 1).joined(separator: other)
        let error = try #require(throws: OverlayError.self) { try Self.access(text) }
        #expect(error.key == field)
    }

    @Test func findsTheServiceAccountOfAPod() throws {
        let paths = NodePaths(root: "/n")
        let access = try #require(ServerAccess.inCluster(host: "fd00::1", port: "443", paths: paths))
        #expect(access.server.description == "https://[fd00::1]" && access.server.port == 443)
        #expect(access.token == .file("/n/var/run/secrets/kubernetes.io/serviceaccount/token"))
        #expect(access.authority == .file("/n/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"))
        #expect(ServerAccess.inCluster(host: nil, port: "443", paths: paths) == nil)
        #expect(ServerAccess.inCluster(host: "", port: "443", paths: paths) == nil)
        #expect(ServerAccess.inCluster(host: "10.96.0.1", port: "x", paths: paths) == nil)
    }

    @Test(arguments: [
        ("https://192.0.2.1:6443", "https://192.0.2.1:6443"), ("HTTPS://Example.ORG/", "https://example.org"),
        ("https://example.org:443/k8s/clusters/c-1/", "https://example.org/k8s/clusters/c-1"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("https://[2001:DB8::1]:6443", "https://[2001:db8::1]:6443"),
    ])
    func readsServerURLs(text: String, canonical: String) {
        #expect(ServerURL(text)?.description == canonical)
    }

    @Test(arguments: [
        "", "https://", "https:///x", "https://a:0", "https://a:65536", "https://u:p@a", "https://a?x", "https://a#x",
        "https://2001:db8::1", "https://a b", "https://a..b", "unix:///run/x", "https://[192.0.2.1]", "https://a\\b",
    ])
    func refusesOtherURLs(text: String) {
        #expect(ServerURL(text) == nil)
    }
}
