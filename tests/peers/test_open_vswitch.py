"""Open vSwitch with DPDK as the back-end, its ports in both socket directions; frames cross its bridge from one to the other."""

import time
import unittest

from harness import dpdk_log
from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.open_vswitch import OpenVSwitch
from harness.testpmd import TestPmdSwitchedPair, virtio_user, write_frames

FRAMES = 64


def frames(sender, receiver):
    """From one station to another: the bridge learns where they are."""
    return [bytes([2, 0, 0, 0, 0, receiver, 2, 0, 0, 0, 0, sender, 8, 0]) + bytes([sender, number]) * 40
            for number in range(FRAMES)]


class OpenVSwitchSessions(PeerTestCase):
    def captures(self, switch):
        """One port connects to capture, which connects to the front-end; the other is the usual way round."""
        front_end = self.workspace.socket("front-end")
        connecting = vutrace.Capture(self.workspace, name="capture-connecting", front_end=front_end, datapath="tap")
        listening = vutrace.Capture(self.workspace, switch.add_listening_port("listening"), name="capture-listening",
                                    datapath="tap")
        return self.start(connecting), self.start(listening)

    def test_frames_cross_a_bridge_between_ports_of_both_directions(self):
        began = time.monotonic()
        switch = self.start(OpenVSwitch(self.workspace))
        connecting, listening = self.captures(switch)
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
        for capture, socket in ((connecting, connecting.back_end), (listening, listening.back_end)):
            self.assert_session(capture, dpdk_log.requests(switch.log, socket))
        print(f"{time.monotonic() - began:.1f} s", flush=True)

    def assert_session(self, capture, said):
        capture.finish()
        vutrace.require_healthy(self.workspace, capture.trace, name=f"check-{capture.name}")
        records = vutrace.decode(self.workspace, capture.trace, name=f"decode-{capture.name}")
        messages, details = dpdk_log.assert_equal(self, said, dpdk_log.decoded(ask.messages(records)))
        print(f"{capture.name}: {messages} messages with {details} details", flush=True)


if __name__ == "__main__":
    unittest.main()
