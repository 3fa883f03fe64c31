"""What a polling driver may choose: mergeable buffers, IN_ORDER, the processor's vectors, in both ring layouts and every mode
that sees the rings. One pair of testpmd has a device for each choice, with a capture of its own."""

import re
import time
import unittest
from dataclasses import dataclass

from harness import vutrace
from harness import records as ask
from harness.case import PeerTestCase
from harness.testpmd import START_SECONDS, TestPmd, vhost, virtio_user, write_frames
from harness.trace_frames import RECEIVE, TRANSMIT, is_part_of, lost, received, transmitted

FRAMES = 40
SMALL = (46, 400, 1486)
# Around the ends of one buffer (2048 bytes with a header of 12), in three, in eight: so many are no longer put into an
# indirect table by testpmd, but chained in the ring.
LARGE = (*SMALL, 2022, 2024, 6000, 16000)
MRG_RXBUF, IN_ORDER, RING_PACKED = 1 << 15, 1 << 35, 1 << 34


@dataclass(frozen=True)
class Variant:
    name: str
    options: str  # of virtio-user
    sizes: tuple  # of frames, without addresses and type
    features: int  # of those that are chosen here
    packed: bool = False
    broken: frozenset = frozenset()  # rules that virtio-user breaks

    @property
    def vectorised(self):
        return "vectorized=1" in self.options


# Bugs of virtio-user of DPDK 22.11 with indirect tables of packed rings: the header's descriptor has the WRITE flag, which
# the tables are initialised with; without IN_ORDER the id of the ring's descriptor is not written at all.
WRITABLE_HEADER = frozenset({"VU073"})
INDIRECT_BUGS = WRITABLE_HEADER | {"VU080"}

VARIANTS = [
    Variant("split", ",mrg_rxbuf=0,in_order=0", SMALL, 0),
    Variant("split-mergeable", ",mrg_rxbuf=1,in_order=0", LARGE, MRG_RXBUF),
    Variant("split-in-order", ",mrg_rxbuf=0,in_order=1", SMALL, IN_ORDER),
    Variant("split-mergeable-in-order", ",mrg_rxbuf=1,in_order=1", LARGE, MRG_RXBUF | IN_ORDER),
    Variant("split-vectorised", ",mrg_rxbuf=0,in_order=0,vectorized=1", SMALL, 0),
    Variant("packed-mergeable", ",mrg_rxbuf=1,in_order=0", LARGE, MRG_RXBUF | RING_PACKED, True, INDIRECT_BUGS),
    Variant("packed-mergeable-in-order", ",mrg_rxbuf=1,in_order=1", LARGE, MRG_RXBUF | IN_ORDER | RING_PACKED, True,
            WRITABLE_HEADER),
    Variant("packed-vectorised", ",mrg_rxbuf=0,in_order=1,vectorized=1", SMALL, IN_ORDER | RING_PACKED, True),
]
# As testpmd says it: without a processor that can, it uses another path, and the test goes on with that.
PATHS = re.compile(r"virtio: using (.+ path) on port (\d+)")


