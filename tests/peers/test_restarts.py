"""Either side is killed under load and comes back, in every mode: the other one reconnects and goes on, as without capture."""

import time
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import qemu_messages
from harness.guest_scripts import sums
from harness.qemu_guest import QemuGuest, block_device
from harness.storage_daemon import StorageDaemon
from harness.testpmd import TestPmdBackEnd, TestPmdFrontEnd, write_frames
from harness.trace_frames import transmitted

MODES = ("off", "tap", "relay", "shadow")
MIB = 1 << 20

FRAMES_IN_FILE = 64
# Enough that both rings went around.
LOAD = 5000
COMPARED = 20_000

# virtio-user that listens stops its queues for each new back-end first, before it sets them up, and does not send
# SET_OWNER again. Of split rings it says that they begin at 0, wherever they stand.
LISTENING_FRONT_END = frozenset({"VU025", "VU054", "VU069"})

# Each processor has a queue, and one request in flight at a time: QEMU 7.2 starts a queue again at its used index, which
# is right for no more. The marker tells when there is load.
DISK_LOAD = """
dd if=/dev/urandom of=/tmp/data bs=4k count=64 2>/dev/null
for processor in 0 1; do
    (round=0
    while [ $round -lt ROUNDS ]; do
        round=$((round + 1))
        taskset $((1 << processor)) dd if=/tmp/data of=/dev/vda bs=4k seek=$((processor * 512)) oflag=direct 2>/dev/null
        echo "round $processor $round"
    done) &
done
wait
dd if=/dev/vda of=/tmp/first bs=4k count=64 iflag=direct 2>/dev/null
dd if=/dev/vda of=/tmp/second bs=4k skip=512 count=64 iflag=direct 2>/dev/null
cmp /tmp/first /tmp/second
echo "written $(sha256sum < /tmp/data | cut -d' ' -f1)"
echo "read $(sha256sum < /tmp/second | cut -d' ' -f1)"
"""
ENDLESS, ROUNDS = "1000000", "6"


def frames(sender):
    return [b"\xff" * 12 + b"\x08\x00" + bytes([sender, number]) * 23 for number in range(FRAMES_IN_FILE)]


class NetworkRestarts(PeerTestCase):
    def write(self, sender):
        return write_frames(self.workspace.file(f"{sender}.pcap"), frames(sender))

    def under_load(self, front_end, back_end):
        """Frames from both sides, that arrive."""
        for end in (back_end, front_end):
            end.forward()
        self.assert_passes(front_end, back_end)

    @staticmethod
    def assert_passes(front_end, back_end):
        for end in (back_end, front_end):
            end.wait_for_sent(1, end.sent_frames(1) + LOAD)

    def assert_frames(self, received, sender):
        """Only what was sent, and nothing in between."""
        self.assertEqual(set(received) - set(frames(sender)), set())

    def summary(self, name, capture, sessions, known=()):
        vutrace.require_healthy(self.workspace, capture.trace, f"check-{name}", known)
        found = vutrace.summary(self.workspace, capture.trace, name=f"info-{name}")["sessions"]
        self.assertEqual(len(found), sessions)
        return found

    def transmitted(self, name, capture, session):
        return transmitted(vutrace.decode(
            self.workspace, capture.trace, "--raw", "--count", str(COMPARED), "--filter",
            f"session == {session} and queue == 1 and state == available", name=f"decode-{name}-{session}"))

    def test_front_end_is_killed(self):
        for datapath, packed in (*((mode, False) for mode in MODES), ("relay", True), ("shadow", True)):
            with self.subTest(datapath=datapath, packed=packed):
                self.front_end_is_killed(datapath, packed)

    def front_end_is_killed(self, datapath, packed):
        began = time.monotonic()
        name = f"{datapath}-{'packed' if packed else 'split'}"
        back_end = self.start(TestPmdBackEnd(self.workspace, self.write(1), name=f"back-end-{name}", stream=True))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, name=f"capture-{name}",
                                             datapath=datapath, once=False))
        front_end = self.start(TestPmdFrontEnd(self.workspace, capture.front_end, self.write(2),
                                               name=f"front-end-{name}", packed=packed, stream=True))
        self.under_load(front_end, back_end)
        front_end.kill()
        back_end.wait_for(lambda: "vhost peer closed" in back_end.stderr, "the end of the session", 20)
        first = back_end.sent_frames(1)
        again = self.start(TestPmdFrontEnd(self.workspace, capture.front_end, self.write(2),
                                           name=f"again-{name}", packed=packed, stream=True))
        again.forward()
        self.assert_passes(again, back_end)
        again.command("stop")
        self.assert_frames(again.finish(), 1)
        capture.interrupt()
        received = back_end.finish()
        self.assert_frames(received, 2)
        sessions = self.summary(name, capture, 2)
        if datapath == "shadow":
            self.assert_all_recorded(name, capture, sessions, received, first)
        print(f"{name}: front-end killed after {first} frames, {len(received) - first} more from the next, "
              f"{time.monotonic() - began:.1f} s", flush=True)

    def assert_all_recorded(self, name, capture, sessions, received, first):
        """What the back-end had from each front-end is what the trace has, and no more is missing than was in flight when
        the first one died."""
        for session, frames_received in zip(sessions, (received[:first], received[first:])):
            queue = session["queues"][1]
            self.assertEqual(queue["chains_lost"], 0)
            self.assertLessEqual(queue["chains_used"], len(frames_received))
            self.assertLessEqual(len(frames_received), queue["chains_available"])
            recorded = self.transmitted(name, capture, session["session"])
            compared = min(len(frames_received), COMPARED)
            self.assertEqual(recorded[:compared], frames_received[:compared])

    def test_back_end_is_killed(self):
        for datapath, packed in (*((mode, False) for mode in MODES), ("relay", True), ("shadow", True)):
            with self.subTest(datapath=datapath, packed=packed):
                self.back_end_is_killed(datapath, packed)

    def back_end_is_killed(self, datapath, packed):
        """The front-end listens, and takes whoever connects."""
        began = time.monotonic()
        name = f"{datapath}-{'packed' if packed else 'split'}"
        front_end = self.start(TestPmdFrontEnd(self.workspace, self.workspace.socket(f"front-end-{name}"),
                                               self.write(2), name=f"front-end-{name}", packed=packed, listen=True,
                                               stream=True))
        capture = self.start(vutrace.Capture(self.workspace, name=f"capture-{name}", datapath=datapath, once=False,
                                             front_end=front_end.socket))
        back_end = self.start(TestPmdBackEnd(self.workspace, self.write(1), name=f"back-end-{name}",
                                             connect=capture.back_end, stream=True))
        front_end.wait_for_prompt()
        back_end.wait_for_queues(2)
        self.under_load(front_end, back_end)
        back_end.kill()
        again = self.start(TestPmdBackEnd(self.workspace, self.write(1), name=f"again-{name}",
                                          connect=capture.back_end, stream=True))
        again.wait_for_queues(2)
        again.forward()
        self.assert_passes(front_end, again)
        self.assert_frames(front_end.finish(), 1)
        capture.interrupt()
        received = again.finish()
        self.assert_frames(received, 2)
        sessions = self.summary(name, capture, 2, LISTENING_FRONT_END)
        if datapath == "shadow":
            queue = sessions[1]["queues"][1]
            self.assertEqual([queue[f"chains_{key}"] for key in ("used", "lost")], [len(received), 0])
        print(f"{name}: back-end killed, {len(received)} frames by the next, {time.monotonic() - began:.1f} s",
              flush=True)


