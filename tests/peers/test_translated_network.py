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
ROUNDS = 500
QUESTIONS = 6
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


def translated_before(records):
    """Chains of the guest's frames of which the device had the translation: not the first one of a page after its update."""
    updated = set()
    for record in records:
        if record["record"] == "message" and record["request"] == "IOTLB_MSG" and record["sender"] == "front-end":
            updated.add(record["payload"]["iova"])
        if record["record"] == "chain" and (record["queue"], record["state"]) == (1, "available"):
            page = hex(int(record["descriptors"][0]["address"], 16) & ~0xfff)
            if page not in updated:
                yield record
            updated.discard(page)


class TranslatedNetwork(PeerTestCase):
    def exchange(self, datapath, more=""):
        """Frames both ways. testpmd drops frames for the guest while it lacks a translation, also without us, so it gets
        the same ones many times."""
        began = time.monotonic()
        back_end = self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file("in.pcap"), frames() * ROUNDS),
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
        self.trace = capture.trace
        records = vutrace.decode(self.workspace, capture.trace, "--raw")
        self.assertEqual(decoded_messages(ask.messages(records)), qemu_messages(guest.trace))
        used = [chain for chain in ask.chains(records, "used") if chain["queue"] == 0]
        offered = [chain for chain in ask.chains(records, "available") if chain["queue"] == 1]
        print(f"{datapath}{more}: {received} frames received, {len(used)} recorded; {len(sent)} sent, {len(offered)} "
              f"recorded, {ask.lost_chains(records)} lost, {dict(ask.content_counts(records))}, "
              f"{time.monotonic() - began:.1f} s", flush=True)
        self.assertGreater(received, 0)
        self.assertTrue(sent)
        return records, used, offered, received, sent

    def assert_proven(self, chains, known):
        """What is called proven is what the other end has; and something is."""
        proven = frames_of(chain for chain in chains if chain["content"] == "verified")
        self.assertTrue(proven)
        self.assertEqual([frame for frame in proven if frame not in known], [])

    def assert_replays(self, offered):
        """Against a testpmd that asks for its translations when it wants to: it gets the recorded frames."""
        again = self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file("again.pcap"), []),
                                          name="testpmd-again", translated=True))
        again.forward()
        report = vutrace.replay(self.workspace, self.trace, "--backend", again.socket)
        sent = again.finish()
        self.assertEqual(report["chains_completed"], len(offered))
        self.assertGreater(report["translations_answered"], 0)
        self.assert_equal_frames(offered, sent)
        print(f"replayed: {len(sent)} frames sent again, {report['translations_answered']} misses answered", flush=True)

    def assert_replays_in_part(self, offered):
        """Of packed rings testpmd drops again what it has no translation of yet. It completes every chain that the trace
        vouches for; the frames that it sends come in their order, among those of which the trace has no bytes."""
        again = self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file("again.pcap"), []),
                                          name="testpmd-again", translated=True))
        again.forward()
        report = vutrace.replay(self.workspace, self.trace, "--backend", again.socket)
        sent = again.finish()
        proven = frames_of(chain for chain in offered if chain["content"] == "verified")
        self.assertGreaterEqual(report["chains_completed"], len(proven))
        self.assertGreater(report["translations_answered"], 0)
        self.assertEqual(report["divergence_count"], 0)
        sent = [frame for frame in sent if frame in proven]
        self.assertTrue(is_subsequence(sent, proven), "frames out of order")
        print(f"replayed: {len(sent)} of {len(offered)} frames sent again, {report['translations_answered']} misses "
              "answered", flush=True)

    def assert_equal_frames(self, offered, sent):
        """Frame by frame, in order. One that the device took before it could be read is said to be late or absent."""
        self.assertEqual(len(offered), len(sent))
        for chain, frame in zip(offered, sent):
            self.assertTrue(frames_of([chain]) == [frame] or chain["content"] != "verified", f"record {chain['seq']}")

    def test_split_rings_in_relay(self):
        records, used, offered, received, sent = self.exchange("relay")
        self.assertEqual(ask.of_type(records, "gap"), [])
        self.assertGreaterEqual(len(used), received)
        self.assert_proven(used, frames())
        self.assert_equal_frames(offered, sent)
        self.assert_proven(offered, sent)
        self.assert_replays(offered)

    def test_packed_rings_in_relay(self):
        """testpmd uses a packed chain without a translation at once, and drops its frame, which the trace may have by then:
        the one that made testpmd ask."""
        records, used, offered, received, sent = self.exchange("relay", ",packed=on")
        self.assertGreaterEqual(len(used), received)
        self.assert_proven(used, frames())
        proven = frames_of(chain for chain in translated_before(records) if chain["content"] == "verified")
        self.assertTrue(is_subsequence(proven, sent), "frames of the trace that were not received")
        self.assertGreaterEqual(len(offered) + ask.lost_chains(records), len(sent))
        self.assert_replays_in_part(offered)

    def test_tap(self):
        records, used, offered, received, sent = self.exchange("tap")
        self.assertEqual([chain for chain in offered if chain["content"] == "verified"
                          and frames_of([chain])[0] not in sent], [])
        self.assertGreater(len(used), 0)


if __name__ == "__main__":
    unittest.main()
