"""Open vSwitch with DPDK as the back-end, its ports in both socket directions; frames cross its bridge from one to the other."""

import time
import unittest

from harness import dpdk_log
from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.open_vswitch import OpenVSwitch
from harness.testpmd import TestPmdSwitchedPair, virtio_user, write_frames
from harness.trace_frames import received, transmitted

FRAMES = 64


def frames(sender, receiver):
    """From one station to another: the bridge learns where they are."""
    return [bytes([2, 0, 0, 0, 0, receiver, 2, 0, 0, 0, 0, sender, 8, 0]) + bytes([sender, number]) * 40
            for number in range(FRAMES)]


class OpenVSwitchSessions(PeerTestCase):
    def captures(self, switch, datapath):
        """One port connects to capture, which connects to the front-end; the other is the usual way round."""
        front_end = self.workspace.socket("front-end")
        connecting = vutrace.Capture(self.workspace, name="capture-connecting", front_end=front_end, datapath=datapath)
        listening = vutrace.Capture(self.workspace, switch.add_listening_port("listening"), name="capture-listening",
                                    datapath=datapath)
        return self.start(connecting), self.start(listening)

    def test_frames_cross_a_bridge_between_ports_of_both_directions(self):
        self.cross_a_bridge("tap")

    def test_frames_cross_a_bridge_on_shadow_rings(self):
        """The port that connects sends frames(0, 1), the other one frames(1, 0); each receives what the other sent."""
        connecting, listening = self.cross_a_bridge("shadow")
        for records, number in ((connecting, 0), (listening, 1)):
            self.assertEqual(ask.of_type(records, "gap"), [])
            self.assertEqual(set(ask.content_counts(records)), {"verified"})
            self.assertEqual(transmitted(records), frames(number, 1 - number))
            self.assertEqual(received(records), frames(1 - number, number))

    def cross_a_bridge(self, datapath):
        began = time.monotonic()
        switch = self.start(OpenVSwitch(self.workspace))
        connecting, listening = self.captures(switch, datapath)
        frames_in = [write_frames(self.workspace.file(f"{number}.pcap"), frames(number, 1 - number))
                     for number in range(2)]
        pair = self.start(TestPmdSwitchedPair(self.workspace, [
            virtio_user(0, connecting.front_end, listen=True), virtio_user(1, listening.front_end)], frames_in))
        pair.wait_for(connecting.front_end.exists, "its socket", 30)
        switch.add_connecting_port("connecting", connecting.back_end)
        pair.wait_for_prompt()
        switch.wait_for_links("connecting", "listening")
        pair.forward()
        for port in (1, 3):
            pair.wait_for_sent(port, FRAMES)
        self.assertEqual(pair.finish_all(), [frames(1, 0), frames(0, 1)])
        print(f"{2 * FRAMES} frames across the bridge", flush=True)
        records = [self.assert_session(capture, dpdk_log.requests(switch.log, capture.back_end))
                   for capture in (connecting, listening)]
        print(f"{time.monotonic() - began:.1f} s", flush=True)
        return records

    def assert_session(self, capture, said):
        capture.finish()
        vutrace.require_healthy(self.workspace, capture.trace, name=f"check-{capture.name}")
        records = vutrace.decode(self.workspace, capture.trace, "--raw", name=f"decode-{capture.name}")
        messages, details = dpdk_log.assert_equal(self, said, dpdk_log.decoded(ask.messages(records)),
                                                  more_regions=int(capture.datapath == "shadow"))
        print(f"{capture.name}: {messages} messages with {details} details", flush=True)
        return records


if __name__ == "__main__":
    unittest.main()
