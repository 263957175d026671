"""A cluster's certificate authority, made with the `openssl` command."""

import os

from .shell import run

#: The formats that private keys come in: K3s writes SEC1, kubeadm PKCS#1, `openssl` itself PKCS#8.
KEYS = {
    "ec": (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], ["ec"]),
    "rsa": (["-newkey", "rsa:2048"], ["rsa", "-traditional"]),
    "pkcs8": (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], None),
}


class Authority:
    """Files NAME.crt and NAME.key in a directory; the authority's own are ca.crt and ca.key, or called otherwise."""

    def __init__(self, directory, name="ca"):
        self.directory, self.name = directory, name
        os.makedirs(directory, exist_ok=True)
        self._make(name, "/CN=kubernetes", "pkcs8", ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"], [])

    def path(self, file):
        return os.path.join(self.directory, file)

    def read(self, file):
        with open(self.path(file)) as opened:
            return opened.read()

    def server(self, name, *alternatives):
        """A server's certificate. alternatives: such as "IP:192.0.2.11" or "DNS:kubernetes"."""
        names = f"subjectAltName={','.join(alternatives)}"
        self._signed(name, "/CN=kube-apiserver", "pkcs8", ["extendedKeyUsage=serverAuth", names])

    def client(self, name, user, group, *, key="ec"):
        """A client's certificate for a user in a group."""
        self._signed(name, f"/O={group}/CN={user}", key, ["extendedKeyUsage=clientAuth"])

    def _signed(self, name, subject, key, extensions):
        by = ["-CA", self.path(f"{self.name}.crt"), "-CAkey", self.path(f"{self.name}.key")]
        self._make(name, subject, key, ["basicConstraints=critical,CA:FALSE", *extensions], by)

    def _make(self, name, subject, key, extensions, by):
        make, convert = KEYS[key]
        run([
            "openssl", "req", "-x509", *make, "-noenc", "-days", "30", "-subj", subject, *by,
            *[word for extension in extensions for word in ("-addext", extension)],
            "-keyout", self.path(f"{name}.key"), "-out", self.path(f"{name}.crt"),
        ])
        if convert:
            run(["openssl", *convert, "-in", self.path(f"{name}.key"), "-out", self.path(f"{name}.key")])
