"""QEMU's network device with several queue pairs, which a guest of as many processors uses all."""

import time
import unittest
from collections import Counter

from harness import dpdk_log
from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import decoded_messages, qemu_messages
from harness.qemu_guest import QemuGuest, network_device
from harness.testpmd import TestPmdBackEnd, write_frames

QUEUES = 4
FRAMES = 64
STATION = bytes([0x52, 0x54, 0, 0x12, 0x34, 0x56])  # QEMU's first network device

# Each processor sends through a queue of its own.
GUEST_WORK = f"""
ip link set eth0 up
ip addr add 10.0.0.1/24 dev eth0
echo "up"
read answer < /dev/ttyS1
for processor in $(seq 0 {QUEUES - 1}); do
    taskset $((1 << processor)) arping -c 1 -w 1 -I eth0 10.0.0.2 > /dev/null &
done
wait
echo "received $(cat /sys/class/net/eth0/statistics/rx_packets)"
"""


def frames(queue):
    return [STATION + bytes([2, 0, 0, 0, 0, queue, 8, 0]) + bytes([queue, number]) * 40 for number in range(FRAMES)]


def is_question(frame):
    """ARP, as arping sends it."""
    return frame[12:14] == b"\x08\x06"


def frame_of(chain):
    """The bytes behind the 12 of virtio-net's header."""
    runs = (bytes.fromhex(run["bytes"]) if "bytes" in run else bytes(run["zeros"]) for run in chain["data"])
    return b"".join(runs)[12:]


class GuestNetwork(PeerTestCase):
    def test_four_queue_pairs(self):
        self.four_queue_pairs("relay")

    def test_four_queue_pairs_on_shadow_rings(self):
        records = self.four_queue_pairs("shadow")
        self.assertEqual(set(ask.content_counts(records)), {"verified"})

    def four_queue_pairs(self, datapath):
        began = time.monotonic()
        files = [write_frames(self.workspace.file(f"{queue}.pcap"), frames(queue)) for queue in range(QUEUES)]
        back_end = self.start(TestPmdBackEnd(self.workspace, files, queues=QUEUES))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, datapath=datapath))
        guest = self.start(QemuGuest(self.workspace, network_device(capture.front_end, QUEUES), GUEST_WORK,
                                     processors=QUEUES))
        guest.wait_for_output("up")
        back_end.wait_for_queues(2 * QUEUES)
        back_end.forward()
        guest.say("go on")
        output = guest.wait_for_end()
        capture.finish()
        sent = [sum(is_question(frame) for frame in queue) for queue in back_end.finish_all()]
        self.assertGreaterEqual(min(sent), 1, f"questions by queue: {sent}")
        self.assertEqual(output.splitlines()[-1], f"received {QUEUES * FRAMES}")
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assertEqual(decoded_messages(ask.messages(records)), qemu_messages(guest.trace))
        compared = dpdk_log.assert_equal(self, dpdk_log.requests(back_end.stderr),
                                         dpdk_log.decoded(ask.messages(records)),
                                         more_regions=int(datapath == "shadow"))
        self.assert_chains(records)
        print(f"{QUEUES * FRAMES} frames received, {sum(sent)} questions sent, {compared[0]} messages with "
              f"{compared[1]} details, {time.monotonic() - began:.1f} s", flush=True)
        return records

    def test_packed_rings(self):
        """A guest's packed rings, with notifications from the back-end: what the device wrote is proven, frame by frame."""
        back_end = self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file("0.pcap"), frames(0))))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, datapath="relay"))
        guest = self.start(QemuGuest(self.workspace, network_device(capture.front_end, more=",packed=on"),
                                     GUEST_WORK.replace(f"0 {QUEUES - 1}", "0 0")))
        guest.wait_for_output("up")
        back_end.wait_for_queues(2)
        back_end.forward()
        guest.say("go on")
        output = guest.wait_for_end()
        capture.finish()
        sent = back_end.finish()
        self.assertEqual(output.splitlines()[-1], f"received {FRAMES}")
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace, "--raw")
        received = [chain for chain in ask.chains(records, "used") if chain["queue"] == 0]
        self.assertEqual([frame_of(chain) for chain in received], frames(0))
        self.assertEqual({chain["content"] for chain in received}, {"verified"})
        # testpmd polls the other queue: a chain that it was quicker with is counted.
        seen = sum(chain["queue"] == 1 for chain in ask.chains(records, "available"))
        lost = sum(gap["chains"] for gap in ask.of_type(records, "gap") if gap["queue"] == 1)
        self.assertEqual(seen + lost, len(sent))
        self.assertEqual([gap for gap in ask.of_type(records, "gap") if gap["queue"] == 0], [])
        print(f"{len(received)} frames received, {len(sent)} sent, {lost} of them only counted", flush=True)

    def assert_chains(self, records):
        """Nothing is lost: as many completed chains on each receive queue as frames, and some on each transmit queue."""
        self.assertEqual(ask.of_type(records, "gap"), [])
        used = Counter(chain["queue"] for chain in ask.chains(records, "used"))
        self.assertEqual([used[2 * queue] for queue in range(QUEUES)], [FRAMES] * QUEUES)
        self.assertEqual([queue for queue in range(QUEUES) if used[2 * queue + 1] == 0], [])


if __name__ == "__main__":
    unittest.main()