def frames(sender, sizes):
    return [b"\xff" * 12 + b"\x08\x00" + bytes([sender, number]) * (sizes[number % len(sizes)] // 2)
            for number in range(FRAMES)]


class NetworkVariants(PeerTestCase):
    def write(self, sender):
        return [write_frames(self.workspace.file(f"{sender}-{variant.name}.pcap"), frames(sender, variant.sizes))
                for variant in VARIANTS]

    def stations(self, datapath):
        sockets = [self.workspace.socket(f"{number}") for number in range(len(VARIANTS))]
        back_end = self.start(TestPmd(self.workspace, f"back-end-{datapath}",
                                      [vhost(number, socket) for number, socket in enumerate(sockets)],
                                      self.write(1), "0@0,1@0"))
        captures = [self.start(vutrace.Capture(self.workspace, socket, name=f"{datapath}-{variant.name}",
                                               datapath=datapath))
                    for socket, variant in zip(sockets, VARIANTS)]
        devices = [virtio_user(number, capture.front_end, variant.packed, more=variant.options)
                   for number, (capture, variant) in enumerate(zip(captures, VARIANTS))]
        return back_end, captures, self.start(TestPmd(self.workspace, f"front-end-{datapath}", devices, self.write(2),
                                                      "0@1,1@1"))

    def pass_frames(self, back_end, captures, front_end):
        """Until each device has got all, and both ends have ended. The device looks at nothing before the driver has sent all
        and capture, but in shadow, has seen it: so it is proven though both poll."""
        back_end.wait_for_devices(len(VARIANTS))
        front_end.forward()
        if captures[0].datapath != "shadow":
            front_end.wait_for(lambda: all(self.has_seen(capture) for capture in captures), "its frames in the trace",
                               START_SECONDS)
        back_end.forward()
        for number in range(len(VARIANTS)):
            for end in (front_end, back_end):
                end.wait_for_sent(2 * number + 1, FRAMES)
        came = front_end.finish_all()
        for capture in captures:
            capture.finish()
        for number, variant in enumerate(VARIANTS):
            self.assertEqual(came[number], frames(1, variant.sizes), f"{variant.name}, received by the driver")
        for variant, arrived in zip(VARIANTS, back_end.finish_all()):
            self.assertEqual(arrived, frames(2, variant.sizes), f"{variant.name}, received by the device")

    def has_seen(self, capture):
        """Any beginning of a trace is a trace."""
        queues = vutrace.summary(self.workspace, capture.trace, f"info-{capture.name}")["sessions"][0]["queues"]
        return len(queues) > TRANSMIT and queues[TRANSMIT].get("chains_available", 0) >= FRAMES

    def variants(self, datapath, assert_recorded):
        began = time.monotonic()
        back_end, captures, front_end = self.stations(datapath)
        self.pass_frames(back_end, captures, front_end)
        used = {}
        for path, port in PATHS.findall(front_end.stdout + front_end.stderr):
            used.setdefault(int(port), []).append(path)
        for number, (capture, variant) in enumerate(zip(captures, VARIANTS)):
            with self.subTest(datapath=datapath, variant=variant.name):
                vutrace.require_healthy(self.workspace, capture.trace, f"check-{capture.name}", variant.broken)
                records = vutrace.decode(self.workspace, capture.trace, "--raw", name=f"decode-{capture.name}")
                self.assertEqual(self.chosen(records), variant.features)
                print(f"{capture.name}: {', '.join(used[2 * number])}: {assert_recorded(records, variant)}",
                      flush=True)
        print(f"{datapath}: {time.monotonic() - began:.1f} s", flush=True)

    @staticmethod
    def chosen(records):
        taken = [int(message["payload"]["features"], 16) for message in ask.messages(records)
                 if message["request"] == "SET_FEATURES"]
        return taken[-1] & (MRG_RXBUF | IN_ORDER | RING_PACKED)

    def assert_all(self, records, variant):
        """The bugs among it."""
        trace = self.workspace.file(f"shadow-{variant.name}.pcap")
        self.assertEqual({finding["rule"] for finding in vutrace.findings(self.workspace, trace, "check-all")},
                         variant.broken)
        self.assertEqual(ask.of_type(records, "gap"), [])
        self.assertEqual(set(ask.content_counts(records)), {"verified"})
        self.assertEqual(transmitted(records), frames(2, variant.sizes))
        self.assertEqual(received(records), frames(1, variant.sizes))
        chains = sum(chain["queue"] == RECEIVE for chain in ask.chains(records, "used"))
        self.assertEqual(chains > FRAMES, bool(variant.features & MRG_RXBUF), "more buffers than frames")
        return f"{2 * FRAMES} frames, {chains} buffers received"

    def assert_proven(self, records, variant):
        """What the driver sent. What it received it may have used again at once: what is proven of that came in order."""
        self.assertEqual(transmitted(records, proven=True), frames(2, variant.sizes))
        self.assertEqual(lost(records, TRANSMIT), 0)
        used = [chain for chain in ask.chains(records, "used") if chain["queue"] == RECEIVE]
        proven = [chain for chain in used if chain["content"] == "verified"]
        if not variant.features & MRG_RXBUF:
            self.assertTrue(is_part_of(received(proven), frames(1, variant.sizes)), "frames that never came, or not in order")
        return f"{FRAMES} frames sent proven, {len(used)} buffers received seen, {len(proven)} proven"

    def test_shadow(self):
        self.variants("shadow", self.assert_all)

    def test_relay(self):
        self.variants("relay", self.assert_proven)

    def test_tap(self):
        self.variants("tap", self.assert_proven)


if __name__ == "__main__":
    unittest.main()
