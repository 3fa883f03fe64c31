"""Rings behind an IOMMU: a guest whose network device has addresses that only IOTLB messages explain."""

import time
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import decoded_messages, qemu_messages
from harness.qemu_guest import QemuGuest, translated_network_device
from harness.testpmd import TestPmdBackEnd, write_frames

FRAMES = 64
QUESTIONS = 4
STATION = bytes([0x52, 0x54, 0, 0x12, 0x34, 0x56])  # QEMU's first network device

GUEST_WORK = f"""
ip link set eth0 up
ip addr add 10.0.0.1/24 dev eth0
echo "up"
read answer < /dev/ttyS1
for number in $(seq {QUESTIONS}); do arping -c 1 -w 1 -I eth0 10.0.0.2 > /dev/null || true; done
echo "received $(cat /sys/class/net/eth0/statistics/rx_packets)"
"""


def frames():
    return [STATION + bytes([2, 0, 0, 0, 0, 1, 8, 0]) + bytes([number]) * (60 + 20 * number) for number in range(FRAMES)]


def frames_of(chains):
    """What stands behind the 12 bytes of virtio-net's header."""
    return [ask.data_of(chain)[12:] for chain in chains]


def is_subsequence(some, of):
    rest = iter(of)
    return all(one in rest for one in some)


class TranslatedNetwork(PeerTestCase):
    def exchange(self, datapath, more=""):
        """Frames both ways. testpmd drops frames for the guest while it lacks a translation, also without us."""
        began = time.monotonic()
        back_end = self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file("in.pcap"), frames()),
                                             translated=True))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, datapath=datapath))
        guest = self.start(QemuGuest(self.workspace, translated_network_device(capture.front_end, more), GUEST_WORK))
        guest.wait_for_output("up")
        back_end.wait_for_queues(2)
        back_end.forward()
        guest.say("go on")
        received = int(guest.wait_for_end().splitlines()[-1].split()[1])
        capture.finish()
        sent = back_end.finish()
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace, "--raw")
        self.assertEqual(decoded_messages(ask.messages(records)), qemu_messages(guest.trace))
        used = {queue: [chain for chain in ask.chains(records, "used") if chain["queue"] == queue] for queue in (0, 1)}
        print(f"{datapath}{more}: {received} frames received, {len(sent)} sent, "
              f"{len(used[0])} and {len(used[1])} of them recorded, proofs {dict(ask.content_counts(records))}, "
              f"{time.monotonic() - began:.1f} s", flush=True)
        return records, used, received, sent

    def assert_all_frames(self, datapath, more=""):
        records, used, received, sent = self.exchange(datapath, more)
        self.assertEqual(ask.of_type(records, "gap"), [])
        # With its last frames the guest may have been ending already.
        self.assertGreaterEqual(len(used[0]), received)
        self.assertGreater(received, 0)
        self.assertTrue(is_subsequence(frames_of(used[0]), frames()))
        offered = [chain for chain in ask.chains(records, "available") if chain["queue"] == 1]
        self.assertEqual(frames_of(offered), sent)
        self.assertGreaterEqual(len(sent), QUESTIONS)

    def test_relay(self):
        self.assert_all_frames("relay")

    def test_packed_rings_in_relay(self):
        self.assert_all_frames("relay", ",packed=on")


if __name__ == "__main__":
    unittest.main()
