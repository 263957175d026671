"""The container image that hack/image packs."""

import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import unittest

from lab import manifest
from lab.node import executable
from lab.release import PROGRAMS, content, pack
from lab.shell import CommandFailed


class Archive(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="warrens-image-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.image = cls.path("image.tar")
        pack(cls.image)

    @classmethod
    def path(cls, name):
        return os.path.join(cls.directory.name, name)

    def programs(self):
        """Copies of the executables, with other times than the built ones have."""
        directory = tempfile.mkdtemp(dir=self.directory.name)
        for name in PROGRAMS:
            shutil.copy(executable(name), directory)
        return directory

    def test_the_same_executables_give_the_same_bytes(self):
        again = self.path("again.tar")
        pack(again, programs=self.programs())
        self.assertEqual(hashlib.sha256(content(self.image)).digest(), hashlib.sha256(content(again)).digest())

    def test_the_layout_is_that_of_an_oci_image(self):
        with tarfile.open(self.image) as archive:
            files = {entry.name: archive.extractfile(entry).read() for entry in archive if entry.isfile()}
        self.assertEqual(json.loads(files["oci-layout"]), {"imageLayoutVersion": "1.0.0"})

        def blob(descriptor):
            data = files["blobs/" + descriptor["digest"].replace(":", "/")]
            self.assertEqual(descriptor["digest"], "sha256:" + hashlib.sha256(data).hexdigest())
            self.assertEqual(descriptor["size"], len(data))
            return data

        [reference] = json.loads(files["index.json"])["manifests"]
        document = json.loads(blob(reference))
        configuration = json.loads(blob(document["config"]))
        [layer] = document["layers"]
        with tarfile.open(fileobj=io.BytesIO(blob(layer))) as archive:
            entries = {entry.name: entry for entry in archive}
            raw = archive.fileobj.seek(0) or archive.fileobj.read()
        self.assertEqual(configuration["rootfs"]["diff_ids"], ["sha256:" + hashlib.sha256(raw).hexdigest()])
        self.assertEqual(list(entries), sorted(entries))
        for name in PROGRAMS:
            self.assertEqual(entries[f"usr/local/bin/{name}"].mode, 0o755)
        for entry in entries.values():
            self.assertEqual((entry.uid, entry.gid, entry.mtime), (0, 0, 0), entry.name)
        self.assertIn("usr/share/doc/warrens/LICENSE", entries)

    def test_the_manifests_name_this_release(self):
        [image] = {
            container["image"]
            for name in ("kubernetes/warrens.yaml", "kubernetes/warrens-removal.yaml")
            for item in manifest.read(name) if item["kind"] == "DaemonSet"
            for kind in ("initContainers", "containers")
            for container in item["spec"]["template"]["spec"][kind]}
        with tarfile.open(self.image) as archive:
            [reference] = json.load(archive.extractfile("index.json"))["manifests"]
        self.assertEqual(reference["annotations"]["io.containerd.image.name"], image)

    def test_what_is_not_static_is_refused(self):
        programs = self.programs()
        shutil.copy("/bin/ls", f"{programs}/warrensd")
        self.assertRefused(programs, "warrensd is not static")
        os.unlink(f"{programs}/warrensd")
        self.assertRefused(programs, "warrensd: build it with hack/build all")
        with open(f"{programs}/warrensd", "w") as file:
            file.write("#!/bin/sh\n")
        self.assertRefused(programs, "warrensd is no 64-bit executable")

    def assertRefused(self, programs, reason):
        output = self.path("refused.tar")
        with self.assertRaises(CommandFailed) as caught:
            pack(output, programs=programs)
        self.assertIn(reason, caught.exception.outcome.stderr)
        self.assertFalse(os.path.exists(output))
