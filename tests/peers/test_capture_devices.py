"""Other devices through capture in every mode: the session must go as without, whatever of it is recorded."""

import unittest

from harness import dpdk_log
from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import decoded_messages, qemu_messages
from harness.qemu_guest import QemuGuest, filesystem_device
from harness.testpmd import TestPmdBackEnd, TestPmdFrontEnd, write_frames
from harness.virtiofsd import VirtioFsDaemon

MODES = ("off", "tap", "relay", "shadow")

SHARED_FOLDER_WORK = """
mount -t virtiofs share /mnt
cat /mnt/host
dd if=/dev/urandom of=/mnt/guest bs=64k count=16 2>/dev/null
echo "written $(sha256sum < /mnt/guest | cut -d' ' -f1)"
mkdir /mnt/folder
for number in 1 2 3 4 5 6 7 8; do echo $number > /mnt/folder/$number; done
umount /mnt
"""


def frames(fill, count=64):
    return [b"\xff" * 12 + b"\x08\x00" + bytes([fill, number]) * 40 for number in range(count)]


class CaptureDevices(PeerTestCase):
    def shared_folder_session(self, datapath):
        folder = self.workspace.file(f"shared-{datapath}")
        folder.mkdir()
        (folder / "host").write_text("from the host\n")
        daemon = self.start(VirtioFsDaemon(self.workspace, folder, name=f"virtiofsd-{datapath}"))
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, name=f"capture-{datapath}",
                                             datapath=datapath))
        guest = self.start(QemuGuest(self.workspace, filesystem_device(capture.front_end), SHARED_FOLDER_WORK,
                                     name=f"qemu-{datapath}"))
        output = guest.wait_for_end()
        capture.finish()
        self.assertTrue(output.startswith("from the host\n"))
        self.assertEqual(sorted(path.name for path in (folder / "folder").iterdir()), list("12345678"))
        vutrace.require_healthy(self.workspace, capture.trace, name=f"check-{datapath}")
        records = vutrace.decode(self.workspace, capture.trace, name=f"decode-{datapath}")
        self.assertEqual(decoded_messages(ask.messages(records)), qemu_messages(guest.trace))
        return records

    def test_shared_folder_in_every_mode(self):
        for datapath in MODES:
            with self.subTest(datapath=datapath):
                records = self.shared_folder_session(datapath)
                if datapath in ("relay", "shadow"):
                    self.assertEqual(ask.lost_chains(records), 0)
                    self.assertEqual(ask.never_used(records), [])
                    self.assertGreater(len(ask.chains(records, "used")), 30)

    def network_session(self, datapath, packed=False):
        name = f"{datapath}-{'packed' if packed else 'split'}"
        to_front_end = write_frames(self.workspace.file(f"{name}-a.pcap"), frames(1))
        to_back_end = write_frames(self.workspace.file(f"{name}-b.pcap"), frames(2))
        back_end = self.start(TestPmdBackEnd(self.workspace, to_front_end, name=f"back-end-{name}"))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, name=f"capture-{name}",
                                             datapath=datapath))
        front_end = self.start(TestPmdFrontEnd(self.workspace, capture.front_end, to_back_end,
                                               name=f"front-end-{name}", packed=packed))
        front_end.forward()
        back_end.forward()
        back_end.wait_for_sent(1, 64)
        front_end.wait_for_sent(1, 64)
        self.assertEqual(front_end.finish(), frames(1))
        capture.finish()
        self.assertEqual(back_end.finish(), frames(2))
        vutrace.require_healthy(self.workspace, capture.trace, name=f"check-{name}")
        records = vutrace.decode(self.workspace, capture.trace, name=f"decode-{name}")
        dpdk_log.assert_equal(self, dpdk_log.requests(back_end.stderr), dpdk_log.decoded(ask.messages(records)),
                              more_regions=int(datapath == "shadow"))
        return records

    def test_polling_network_in_every_mode(self):
        for datapath in MODES:
            with self.subTest(datapath=datapath):
                self.network_session(datapath)

    def test_packed_rings_in_every_mode(self):
        for datapath in MODES:
            with self.subTest(datapath=datapath):
                records = self.network_session(datapath, packed=True)
                if datapath != "off":
                    self.assert_packed(records)

    def assert_packed(self, records):
        """Every frame in a buffer of the driver is in the trace, or counted; the positions go around without a hole."""
        offered = [chain for chain in ask.chains(records, "available") if chain["queue"] == 1]
        lost = sum(gap["chains"] for gap in ask.of_type(records, "gap") if gap.get("queue") == 1)
        self.assertEqual(len(offered) + lost, 64)
        # The receive queue was filled before a frame came: 256 buffers, and one more for each frame.
        filled = [chain for chain in ask.chains(records, "available") if chain["queue"] == 0]
        self.assertEqual([(chain["index"], chain["wrap"]) for chain in filled],
                         [(number % 256, number < 256) for number in range(len(filled))])
        self.assertGreaterEqual(len(filled), 256)
        self.assertEqual({chain["content"] for chain in filled}, {"verified"})


if __name__ == "__main__":
    unittest.main()
