"""The first files of an emulated machine: busybox, the modules that reach this machine's files, and a script."""

import lzma
import os
import stat

BUSYBOX = "/bin/busybox"
SCRIPT = os.path.join(os.path.dirname(__file__), "../guest/initramfs.sh")

#: What the kernel cannot load by itself before it sees the file system that holds its modules.
MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"]


def write_initramfs(path, kernel):
    """Writes the archive for a kernel."""
    files = {"init": (SCRIPT, 0o755), "bin/busybox": (BUSYBOX, 0o755)}
    archive = Archive()
    for directory in ("bin", "dev", "proc", "modules", "host", "layers", "root"):
        archive.add(directory, stat.S_IFDIR | 0o755)
    for name, (source, mode) in files.items():
        with open(source, "rb") as file:
            archive.add(name, stat.S_IFREG | mode, file.read())
    for number, module in enumerate(needed_modules(kernel)):
        archive.add(f"modules/{number:02}-{os.path.basename(module).split('.')[0]}.ko", stat.S_IFREG | 0o644,
                    plain_module(module))
    with open(path, "wb") as file:
        file.write(archive.bytes())


def needed_modules(kernel):
    """The files of MODULES and of all that they depend on, in the order to load them."""
    with open(f"{kernel.modules}/modules.builtin") as file:
        present = {module_name(line) for line in file}
    with open(f"{kernel.modules}/modules.dep") as file:
        dependencies = {
            module_name(path): [path, *reversed(needed.split())]
            for path, _, needed in (line.partition(":") for line in file)
        }
    ordered = []
    for name in MODULES:
        if name in present:
            continue
        path, *needed = dependencies[name]
        ordered += [item for item in [*needed, path] if item not in ordered]
    return [os.path.join(kernel.modules, path) for path in ordered]


def module_name(path):
    return os.path.basename(path.strip()).split(".")[0].replace("-", "_")


def plain_module(path):
    """The module's bytes, unpacked if they are packed."""
    with open(path, "rb") as file:
        content = file.read()
    return lzma.decompress(content) if path.endswith(".xz") else content


class Archive:
    """An archive in the format `newc` of cpio, which is what the kernel unpacks; see buffer-format.rst in its tree."""

    TRAILER = "TRAILER!!!"

    def __init__(self):
        self.parts = []

    def add(self, name, mode, content=b""):
        number = len(self.parts) + 1
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        self.parts.append(self._padded(header + name.encode() + b"\0") + self._padded(content))

    def bytes(self):
        self.add(self.TRAILER, 0)
        return b"".join(self.parts)

    def _padded(self, content):
        return content + bytes(-len(content) % 4)
