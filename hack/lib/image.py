"""The container image behind hack/image: the static executables and their licences, as an OCI image layout in a tar file.

The same executables always give the same bytes: entries are sorted, belong to root and bear one time, that of the
environment variable SOURCE_DATE_EPOCH or else 1970. https://github.com/opencontainers/image-spec
"""

import argparse
import datetime
import gzip
import hashlib
import io
import json
import os
import re
import struct
import sys
import tarfile

REPOSITORY = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
EXECUTABLES = ["warrens", "warrens-ipam", "warrensctl", "warrensd", "warrens-nodes"]
#: Where they stand in the image; `kubectl exec … -- warrensctl status` finds them there.
DIRECTORY = "usr/local/bin"
DOCUMENTS = ["LICENSE", "NOTICE"]

#: Machines of executables (elf.h: EM_386 and so on) that images are made for, as OCI calls them.
ARCHITECTURES = {62: "amd64", 183: "arm64", 243: "riscv64"}
PT_INTERP = 3


class Refusal(Exception):
    """Why no image can be made; says what to do."""


def architecture(path):
    """The architecture of a static executable, in OCI's words."""
    with open(path, "rb") as file:
        content = file.read()
    # Elf64_Ehdr: all executables of ours are for 64 bits and little endian.
    if content[:6] != b"\x7fELF\x02\x01":
        raise Refusal(f"{path} is no 64-bit executable: build it with hack/build all")
    machine = struct.unpack_from("<H", content, 18)[0]
    if machine not in ARCHITECTURES:
        raise Refusal(f"{path} is for machine {machine}; images are made for {', '.join(ARCHITECTURES.values())}")
    table, = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    kinds = [struct.unpack_from("<I", content, table + index * size)[0] for index in range(count)]
    if PT_INTERP in kinds:
        raise Refusal(f"{path} is not static, and the image has no libraries: build it with hack/build all")
    return ARCHITECTURES[machine]


def common_architecture(paths):
    found = {path: architecture(path) for path in paths}
    if len(set(found.values())) > 1:
        raise Refusal(f"executables are for different machines: {found}; build all of them on one")
    return found[paths[0]]


def release():
    """The version that all executables have."""
    with open(os.path.join(REPOSITORY, "Sources/Host/Release.swift")) as file:
        return re.search(r'version = "([^"]+)"', file.read()).group(1)


def tar(files, time):
    """The bytes of a tar file. `files` are path to (content, mode); missing directories are made."""
    entries = dict(files)
    for path in files:
        while path := os.path.dirname(path):
            entries.setdefault(path, (None, 0o755))
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(entries):
            content, mode = entries[path]
            entry = tarfile.TarInfo(path)
            entry.mode, entry.mtime, entry.uname, entry.gname = mode, time, "root", "root"
            if content is None:
                entry.type = tarfile.DIRTYPE
            else:
                entry.size = len(content)
            archive.addfile(entry, None if content is None else io.BytesIO(content))
    return buffer.getvalue()


class Layout:
    """An OCI image layout that grows blob by blob."""

    def __init__(self):
        self.files = {"oci-layout": (document({"imageLayoutVersion": "1.0.0"}), 0o644)}

    def add(self, media_type, content):
        """Adds a blob and returns its descriptor."""
        name = digest(content)
        self.files["blobs/" + name.replace(":", "/")] = (content, 0o644)
        return {"mediaType": media_type, "digest": name, "size": len(content)}


def digest(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def document(value):
    return json.dumps(value, indent=2, sort_keys=True).encode() + b"\n"


def image(executables, name, version, time):
    """The bytes of the archive.

    executables: their paths. name: the image's without a tag, such as `localhost/warrens`. time: seconds since 1970.
    """
    machine = common_architecture(executables)
    files = {f"{DIRECTORY}/{os.path.basename(path)}": (read(path), 0o755) for path in executables}
    files |= {f"usr/share/doc/warrens/{text}": (read(os.path.join(REPOSITORY, text)), 0o644) for text in DOCUMENTS}
    layer = tar(files, time)
    created = datetime.datetime.fromtimestamp(time, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {
        "org.opencontainers.image.title": "warrens",
        "org.opencontainers.image.description": "Connectionless pod networks for the edge",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": "Apache-2.0 AND LGPL-2.1-only",
        "org.opencontainers.image.created": created,
    }
    layout = Layout()
    packed = layout.add("application/vnd.oci.image.layer.v1.tar+gzip", gzip.compress(layer, 6, mtime=0))
    configuration = layout.add("application/vnd.oci.image.config.v1+json", document({
        "created": created,
        "architecture": machine,
        "os": "linux",
        # Each container names its own executable; whoever names none is told what there is.
        "config": {"Env": [f"PATH=/{DIRECTORY}"], "Cmd": ["warrensctl", "--help"], "Labels": about},
        "rootfs": {"type": "layers", "diff_ids": [digest(layer)]},
        "history": [{"created": created, "created_by": "hack/image"}],
    }))
    manifest = layout.add("application/vnd.oci.image.manifest.v1+json", document({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": configuration,
        "layers": [packed],
        "annotations": about,
    }))
    manifest["platform"] = {"architecture": machine, "os": "linux"}
    # containerd takes the image's name from the first of these, other tools the tag from the second.
    manifest["annotations"] = {
        "io.containerd.image.name": f"{name}:{version}", "org.opencontainers.image.ref.name": version,
    }
    layout.files["index.json"] = (document({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest],
    }), 0o644)
    return tar(layout.files, time)


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser(prog="hack/image", description="Packs the executables into a container image.")
    parser.add_argument("--name", default="localhost/warrens", help="the image's name without a tag (%(default)s)")
    parser.add_argument("--version", default=release(), help="its tag (that of this release: %(default)s)")
    parser.add_argument(
        "--executables", metavar="DIRECTORY", default=os.environ.get("WARRENS_DIST") or os.path.join(REPOSITORY, "dist"),
        help="where the executables are (%(default)s)")
    parser.add_argument("--output", metavar="FILE", help="the archive (dist/warrens-VERSION.oci.tar)")
    chosen = parser.parse_args()
    output = chosen.output or os.path.join(REPOSITORY, f"dist/warrens-{chosen.version}.oci.tar")
    executables = [os.path.join(chosen.executables, name) for name in EXECUTABLES]
    try:
        if missing := [path for path in executables if not os.path.exists(path)]:
            raise Refusal(f"there is no {' and no '.join(missing)}: build it with hack/build all")
        content = image(executables, chosen.name, chosen.version, int(os.environ.get("SOURCE_DATE_EPOCH", "0")))
    except Refusal as refusal:
        sys.exit(f"hack/image: {refusal}")
    os.makedirs(os.path.dirname(os.path.abspath(output)), exist_ok=True)
    with open(output + ".new", "wb") as file:
        file.write(content)
    os.rename(output + ".new", output)
    print(f"{os.path.relpath(output)}: {chosen.name}:{chosen.version}, {len(content) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
