"""Network devices of several queue pairs, and sockets the other way round: the back-end connects, the front-end listens."""

import time
import unittest
from pathlib import Path

from harness import dpdk_log
from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.testpmd import TestPmdBackEnd, TestPmdFrontEnd, write_frames

FRAMES = 64
MILLION = 1_000_000
HEADER = 12  # of virtio-net, before each frame


def frames(fill, queue):
    """Ethernet frames that name their queue and their place in it."""
    return [b"\xff" * 12 + b"\x08\x00" + bytes([fill, queue, number]) * 40 for number in range(FRAMES)]


class CaptureNetwork(PeerTestCase):
    def write(self, name, fill, queues):
        return [write_frames(self.workspace.file(f"{name}-{fill}-{queue}.pcap"), frames(fill, queue))
                for queue in range(queues)]

    def connected(self, name, queues, datapath, packed=False, options=()):
        """The front-end connects to capture, which connects to the back-end. `options`: of capture."""
        back_end = self.start(TestPmdBackEnd(self.workspace, self.write(name, 1, queues), name=f"back-end-{name}",
                                             queues=queues))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, *options, name=f"capture-{name}",
                                             datapath=datapath))
        front_end = self.start(TestPmdFrontEnd(self.workspace, capture.front_end, self.write(name, 2, queues),
                                               name=f"front-end-{name}", queues=queues, packed=packed))
        return front_end, capture, back_end

    def listening(self, name, queues, datapath, packed=False):
        """The front-end listens for capture, which listens for the back-end."""
        front_end = self.start(TestPmdFrontEnd(self.workspace, self.workspace.socket(f"front-end-{name}"),
                                               self.write(name, 2, queues), name=f"front-end-{name}", queues=queues,
                                               packed=packed, listen=True))
        capture = self.start(vutrace.Capture(self.workspace, name=f"capture-{name}", datapath=datapath,
                                             front_end=front_end.socket))
        back_end = self.start(TestPmdBackEnd(self.workspace, self.write(name, 1, queues), name=f"back-end-{name}",
                                             queues=queues, connect=capture.back_end))
        front_end.wait_for_prompt()
        return front_end, capture, back_end

    def session(self, name, ends, queues):
        began = time.monotonic()
        front_end, capture, back_end = ends
        back_end.wait_for_queues(2 * queues)
        front_end.forward()
        back_end.forward()
        back_end.wait_for_sent(1, FRAMES * queues)
        front_end.wait_for_sent(1, FRAMES * queues)
        # The polled queues keep their frames apart, so that each file holds those of its queue, in order.
        self.assertEqual(front_end.finish_all(), [frames(1, queue) for queue in range(queues)])
        capture.finish()
        self.assertEqual(back_end.finish_all(), [frames(2, queue) for queue in range(queues)])
        vutrace.require_healthy(self.workspace, capture.trace, name=f"check-{name}")
        records = vutrace.decode(self.workspace, capture.trace, "--raw", name=f"decode-{name}")
        compared = dpdk_log.assert_equal(self, dpdk_log.requests(back_end.stderr, back_end.socket),
                                         dpdk_log.decoded(ask.messages(records)),
                                         more_regions=int(capture.datapath == "shadow"))
        print(f"{name}: {2 * queues * FRAMES} frames, {compared[0]} messages with {compared[1]} details, "
              f"{time.monotonic() - began:.1f} s", flush=True)
        return records

    def assert_each_queue_was_switched_on(self, records, queues):
        enabled = {message["queue"] for message in ask.messages(records)
                   if message["request"] == "SET_VRING_ENABLE" and message["payload"]["num"] == 1}
        self.assertEqual(enabled, set(range(2 * queues)))

    def assert_recorded(self, records, queues):
        """Every frame, in order, and each proven; queue 2n is received by the front-end, 2n+1 sent by it."""
        self.assertEqual(ask.of_type(records, "gap"), [])
        self.assertEqual(set(ask.content_counts(records)), {"verified"})
        seen = {}
        for record in ask.of_type(records, "chain"):
            if record["state"] == ("available" if record["queue"] % 2 else "used"):
                seen.setdefault(record["queue"], []).append(ask.data_of(record)[HEADER:])
        self.assertEqual(seen, {2 * pair + sent: frames(1 + sent, pair) for pair in range(queues) for sent in (0, 1)})

    def test_shadow_records_every_frame_in_order(self):
        for queues, packed in ((1, False), (4, False), (1, True), (4, True)):
            with self.subTest(queues=queues, packed=packed):
                name = f"shadow-{queues}-{'packed' if packed else 'split'}"
                records = self.session(name, self.connected(name, queues, "shadow", packed), queues)
                self.assert_recorded(records, queues)
                moved = [note["queue"] for note in ask.of_type(records, "note")
                         if "SET_VRING_ADDR went to the back-end" in note["text"]]
                self.assertEqual(set(moved), set(range(2 * queues)))

    def test_shadow_loses_none_of_a_million_frames(self):
        for packed in (False, True):
            with self.subTest(packed=packed):
                self.stream(f"million-{'packed' if packed else 'split'}", packed)

    def stream(self, name, packed):
        """As fast as three threads that poll can on two processors; each side's own counters agree with the trace. (What
        testpmd finds no room for it does not send: not every frame of its file comes each time.)"""
        began = time.monotonic()
        back_end = self.start(TestPmdBackEnd(self.workspace, self.write(name, 1, 1), name=f"back-end-{name}"))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, name=f"capture-{name}",
                                             datapath="shadow"))
        front_end = self.start(TestPmdFrontEnd(self.workspace, capture.front_end, self.write(name, 2, 1),
                                               name=f"front-end-{name}", packed=packed, stream=True))
        back_end.wait_for_queues(2)
        back_end.forward()
        front_end.forward()
        back_end.wait_for_sent(1, MILLION, 120)
        front_end.command("stop")
        sent = front_end.sent_frames(0)
        back_end.wait_for_sent(1, sent)
        front_end.finish()
        capture.finish()
        received = back_end.finish()
        self.assertEqual(len(received), sent)
        queue = vutrace.summary(self.workspace, capture.trace)["sessions"][0]["queues"][1]
        self.assertEqual([queue[f"chains_{key}"] for key in ("available", "used", "lost")], [sent, sent, 0])
        self.assertEqual(queue["content"]["verified"], 2 * sent)
        recorded = vutrace.decode(self.workspace, capture.trace, "--raw", "--count", "100000", "--filter",
                                  "queue == 1 and state == available", name=f"decode-{name}")
        self.assertEqual(len(recorded), 100_000)
        self.assertTrue(all(ask.data_of(chain)[HEADER:] == frame for chain, frame in zip(recorded, received)))
        print(f"{name}: {sent} frames, {time.monotonic() - began:.1f} s", flush=True)

    def test_shadow_where_the_back_end_connects(self):
        for packed in (False, True):
            with self.subTest(packed=packed):
                name = f"shadow-listening-{'packed' if packed else 'split'}"
                self.assert_recorded(self.session(name, self.listening(name, 1, "shadow", packed), 1), 1)

    def test_four_queue_pairs(self):
        records = self.session("four", self.connected("four", 4, "tap"), 4)
        self.assert_each_queue_was_switched_on(records, 4)

    def test_four_queue_pairs_on_four_threads(self):
        """What a queue brings is told by one thread, in order, and none of it is forgotten."""
        ends = self.connected("threads", 4, "tap", options=("--threads=4", "--priority=normal", "--budget=100"))
        capture = ends[1]
        threads = len(list(Path(f"/proc/{capture.pid}/task").iterdir()))
        self.assertGreaterEqual(threads, 4 + 3, "beside those of the process, the session and the recorder")
        records = self.session("threads", ends, 4)
        self.assert_each_queue_was_switched_on(records, 4)
        for queue in vutrace.summary(self.workspace, capture.trace)["sessions"][0]["queues"]:
            offers = [chain["index"] for chain in ask.of_type(records, "chain")
                      if chain["queue"] == queue["queue"] and chain["state"] == "available"]
            self.assertEqual(offers, sorted(offers))
            if queue["queue"] % 2 == 1 and not queue["chains_lost_at_least"]:
                self.assertEqual(queue["chains_available"] + queue["chains_lost"], FRAMES)

    def test_the_back_end_connects_to_us_and_we_to_the_front_end(self):
        for queues, datapath, packed in ((1, "tap", False), (1, "tap", True), (4, "relay", False), (1, "relay", True)):
            with self.subTest(queues=queues, datapath=datapath, packed=packed):
                name = f"listening-{queues}-{datapath}-{'packed' if packed else 'split'}"
                records = self.session(name, self.listening(name, queues, datapath, packed), queues)
                self.assert_each_queue_was_switched_on(records, queues)
                opened = ask.of_type(records, "session")[0]
                self.assertIn("connect:", str(opened))


if __name__ == "__main__":
    unittest.main()
