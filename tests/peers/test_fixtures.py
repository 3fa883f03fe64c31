"""Every fixture peer to peer, without vutrace: what fails here is the machine or the fixture."""

import hashlib
import shutil
import unittest
from pathlib import Path

from harness import dpdk_log
from harness.case import PeerTestCase
from harness.process import Process
from harness.qemu_guest import QemuGuest, SeaBiosGuest, block_device, filesystem_device
from harness.storage_daemon import StorageDaemon
from harness.testpmd import TestPmdBackEnd, TestPmdFrontEnd, write_frames
from harness.virtiofsd import VirtioFsDaemon
from harness.workspace import Workspace

MIB = 1 << 20


class Fixtures(PeerTestCase):
    def test_guest_writes_and_reads_a_disk(self):
        image = self.workspace.image("disk.img", 16 * MIB)
        daemon = self.start(StorageDaemon(self.workspace, image))
        guest = self.start(QemuGuest(self.workspace, block_device(daemon.socket), """
            dd if=/dev/urandom of=/tmp/data bs=1M count=2
            dd if=/tmp/data of=/dev/vda bs=64k conv=fsync
            sha256sum /tmp/data | cut -d' ' -f1
        """))
        told = guest.wait_for_end().split()[-1]
        self.assertEqual(hashlib.sha256(image.read_bytes()[:2 * MIB]).hexdigest(), told)

    def test_seabios_reads_the_boot_sector(self):
        image = self.workspace.image("disk.img", MIB)
        daemon = self.start(StorageDaemon(self.workspace, image))
        guest = self.start(SeaBiosGuest(self.workspace, block_device(daemon.socket, boot=True)))
        guest.wait_for_bios("not a bootable disk")

    def test_guest_mounts_a_shared_folder(self):
        folder = self.workspace.file("shared")
        folder.mkdir()
        (folder / "host").write_text("from the host\n")
        daemon = self.start(VirtioFsDaemon(self.workspace, folder))
        guest = self.start(QemuGuest(self.workspace, filesystem_device(daemon.socket), """
            mount -t virtiofs share /mnt
            cat /mnt/host
            echo from the guest > /mnt/guest
            umount /mnt
        """))
        self.assertEqual(guest.wait_for_end(), "from the host\n")
        self.assertEqual((folder / "guest").read_text(), "from the guest\n")

    def test_testpmd_pair_passes_frames_both_ways(self):
        def frames(fill):
            return [b"\xff" * 12 + b"\x08\x00" + bytes([fill, number]) * 40 for number in range(64)]
        to_front_end = write_frames(self.workspace.file("a.pcap"), frames(1))
        to_back_end = write_frames(self.workspace.file("b.pcap"), frames(2))
        back_end = self.start(TestPmdBackEnd(self.workspace, to_front_end))
        front_end = self.start(TestPmdFrontEnd(self.workspace, back_end.socket, to_back_end))
        front_end.forward()
        back_end.forward()
        back_end.wait_for_sent(1, 64)
        front_end.wait_for_sent(1, 64)
        self.assertEqual(front_end.finish(), frames(1))
        self.assertEqual(back_end.finish(), frames(2))


DPDK_LOG = """
VHOST_CONFIG: (/a) read message VHOST_USER_SET_FEATURES
VHOST_CONFIG: (/a) negotiated Virtio features: 0x400000000
VHOST_CONFIG: (/a) processing VHOST_USER_SET_FEATURES succeeded.
VHOST_CONFIG: (/b) read message VHOST_USER_SET_OWNER
VHOST_CONFIG: (/a) read message VHOST_USER_SET_MEM_TABLE
VHOST_CONFIG: (/a) guest memory region size: 0x1000
VHOST_CONFIG: (/a) \t guest physical addr: 0x0
VHOST_CONFIG: (/a) \t mmap off  : 0x0
VHOST_CONFIG: (/a) read message VHOST_USER_SET_VRING_BASE
VHOST_CONFIG: (/a) vring base idx:1 last_used_idx:3 last_avail_idx:3.
VHOST_CONFIG: (/a) read message VHOST_USER_SET_VRING_KICK
VHOST_CONFIG: (/a) vring kick idx:1 file:26
VHOST_CONFIG: (/a) read message VHOST_USER_GET_VRING_BASE
VHOST_CONFIG: (/a) vring base idx:1 file:5
VHOST_CONFIG: (/a) processing VHOST_USER_GET_VRING_BASE succeeded and needs reply.
"""


