"""QEMU as the front-end, with a Linux guest or SeaBIOS alone on an emulated processor."""

import re
import socket

from .case import require
from .guest_image import GuestKernel, initramfs
from .process import Process
from .qmp import Qmp

BOOT_SECONDS = 60


def block_device(socket, name="disk", queues=2, reconnect=False, boot=False):
    """Arguments of a vhost-user-blk device; `boot` makes SeaBIOS try it first."""
    again = ",reconnect=1" if reconnect else ""
    index = ",bootindex=0" if boot else ""
    return ["-chardev", f"socket,id={name}-socket,path={socket}{again}",
            "-device", f"vhost-user-blk-pci,id={name},chardev={name}-socket,num-queues={queues}{index}"]


def filesystem_device(socket, tag="share"):
    return ["-chardev", f"socket,id={tag}-socket,path={socket}",
            "-device", f"vhost-user-fs-pci,chardev={tag}-socket,tag={tag}"]


def network_device(socket, queues=1, more=""):
    """`queues` pairs. QEMU 7.2 dies of a vhost-user network device's interrupt vectors where there is no KVM."""
    several = ",mq=on" if queues > 1 else ""
    return ["-chardev", f"socket,id=net-socket,path={socket}",
            "-netdev", f"vhost-user,id=net,chardev=net-socket,queues={queues}",
            "-device", f"virtio-net-pci,netdev=net,vectors=0{several}{more}"]


def translated_network_device(socket, more=""):
    """A network device behind an emulated IOMMU."""
    return ["-machine", "q35", "-device", "intel-iommu,device-iotlb=on",
            *network_device(socket, more=f",disable-legacy=on,iommu_platform=on,ats=on{more}")]


class Qemu(Process):
    """A machine without a kernel: SeaBIOS drives the devices it knows. `trace` is QEMU's own log of messages."""

    def __init__(self, workspace, devices, name="qemu", memory_mib=128, processors=1, more=()):
        self.trace = workspace.log(f"{name}.trace")
        self.console = workspace.log(f"{name}.console")
        self.results = workspace.log(f"{name}.results")
        self._qmp_socket = workspace.socket(f"{name}-qmp")
        self._results_socket = workspace.socket(f"{name}-results")
        self._qmp = None
        self._terminal = None
        super().__init__(workspace, name, [
            require("qemu-system-x86_64", "qemu-system-x86"), "-accel", "tcg", "-nodefaults", "-no-user-config",
            "-display", "none", "-machine", "pc,memory-backend=ram", "-m", f"{memory_mib}M", "-smp", processors,
            "-object", f"memory-backend-memfd,id=ram,size={memory_mib}M,share=on",
            "-serial", f"file:{self.console}",
            "-chardev", f"socket,id=results,path={self._results_socket},server=on,wait=off,logfile={self.results}",
            "-serial", "chardev:results",
            "-qmp", f"unix:{self._qmp_socket},server=on,wait=off",
            "-trace", "vhost_user_*", "-D", self.trace, *devices, *more])

    def qmp(self):
        if self._qmp is None:
            self.wait_for(self._qmp_socket.exists, "its QMP socket", BOOT_SECONDS)
            self._qmp = Qmp(self._qmp_socket)
        return self._qmp

    def close(self):
        for connection in (self._qmp, self._terminal):
            if connection is not None:
                connection.close()
        super().close()


class SeaBiosGuest(Qemu):
    """SeaBIOS reads the boot sector of the first disk through its own virtio-blk driver, and prints to a log."""

    def __init__(self, workspace, devices, name="seabios", **options):
        self.bios_log = workspace.log(f"{name}.bios")
        more = ["-chardev", f"file,id=bios,path={self.bios_log}",
                "-device", "isa-debugcon,iobase=0x402,chardev=bios"]
        super().__init__(workspace, devices, name=name, memory_mib=64, more=more, **options)

    def wait_for_bios(self, text, seconds=BOOT_SECONDS):
        self.wait_for(lambda: self.bios_log.exists() and text in self.bios_log.read_text(errors="replace"),
                      f"SeaBIOS to print {text!r}", seconds)


class QemuGuest(Qemu):
    """Linux boots, runs `script` and powers off; what the script prints is in `output()`."""

    def __init__(self, workspace, devices, script, name="qemu", more=(), **options):
        kernel = GuestKernel()
        archive = workspace.file(f"{name}.initramfs")
        archive.write_bytes(initramfs(kernel, script))
        workspace.log(f"{name}.script").write_text(script)
        boot = ["-kernel", kernel.image, "-initrd", archive, "-append",
                "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check"]
        super().__init__(workspace, devices, name=name, more=[*boot, *more], **options)

    def output(self):
        """Only what the guest printed so far, with plain line ends."""
        if not self.results.exists():
            return ""
        return self.results.read_text(errors="replace").replace("\r\n", "\n")

    def wait_for_output(self, text, seconds=BOOT_SECONDS, count=1):
        self.wait_for(lambda: self.output().count(text) >= count, f"the guest to print {text!r}", seconds)

    def say(self, line):
        """One line to the script's terminal, /dev/ttyS1."""
        if self._terminal is None:
            self._terminal = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._terminal.connect(str(self._results_socket))
        self._terminal.sendall(line.encode() + b"\n")

    def wait_for_end(self, seconds=BOOT_SECONDS):
        """Waits for the power-off and returns the output; the script must have ended with status 0."""
        status = self.wait(seconds)
        if status != 0:
            raise AssertionError(f"{self.name} ended with status {status}: {self.stderr.strip()}")
        found = re.search(r"^@@exit (\d+)$", self.output(), re.MULTILINE)
        if not found or found.group(1) != "0":
            raise AssertionError(f"the guest's script failed: {self.output()[-600:]}")
        return self.output()[:found.start()]
