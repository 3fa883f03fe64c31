"""Recorded sessions of two testpmd, replayed to a third: it gets the frames that the second one got."""

import time
import unittest

from harness import vutrace
from harness import records as ask
from harness.case import PeerTestCase
from harness.testpmd import TestPmd, TestPmdBackEnd, virtio_user, write_frames
from harness.trace_frames import TRANSMIT

FRAMES = 150  # all of them have room in a ring of 256, so that none is dropped
# In one buffer, and in eight, which testpmd chains in the ring together with the header. It makes indirect tables of packed
# rings for what is in between, and says that the device is to write the header there (VU073): such a frame cannot be
# recorded as it went out.
SIZES = (60, 414, 1500) * 5 + (16014,)
OPTIONS = ",mrg_rxbuf=1"


def frames():
    return [b"\xff" * 12 + b"\x08\x00" + bytes([number % 256]) * (SIZES[number % len(SIZES)] - 14) for number in range(FRAMES)]


class ReplayNetwork(PeerTestCase):
    def start_back_end(self, name):
        return self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file(f"{name}.pcap"), []), name=name))

    def record(self, name, packed, options):
        """The trace, and what the back-end got."""
        back_end = self.start_back_end(f"back-end-{name}")
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, name=f"capture-{name}", datapath="shadow"))
        into = write_frames(self.workspace.file(f"in-{name}.pcap"), frames())
        front_end = self.start(TestPmd(self.workspace, f"front-end-{name}",
                                       [virtio_user(0, capture.front_end, packed, more=OPTIONS + options)], into, "0@1,1@1"))
        back_end.wait_for_queues(2)
        front_end.forward()
        front_end.wait_for_sent(0, FRAMES)
        back_end.forward()
        back_end.wait_for_sent(1, FRAMES)
        front_end.finish()
        capture.finish()
        return capture.trace, back_end.finish()

    def replays(self, name, packed, options):
        began = time.monotonic()
        trace, received = self.record(name, packed, options)
        self.assertEqual(received, frames())
        again = self.start_back_end(f"again-{name}")
        again.forward()
        report = vutrace.replay(self.workspace, trace, "--backend", again.socket, name=f"replay-{name}")
        sent = again.finish()
        offered = [chain for chain in ask.chains(vutrace.decode(self.workspace, trace, name=f"decode-{name}"), "available")
                   if chain["queue"] == TRANSMIT]
        self.assertEqual(len(offered), len(received))
        self.assertEqual(report["divergence_count"], 0)
        self.assertEqual(report["chains_completed"], len(received))
        self.assertEqual(sent, received)
        print(f"{name}: {len(sent)} frames again, {sum(len(chain['descriptors']) for chain in offered)} descriptors, "
              f"{time.monotonic() - began:.1f} s", flush=True)

    def test_frames_come_again(self):
        for packed in (False, True):
            for in_order in (0, 1):
                name = f"{'packed' if packed else 'split'}-{'in-order' if in_order else 'any-order'}"
                with self.subTest(name):
                    self.replays(name, packed, f",in_order={in_order}")


if __name__ == "__main__":
    unittest.main()
