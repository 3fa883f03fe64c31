"""DPDK's testpmd in both roles, passing frames between a vhost-user port and a pcap file.

Each runs without huge pages on the two processors of a small machine: one thread for commands, one that
polls. Port 0 is the vhost-user side, port 1 reads `frames_in` and writes `frames_out`.
"""

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


class TestPmd(Process):
    def __init__(self, workspace, name, device, frames_in, cores, more=()):
        self.frames_out = workspace.file(f"{name}.out.pcap")
        pcap = f"net_pcap_{name},rx_pcap={frames_in},tx_pcap={self.frames_out}"
        super().__init__(workspace, name, [
            # Line by line, or the answers to commands stay in its buffer.
            "stdbuf", "-oL", require("dpdk-testpmd", "dpdk-dev"), "--lcores", cores, "--no-huge", "--no-pci", "-m", "256",
            "--file-prefix", f"{name}-{workspace.socket(name).parent.name}", "--log-level", "lib.vhost.config:info",
            "--vdev", device, "--vdev", pcap, *more,
            "--", "-i", "--no-flush-rx", "--total-num-mbufs=2048", "--forward-mode=io"],
            stop_signal=signal.SIGINT, stdin=subprocess.PIPE)
        self.wait_for(lambda: "testpmd>" in self.stdout, "its prompt", START_SECONDS)

    def command(self, text):
        self.stdin.write(text.encode() + b"\n")
        self.stdin.flush()

    def forward(self):
        self.command("start")

    def sent_frames(self, port):
        """Frames sent on a port so far, as testpmd counts them."""
        before = len(self.stdout)
        self.command(f"show port stats {port}")
        pattern = re.compile(r"TX-packets: (\d+)")
        return int(wait_until(lambda: pattern.search(self.stdout, before), f"{self.name}'s statistics", 10).group(1))

    def wait_for_sent(self, port, count, seconds=30):
        self.wait_for(lambda: self.sent_frames(port) >= count, f"{count} frames out of port {port}", seconds)

    def finish(self):
        """Ends it, so that the pcap file is complete, and returns the frames it wrote."""
        self.command("quit")
        self.wait(START_SECONDS)
        return read_frames(self.frames_out)


class TestPmdBackEnd(TestPmd):
    def __init__(self, workspace, frames_in, name="testpmd-back-end", queues=1, translated=False):
        """`translated`: takes addresses from the front-end's IOMMU, and asks for them on its own channel."""
        self.socket = workspace.socket(name)
        device = f"net_vhost0,iface={self.socket},queues={queues},iommu-support={int(translated)}"
        super().__init__(workspace, name, device, frames_in, "0@0,1@0")


class TestPmdFrontEnd(TestPmd):
    def __init__(self, workspace, socket, frames_in, name="testpmd-front-end", packed=False, queues=1):
        device = f"net_virtio_user0,path={socket},queues={queues},packed_vq={int(packed)}"
        super().__init__(workspace, name, device, frames_in, "0@1,1@1")
