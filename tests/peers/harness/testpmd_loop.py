"""One testpmd that is both ends of a vhost-user session: frames go around between its two ports, on one processor, so that
on a machine of two what stands between them has the other one to itself."""

import re
import signal
import subprocess

from .case import require
from .testpmd import START_SECONDS, virtio_user
from .process import Process
from .waiting import wait_until

BURST = 32  # frames, of testpmd
MBUFS = 8192


class TestPmdLoop(Process):
    """Listens on `socket` as the back-end; connect_front_end() makes the front-end."""

    def __init__(self, workspace, name="testpmd-loop", ring_size=256, options=()):
        """`options`: further ones of testpmd."""
        self.socket = workspace.socket(name)
        self.ring_size = ring_size
        super().__init__(workspace, name, [
            "stdbuf", "-oL", require("dpdk-testpmd", "dpdk-dev"), "--lcores", "0@0,1@0", "--no-huge", "--no-pci", "-m", "256",
            "--file-prefix", name, "--log-level", "lib.vhost.config:debug",
            "--vdev", f"net_vhost0,iface={self.socket},queues=1",
            "--", "-i", "--no-flush-rx", f"--total-num-mbufs={MBUFS}", "--forward-mode=io",
            f"--rxd={ring_size}", f"--txd={ring_size}", *options],
            stop_signal=signal.SIGINT, stdin=subprocess.PIPE,
            environment={"RUNTIME_DIRECTORY": str(workspace.socket(name).parent)})
        self.wait_for(lambda: self.stdout.count("testpmd>") > 0, "its prompt", START_SECONDS)

    def command(self, text, answer="testpmd>"):
        """Waits until it was carried out. `answer`: what tells of it where threads that report events may write into the
        middle of the prompt."""
        before = len(self.stdout)
        self.stdin.write(text.encode() + b"\n")
        self.stdin.flush()
        self.wait_for(lambda: answer in self.stdout[before:], f"{answer} after {text}", START_SECONDS)

    def connect_front_end(self, socket, packed=False):
        self.command(f"port attach {virtio_user(0, socket, packed)},queue_size={self.ring_size}",
                     "Port 1 is attached")
        self.command("port start 1", "Checking link statuses")
        self.wait_for(lambda: "virtio is now ready" in self.stderr, "a device that is ready", START_SECONDS)
        self.command("set portlist 0,1")

    def start(self, bursts):
        """So many bursts go around in each direction."""
        self.command(f"start tx_first {bursts}")

    def received(self):
        """Frames received by both ports so far."""
        before = len(self.stdout)
        self.command("show port stats all")
        pattern = re.compile(r"RX-packets: (\d+)")
        found = wait_until(lambda: (lambda all_: all_ if len(all_) == 2 else None)(
            pattern.findall(self.stdout[before:])), "both ports' statistics", 10)
        return sum(map(int, found))

    def finish(self):
        self.stdin.write(b"quit\n")
        self.stdin.flush()
        self.wait(START_SECONDS)