class DiskRestarts(PeerTestCase):
    def test_back_end_then_front_end(self):
        for datapath in MODES:
            with self.subTest(datapath=datapath):
                self.back_end_then_front_end(datapath)

    def guest(self, name, capture, rounds):
        return self.start(QemuGuest(self.workspace, block_device(capture.front_end, reconnect=True),
                                    DISK_LOAD.replace("ROUNDS", rounds), name=name, processors=2))

    def back_end_then_front_end(self, datapath):
        """The first guest loses its back-end, and then its life; the second one finds a disk that works."""
        began = time.monotonic()
        image = self.workspace.image(f"{datapath}.img", 8 * MIB)
        daemon = self.start(StorageDaemon(self.workspace, image, name=f"daemon-{datapath}"))
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, name=f"capture-{datapath}",
                                             datapath=datapath, once=False))
        first = self.guest(f"first-{datapath}", capture, ENDLESS)
        for processor in (0, 1):
            first.wait_for_output(f"round {processor} 2\n")
        daemon.kill()
        self.start(StorageDaemon(self.workspace, image, name=f"again-{datapath}", socket=daemon.socket))
        first.wait_for(lambda: qemu_messages(first.trace).count(("front-end", 3, 1)) == 2, "a second SET_OWNER", 30)
        for processor in (0, 1):
            done = first.output().count(f"round {processor} ")
            first.wait_for_output(f"round {processor} {done + 2}\n")
        first.kill()
        written, read = sums(self.guest(f"second-{datapath}", capture, ROUNDS).wait_for_end())
        self.assertEqual(written, read)
        capture.interrupt()
        vutrace.require_healthy(self.workspace, capture.trace, name=f"check-{datapath}")
        sessions = vutrace.summary(self.workspace, capture.trace, name=f"info-{datapath}")["sessions"]
        self.assertEqual(len(sessions), 3)
        if datapath == "shadow":
            records = vutrace.decode(self.workspace, capture.trace, "--filter", "record != memory",
                                     name=f"decode-{datapath}")
            self.assertEqual(ask.of_type(records, "gap"), [])
            self.assertEqual(set(ask.content_counts(records)), {"verified"})
        print(f"{datapath}: {[sum(queue.get('chains_used', 0) for queue in one['queues']) for one in sessions]} "
              f"requests by session, {time.monotonic() - began:.1f} s", flush=True)


if __name__ == "__main__":
    unittest.main()
