"""The guest: Debian's cloud kernel and an initramfs of a static busybox and the virtio modules.

The archive is written here (cpio "newc"), so that device nodes need no root and nothing is unpacked. The
part that never changes is cached in the build folder; the script of one test is a second small archive
behind it, which the kernel unpacks over the first.
"""

import gzip
import hashlib
import lzma
import os
import stat
import subprocess
import unittest
from pathlib import Path

from .case import require
from .workspace import BUILD_FOLDER

WANTED_MODULES = ["virtio_pci", "virtio_blk", "virtiofs", "virtio_net"]

# ttyS0 is the kernel's console, ttyS1 carries the script's output alone.
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
while read module; do insmod "/modules/$module"; done < /modules/order
stty -F /dev/ttyS1 raw -echo
sh -e /script > /dev/ttyS1 2>&1
echo "@@exit $?" > /dev/ttyS1
sync
poweroff -f
"""


class GuestKernel:
    """The newest installed cloud kernel that has its modules."""

    def __init__(self):
        kernels = sorted(Path("/boot").glob("vmlinuz-*-cloud-amd64"), key=lambda path: path.stat().st_mtime)
        usable = [path for path in kernels if self._modules_of(path).is_dir()]
        if not usable:
            text = "no /boot/vmlinuz-*-cloud-amd64 (Debian package linux-image-cloud-amd64; scripts/setup tests)"
            if os.environ.get("CI") == "true":
                raise AssertionError(text)
            raise unittest.SkipTest(text)
        self.image = usable[-1]
        self.modules = self._modules_of(self.image)

    @staticmethod
    def _modules_of(image):
        return Path("/lib/modules") / image.name.removeprefix("vmlinuz-")

    def module_files(self):
        """The wanted modules and what they need, each after what it depends on."""
        dependencies = {}
        for line in (self.modules / "modules.dep").read_text().splitlines():
            path, _, needs = line.partition(":")
            dependencies[path] = needs.split()
        by_name = {Path(path).name.split(".ko")[0]: path for path in dependencies}
        ordered = []

        def add(path):
            for needed in dependencies[path]:
                add(needed)
            if path not in ordered:
                ordered.append(path)

        for name in WANTED_MODULES:
            add(by_name[name])
        return [self.modules / path for path in ordered]


def read_module(path):
    data = path.read_bytes()
    if path.suffix == ".xz":
        return lzma.decompress(data)
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", path], check=True, capture_output=True).stdout
    return data


class CpioArchive:
    """An archive in the kernel's format: Documentation/driver-api/early-userspace/buffer-format.rst."""

    def __init__(self):
        self._parts = []
        self._inode = 0

    def folder(self, name):
        self._add(name, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self._add(name, stat.S_IFREG | mode, data)

    def character_device(self, name, major, minor):
        self._add(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def bytes(self):
        self._add("TRAILER!!!", 0)
        return b"".join(self._parts)

    def _add(self, name, mode, data=b"", device=(0, 0)):
        self._inode += 1
        encoded = name.encode() + b"\0"
        fields = [self._inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(encoded), 0]
        head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        for part in (head, data):
            self._parts.append(part + b"\0" * (-len(part) % 4))


def base_archive(kernel):
    """The cached part, compressed; its name changes with everything that goes into it."""
    busybox = require("busybox", "busybox-static")
    modules = kernel.module_files()
    identity = hashlib.sha256(INIT.encode())
    for path in [busybox, *modules]:
        identity.update(f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    cached = BUILD_FOLDER / "tests" / "guest" / f"initramfs-{identity.hexdigest()[:16]}.gz"
    if not cached.exists():
        cached.parent.mkdir(parents=True, exist_ok=True)
        unfinished = cached.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(gzip.compress(_base_content(busybox, modules), compresslevel=1, mtime=0))
        unfinished.replace(cached)
    return cached.read_bytes()


def _base_content(busybox, modules):
    archive = CpioArchive()
    for folder in ("bin", "dev", "proc", "sys", "mnt", "tmp", "modules"):
        archive.folder(folder)
    archive.character_device("dev/console", 5, 1)
    archive.file("bin/busybox", busybox.read_bytes(), 0o755)
    archive.file("init", INIT.encode(), 0o755)
    names = []
    for path in modules:
        names.append(path.name.split(".ko")[0] + ".ko")
        archive.file(f"modules/{names[-1]}", read_module(path))
    archive.file("modules/order", ("\n".join(names) + "\n").encode())
    return archive.bytes()


def initramfs(kernel, script):
    """The whole archive for one boot that runs `script` (POSIX sh, ends at the first failing command)."""
    own = CpioArchive()
    own.file("script", script.encode())
    base = base_archive(kernel)
    # The kernel takes an archive that is not compressed only where it begins at a multiple of 4, and skips zeros.
    return base + b"\0" * (-len(base) % 4) + own.bytes()
