"""DPDK's testpmd in both roles, passing frames between a vhost-user port and a pcap file.

Each runs without huge pages on the two processors of a small machine: one thread for commands, one that
polls. Port 0 is the vhost-user side, port 1 reads `frames_in` and writes `frames_out`.
"""

import os
import re
import signal
import struct
import subprocess

from .case import require
from .process import Process
from .waiting import wait_until

START_SECONDS = 30


def write_frames(path, frames):
    """A pcap file of Ethernet frames."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for frame in frames:
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    return path


def read_frames(path):
    data = path.read_bytes()
    frames, offset = [], 24
    while offset + 16 <= len(data):
        length = struct.unpack_from("<I", data, offset + 8)[0]
        frames.append(data[offset + 16:offset + 16 + length])
        offset += 16 + length
    return frames


SWITCHED_ON = re.compile(r"set queue enable: 1 to qp idx: (\d+)")


class TestPmd(Process):
    """Ports in pairs: an even one is a vhost-user device, the odd one after it a pcap device. `frames_in` is one file
    for each queue of the pcap devices, whose frames take that queue of the vhost-user device; `frames_out` likewise."""

    def __init__(self, workspace, name, devices, frames_in, cores, queues=1, stream=False, wait=True, options=()):
        """`stream`: the files' frames again and again. `options`: further ones of testpmd."""
        frames_in = [frames_in] if isinstance(frames_in, os.PathLike) else list(frames_in)
        self.frames_out = [workspace.file(f"{name}.{number}.out.pcap") for number in range(len(frames_in))]
        vdevs = []
        for number, device in enumerate(devices):
            part = slice(number * queues, (number + 1) * queues)
            files = [f"rx_pcap={path}" for path in frames_in[part]] + [f"tx_pcap={path}" for path in self.frames_out[part]]
            files += ["infinite_rx=1"] if stream else []
            vdevs += ["--vdev", device, "--vdev", ",".join([f"net_pcap{number}", *files])]
        super().__init__(workspace, name, [
            # Line by line, or the answers to commands stay in its buffer.
            "stdbuf", "-oL", require("dpdk-testpmd", "dpdk-dev"), "--lcores", cores, "--no-huge", "--no-pci", "-m", "256",
            "--file-prefix", name, "--log-level", "lib.vhost.config:debug", "--log-level", "pmd.net.virtio.*:info",
            # What virtio-user needs to work packed rings with the processor's vectors, where it can.
            "--force-max-simd-bitwidth=512",
            *vdevs,
            "--", "-i", "--no-flush-rx", f"--total-num-mbufs={2048 * queues * len(devices)}", "--forward-mode=io",
            f"--rxq={queues}", f"--txq={queues}", *options],
            stop_signal=signal.SIGINT, stdin=subprocess.PIPE,
            # Its own files go there, which it leaves behind.
            environment={"RUNTIME_DIRECTORY": str(workspace.socket(name).parent)})
        if wait:
            self.wait_for_prompt()

    def wait_for_prompt(self):
        self.wait_for(lambda: "testpmd>" in self.stdout, "its prompt", START_SECONDS)

    def command(self, text):
        self.stdin.write(text.encode() + b"\n")
        self.stdin.flush()

    def forward(self):
        self.command("start")

    def wait_for_devices(self, count):
        """Of a back-end: until front-ends switched both queues of so many devices on. Before that frames for them are
        dropped."""
        self.wait_for(lambda: len(SWITCHED_ON.findall(self.stderr)) >= 2 * count, "its queues", START_SECONDS)

    def sent_frames(self, port):
        """Frames sent on a port so far, as testpmd counts them."""
        before = len(self.stdout)
        self.command(f"show port stats {port}")
        pattern = re.compile(r"TX-packets: (\d+)")
        return int(wait_until(lambda: pattern.search(self.stdout, before), f"{self.name}'s statistics", 10).group(1))

    def wait_for_sent(self, port, count, seconds=30):
        self.wait_for(lambda: self.sent_frames(port) >= count, f"{count} frames out of port {port}", seconds)

    def finish(self):
        """Ends it, so that the pcap files are complete, and returns the frames it wrote to the first."""
        return self.finish_all()[0]

    def finish_all(self):
        """The same of every queue's file."""
        self.command("quit")
        self.wait(START_SECONDS)
        return [read_frames(path) for path in self.frames_out]


class TestPmdBackEnd(TestPmd):
    def __init__(self, workspace, frames_in, name="testpmd-back-end", queues=1, translated=False, connect=None,
                 stream=False):
        """`translated`: takes addresses from the front-end's IOMMU, and asks for them on its own channel. `connect`: to
        this socket, again and again, instead of listening on `socket`."""
        self.socket = connect or workspace.socket(name)
        device = (f"net_vhost0,iface={self.socket},queues={queues},iommu-support={int(translated)},"
                  f"client={int(connect is not None)}")
        super().__init__(workspace, name, [device], frames_in, "0@0,1@0", queues=queues, stream=stream)

    def wait_for_queues(self, count):
        """Until the front-end switched so many on: before that frames for them are dropped."""
        self.wait_for(lambda: len(set(SWITCHED_ON.findall(self.stderr))) == count, f"{count} queues", START_SECONDS)


def virtio_user(number, socket, packed=False, queues=1, listen=False, more=""):
    """A front-end's device. More queue pairs are switched on through a control queue, which it plays itself. Without
    `more` it takes IN_ORDER and MRG_RXBUF where they are offered."""
    control = ",cq=1" if queues > 1 else ""
    return (f"net_virtio_user{number},path={socket},queues={queues},packed_vq={int(packed)},"
            f"server={int(listen)}{control}{more}")


def vhost(number, socket, connect=False):
    """A back-end's device that listens on `socket`, or connects to it, again and again."""
    return f"net_vhost{number},iface={socket},client={int(connect)}"


class TestPmdFrontEnd(TestPmd):
    def __init__(self, workspace, socket, frames_in, name="testpmd-front-end", packed=False, queues=1, listen=False,
                 stream=False, options=()):
        """`listen`: on `socket`. It starts when somebody has connected: see wait_for_prompt()."""
        self.socket = socket
        super().__init__(workspace, name, [virtio_user(0, socket, packed, queues, listen)], frames_in, "0@1,1@1",
                         queues=queues, stream=stream, wait=not listen, options=options)
        if listen:
            self.wait_for(socket.exists, "its socket", START_SECONDS)


class TestPmdSwitchedPair(TestPmd):
    """Two front-ends in one process: frames of file 0 go out of the first device, those of file 1 out of the second."""

    def __init__(self, workspace, devices, frames_in, name="testpmd-pair"):
        super().__init__(workspace, name, devices, frames_in, "0@1,1@1", wait=False)
