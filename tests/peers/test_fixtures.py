"""Every fixture peer to peer, without vutrace: what fails here is the machine or the fixture."""

import hashlib
import unittest

from harness.case import PeerTestCase
from harness.qemu_guest import QemuGuest, SeaBiosGuest, block_device, filesystem_device
from harness.storage_daemon import StorageDaemon
from harness.testpmd import TestPmdBackEnd, TestPmdFrontEnd, write_frames
from harness.virtiofsd import VirtioFsDaemon

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


if __name__ == "__main__":
    unittest.main()
