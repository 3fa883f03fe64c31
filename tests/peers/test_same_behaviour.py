"""A session in every mode behaves to both peers as without capture: their own logs and results say the same, line by line.

Numbers that differ between any two runs are taken out of the logs (descriptors, addresses in a process, socket paths). In mode
`shadow` one thing may differ beside that, as documented: the back-end has one memory region more.
"""

import hashlib
import re
import time
import unittest

from harness import vutrace
from harness.case import PeerTestCase
from harness.qemu_guest import QemuGuest, block_device
from harness.storage_daemon import StorageDaemon
from harness.testpmd import TestPmd, TestPmdBackEnd, virtio_user, write_frames

MODES = (None, "off", "tap", "relay", "shadow")
MIB = 1 << 20
FRAMES = 64

# What a guest can know of its disk: what its driver found, what it wrote and read, what the kernel counted.
DISK_WORK = """
cd /sys/block/vda
grep . size ro removable serial cache_type discard_alignment alignment_offset queue/* 2>/dev/null
ls mq
cat device/features device/status
seq 1 100000 > /tmp/data
dd if=/tmp/data of=/dev/vda bs=4k count=64 oflag=direct 2>&1 | grep records
dd if=/tmp/data of=/dev/vda bs=64k seek=16 conv=fsync 2>&1 | grep records
dd if=/dev/vda bs=4k count=64 iflag=direct 2>/dev/null | sha256sum
dd if=/dev/vda bs=64k skip=16 count=4 iflag=direct 2>/dev/null | sha256sum
dd if=/dev/vda of=/dev/null bs=4k skip=4000 count=1 iflag=direct 2>&1 | grep records
blkdiscard -o 4194304 -l 65536 /dev/vda && echo discarded
dmesg | grep -E "virtio|vda" | sed 's/^[^]]*] //'
"""

SOCKET = re.compile(r"/[^ )]+\.sock")
LOG_LINE = re.compile(r"VHOST_CONFIG: \(/[^)]*\) (.*)")
REGION = "guest memory region size:"
# What differs between any two runs.
OF_ONE_RUN = [(re.compile(pattern), text) for pattern, text in (
    (r"(addr[a-z]*(?: desc| avail| used)?) ?: 0x[0-9a-f]+", r"\1: A"),
    (r"file:\d+(?=$)", "file:N"),
    (r"\bfd:? ?\d+", "fd: N"),
)]
BASE_ANSWER = re.compile(r"vring base idx:\d+ file:\d+")
STATISTICS = re.compile(r"[RT]X-(?:packets|dropped|total): \d+")


def back_end_says(log):
    """testpmd's lines about the session. The position at which a queue stopped stays, though it calls it a file."""
    lines = []
    for line in LOG_LINE.findall(log):
        if not BASE_ANSWER.match(line):
            for pattern, text in OF_ONE_RUN:
                line = pattern.sub(text, line)
        lines.append(line)
    return lines


def front_end_says(log):
    return [SOCKET.sub("SOCKET", line) for line in log.splitlines() if "virtio" in line]


def without_last_region(lines):
    """Of a SET_MEM_TABLE: the lines that tell of the last of its regions."""
    last = max(number for number, line in enumerate(lines) if line.startswith(REGION))
    end = next(number for number in range(last, len(lines)) if lines[number].startswith("processing"))
    return lines[:last] + lines[end:]


def final_statistics(log):
    """What testpmd counted on each port, as it tells at the end."""
    return STATISTICS.findall(log[log.index("Forward statistics for port"):])


class SameBehaviour(PeerTestCase):
    def front_end_socket(self, name, datapath, back_end):
        """Where the front-end connects to: capture, or the back-end itself. And the capture, if there is one."""
        if datapath is None:
            return back_end.socket, None
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, name=f"capture-{name}", datapath=datapath))
        return capture.front_end, capture

    def assert_same(self, seen, plain):
        for part, expected in plain.items():
            self.assertEqual(seen[part], expected, part)

    def finish(self, capture):
        if capture is not None:
            capture.finish()

    def test_polling_network_device(self):
        for packed in (False, True):
            said = {datapath: self.network_session(datapath, packed) for datapath in MODES}
            plain = said.pop(None)
            self.assertGreater(len(plain["back-end"]), 50)
            for datapath, seen in said.items():
                with self.subTest(packed=packed, datapath=datapath):
                    if datapath == "shadow":
                        seen["back-end"] = without_last_region(seen["back-end"])
                    self.assert_same(seen, plain)
            print(f"{'packed' if packed else 'split'}: {len(plain['back-end'])} lines of the back-end and "
                  f"{len(plain['front-end'])} of the front-end equal in {len(said)} modes", flush=True)

    def network_session(self, datapath, packed):
        name = f"{datapath or 'plain'}-{'packed' if packed else 'split'}"
        frames = [[b"\xff" * 12 + b"\x08\x00" + bytes([sender, number]) * 40 for number in range(FRAMES)]
                  for sender in (1, 2)]
        files = [write_frames(self.workspace.file(f"{name}-{sender}.pcap"), sent)
                 for sender, sent in enumerate(frames, 1)]
        back_end = self.start(TestPmdBackEnd(self.workspace, files[0], name=f"back-end-{name}"))
        socket, capture = self.front_end_socket(name, datapath, back_end)
        front_end = self.start(TestPmd(
            self.workspace, f"front-end-{name}", [virtio_user(0, socket, packed, more=",mac=02:00:00:00:00:01")],
            files[1], "0@1,1@1"))
        back_end.wait_for_queues(2)
        for end in (front_end, back_end):
            end.forward()
        for end in (front_end, back_end):
            end.wait_for_sent(1, FRAMES)
        received = [front_end.finish()]
        self.finish(capture)
        received.append(back_end.finish())
        # The back-end may not have looked once more when it is asked to end: its own last words are not compared.
        return {"frames": received == frames,
                "back-end": back_end_says(back_end.stderr),
                "front-end": front_end_says(front_end.stderr),
                "front-end counts": final_statistics(front_end.stdout),
                "back-end counts": final_statistics(back_end.stdout)}

    def test_disk_of_a_guest(self):
        said = {datapath: self.disk_session(datapath) for datapath in MODES}
        plain = said.pop(None)
        self.assertGreater(len(plain["messages"]), 40)
        for datapath, seen in said.items():
            with self.subTest(datapath=datapath):
                self.assert_same(seen, plain)
        print(f"{len(plain['guest'])} lines of the guest and {len(plain['messages'])} of QEMU equal in {len(said)} modes",
              flush=True)

    def disk_session(self, datapath):
        began = time.monotonic()
        name = datapath or "plain"
        image = self.workspace.image(f"{name}.img", 16 * MIB, b"vutrace")
        daemon = self.start(StorageDaemon(self.workspace, image, name=f"daemon-{name}"))
        socket, capture = self.front_end_socket(name, datapath, daemon)
        guest = self.start(QemuGuest(self.workspace, block_device(socket), DISK_WORK, name=f"qemu-{name}",
                                     processors=2))
        output = guest.wait_for_end()
        self.finish(capture)
        print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)
        return {"guest": output.splitlines(), "messages": guest.trace.read_text().splitlines(),
                "QEMU": guest.stderr, "daemon": daemon.stdout + daemon.stderr,
                "image": hashlib.sha256(image.read_bytes()).hexdigest()}


if __name__ == "__main__":
    unittest.main()
