"""A container image made of nothing but Debian's statically linked busybox, as an OCI image layout in a tar file."""

import hashlib
import io
import json
import os
import tarfile

BUSYBOX = "/bin/busybox"
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]
APPLETS = ["sh", "cat", "echo", "hostname", "ip", "nc", "ping", "sleep", "wget"]


def write_image(path, name):
    """Writes an image named like `localhost/warrens-test:1` that sleeps unless told otherwise, for `ctr images import`."""
    layer = _tar(_layer)
    config = _json({
        "architecture": ARCHITECTURE,
        "os": "linux",
        "config": {"Entrypoint": ["/bin/sleep", "1000000"], "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    })
    manifest = _json({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _descriptor("application/vnd.oci.image.config.v1+json", config),
        "layers": [_descriptor("application/vnd.oci.image.layer.v1.tar", layer)],
    })
    reference = _descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
    reference["annotations"] = {"io.containerd.image.name": name}
    files = {
        "oci-layout": _json({"imageLayoutVersion": "1.0.0"}),
        "index.json": _json({"schemaVersion": 2, "manifests": [reference]}),
    }
    for blob in (layer, config, manifest):
        files["blobs/" + _digest(blob).replace(":", "/")] = blob
    with open(path, "wb") as file:
        file.write(_tar(lambda archive: [_add(archive, name, content) for name, content in files.items()]))


def _layer(archive):
    for directory in ("bin", "dev", "etc", "proc", "sys", "tmp"):
        entry = tarfile.TarInfo(directory)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(entry)
    with open(BUSYBOX, "rb") as file:
        _add(archive, "bin/busybox", file.read(), mode=0o755)
    for applet in APPLETS:
        entry = tarfile.TarInfo(f"bin/{applet}")
        entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
        archive.addfile(entry)


def _tar(fill):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        fill(archive)
    return buffer.getvalue()


def _add(archive, name, content, mode=0o644):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))


def _json(value):
    return json.dumps(value).encode()


def _digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def _descriptor(media_type, content):
    return {"mediaType": media_type, "digest": _digest(content), "size": len(content)}