def message(seq, request, payload=None, **more):
    return {"seq": seq, "sender": "front-end", "request": request, "need_reply": False, "payload": payload or {}, **more}


def dpdk_messages():
    region = {"guest_phys_addr": "0x0", "memory_size": 4096, "userspace_addr": "0x7f00", "mmap_offset": 0}
    return [message(1, "SET_FEATURES", {"features": "0x400000000"}),
            message(2, "SET_MEM_TABLE", {"regions": [region]}),
            message(3, "SET_VRING_BASE", {"index": 1, "num": 0x8003}),  # packed: with the wrap counter
            message(4, "SET_VRING_KICK", {"index": 1, "no_descriptor": 0}),
            message(5, "GET_VRING_BASE", {"index": 1, "num": 0}),
            message(6, "GET_VRING_BASE", {"index": 1, "num": 5}, sender="back-end", answers=5)]


class Failures(unittest.TestCase):
    """What is left of a test that fails must tell why."""

    def setUp(self):
        self.workspace = Workspace(self.id())
        self.addCleanup(self.workspace.close, keep_data=False)

    def test_a_wait_in_vain_says_what_everybody_did(self):
        sleeper = self.enterContext(Process(self.workspace, "sleeper", ["sleep", "600"]))
        ended = self.enterContext(Process(self.workspace, "ended", ["true"]))
        ended.wait(20)
        sleeper.wait_for(lambda: Path(f"/proc/{sleeper.pid}/comm").read_text() == "sleep\n", "its program", 20)
        self.assertRaises(AssertionError, sleeper.wait, 0.1)
        self.assertRaises(AssertionError, sleeper.wait_for, lambda: False, "its dream", 0.1)
        said = self.workspace.log("activity").read_text()
        for expected in ("waited 0.1 s for sleeper to end\nmachine: load ", "waited 0.1 s for sleeper: its dream\n",
                         f"sleeper: process {sleeper.pid}\n", "ended: has ended\n"):
            self.assertIn(expected, said)
        self.assertRegex(said, rf"\n +{sleeper.pid} sleep +S user \d+ system \d+  ")

    def test_logs_of_a_failure_outlive_the_next_run(self):
        kept = self.workspace.logs.with_name(f"{self.workspace.name}.failed")
        self.addCleanup(shutil.rmtree, kept)
        for run in range(2):
            workspace = Workspace(self.workspace.name)
            workspace.log("capture.stderr").write_text(f"run {run}")
            workspace.close(keep_data=True, failure="why")
            for _ in range(2):
                Workspace(self.workspace.name).close(keep_data=False)
                self.assertEqual([(kept / name).read_text() for name in ("failure", "capture.stderr")],
                                 ["why", f"run {run}"])
                self.assertTrue((kept / "data").exists())


class GroundTruth(unittest.TestCase):
    """The comparison with DPDK's log, on a log of a few lines: it must be able to fail."""

    def compare(self, messages):
        return dpdk_log.assert_equal(self, dpdk_log.requests(DPDK_LOG, "/a"), dpdk_log.decoded(messages))

    def test_what_is_equal_is_counted(self):
        self.assertEqual(self.compare(dpdk_messages()), (5, 10))

    def test_every_difference_is_found(self):
        changes = {
            "a message less": lambda messages: messages.pop(0),
            "another message": lambda messages: messages[0].update(request="SET_OWNER"),
            "other features": lambda messages: messages[0]["payload"].update(features="0x1"),
            "a region more": lambda messages: messages[1]["payload"]["regions"].append({}),
            "another address": lambda messages: messages[1]["payload"]["regions"][0].update(guest_phys_addr="0x1000"),
            "another position": lambda messages: messages[2]["payload"].update(num=4),
            "no descriptor": lambda messages: messages[3]["payload"].update(no_descriptor=1),
            "another answer": lambda messages: messages[5]["payload"].update(num=6),
            "no answer": lambda messages: messages.pop(),
        }
        for what, change in changes.items():
            with self.subTest(what):
                messages = dpdk_messages()
                change(messages)
                self.assertRaises(AssertionError, self.compare, messages)


if __name__ == "__main__":
    unittest.main()
