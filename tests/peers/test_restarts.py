"""Either side is killed under load and comes back, in every mode: the other one reconnects and goes on, as without capture."""

import re
import time
import unittest
from dataclasses import dataclass

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import qemu_messages
from harness.qemu_guest import QemuGuest, block_device
from harness.storage_daemon import StorageDaemon
from harness.testpmd import TestPmd, vhost, virtio_user, write_frames
from harness.trace_frames import transmitted

MODES = ("off", "tap", "relay", "shadow")
MIB = 1 << 20


@dataclass(frozen=True)
class Case:
    datapath: str
    packed: bool

    @property
    def name(self):
        return f"{self.datapath}-{'packed' if self.packed else 'split'}"


CASES = [Case(datapath, packed) for packed in (False, True) for datapath in MODES]
# Of testpmd with a device for each case.
PCAP_PORTS = range(1, 2 * len(CASES), 2)

FRAMES_IN_FILE = 64
# Enough that both rings went around.
LOAD = 5000
COMPARED = 20_000

# virtio-user that listens stops its queues for each new back-end first, before it sets them up, and does not send
# SET_OWNER again. Of split rings it says that they begin at 0, wherever they stand.
LISTENING_FRONT_END = frozenset({"VU025", "VU054", "VU069"})

# Each processor has a queue of each disk, and one request in flight at a time: QEMU 7.2 starts a queue again at its used
# index, which is right for no more. The marker tells when there is load.
DISKS = "abcd"  # one for each mode
DISK_LOAD = f"""
dd if=/dev/urandom of=/tmp/data bs=4k count=64 2>/dev/null
for disk in {' '.join(DISKS)}; do
    for processor in 0 1; do
        (round=0
        while [ $round -lt ROUNDS ]; do
            round=$((round + 1))
            taskset $((1 << processor)) dd if=/tmp/data of=/dev/vd$disk bs=4k seek=$((processor * 512)) oflag=direct 2>/dev/null
            echo "round $disk$processor $round"
        done) &
    done
done
wait
echo "written $(sha256sum < /tmp/data | cut -d' ' -f1)"
for disk in {' '.join(DISKS)}; do
    for part in 0 512; do
        echo "read $(dd if=/dev/vd$disk bs=4k skip=$part count=64 iflag=direct 2>/dev/null | sha256sum | cut -d' ' -f1)"
    done
done
"""
ENDLESS, ROUNDS = "1000000", "3"


def frames(sender):
    return [b"\xff" * 12 + b"\x08\x00" + bytes([sender, number]) * 23 for number in range(FRAMES_IN_FILE)]


class NetworkRestarts(PeerTestCase):
    """One pair of testpmd has a device for each mode and layout, with a capture of its own: one kill hits all of them."""

    def write(self, sender):
        return [write_frames(self.workspace.file(f"{sender}.pcap"), frames(sender))] * len(CASES)

    def start_testpmd(self, name, devices, sender, core, **more):
        return self.start(TestPmd(self.workspace, name, devices, self.write(sender), f"0@{core},1@{core}", stream=True, **more))

    def start_captures(self, **ends):
        """A capture for each case; `ends`: a list of sockets for each end that is there."""
        return [self.start(vutrace.Capture(self.workspace, name=f"capture-{case.name}", datapath=case.datapath, once=False,
                                           **{end: sockets[number] for end, sockets in ends.items()}))
                for number, case in enumerate(CASES)]

    def under_load(self, *stations):
        """Frames from both sides, that arrive."""
        for station in stations:
            station.forward()
        self.assert_passes(*stations)

    @staticmethod
    def assert_passes(*stations):
        before = [(station, port, station.sent_frames(port)) for station in stations for port in PCAP_PORTS]
        for station, port, count in before:
            station.wait_for_sent(port, count + LOAD)

    def assert_frames(self, received, sender):
        """Only what was sent, and nothing in between."""
        for case, some in zip(CASES, received):
            self.assertEqual(set(some) - set(frames(sender)), set(), case.name)

    def summary(self, case, capture, known=()):
        vutrace.require_healthy(self.workspace, capture.trace, f"check-{case.name}", known)
        found = vutrace.summary(self.workspace, capture.trace, name=f"info-{case.name}")["sessions"]
        self.assertEqual(len(found), 2)
        return found

    def transmitted(self, case, capture, session):
        return transmitted(vutrace.decode(
            self.workspace, capture.trace, "--raw", "--count", str(COMPARED), "--filter",
            f"session == {session} and queue == 1 and state == available", name=f"decode-{case.name}-{session}"))

    def test_front_end_is_killed(self):
        began = time.monotonic()
        sockets = [self.workspace.socket(case.name) for case in CASES]
        back_end = self.start_testpmd("back-end", [vhost(*device) for device in enumerate(sockets)], 1, 0)
        captures = self.start_captures(back_end=sockets)
        devices = [virtio_user(number, capture.front_end, case.packed)
                   for number, (case, capture) in enumerate(zip(CASES, captures))]
        front_end = self.start_testpmd("front-end", devices, 2, 1)
        self.under_load(front_end, back_end)
        front_end.kill()
        back_end.wait_for(lambda: back_end.stderr.count("vhost peer closed") == len(CASES), "the end of the sessions", 20)
        first = [back_end.sent_frames(port) for port in PCAP_PORTS]
        again = self.start_testpmd("again", devices, 2, 1)
        again.forward()
        self.assert_passes(again, back_end)
        again.command("stop")
        self.assert_frames(again.finish_all(), 1)
        for capture in captures:
            capture.interrupt()
        received = back_end.finish_all()
        self.assert_frames(received, 2)
        for case, capture, some, count in zip(CASES, captures, received, first):
            with self.subTest(case.name):
                sessions = self.summary(case, capture)
                if case.datapath == "shadow":
                    self.assert_all_recorded(case, capture, sessions, some, count)
                print(f"{case.name}: front-end killed after {count} frames, {len(some) - count} more from the next",
                      flush=True)
        print(f"{time.monotonic() - began:.1f} s", flush=True)

    def assert_all_recorded(self, case, capture, sessions, received, first):
        """What the back-end had from each front-end is what the trace has, and no more is missing than was in flight when
        the first one died."""
        for session, frames_received in zip(sessions, (received[:first], received[first:])):
            queue = session["queues"][1]
            self.assertEqual(queue["chains_lost"], 0)
            self.assertLessEqual(queue["chains_used"], len(frames_received))
            self.assertLessEqual(len(frames_received), queue["chains_available"])
            recorded = self.transmitted(case, capture, session["session"])
            compared = min(len(frames_received), COMPARED)
            self.assertEqual(recorded[:compared], frames_received[:compared])

    def test_back_end_is_killed(self):
        """The front-end listens, and takes whoever connects."""
        began = time.monotonic()
        sockets = [self.workspace.socket(case.name) for case in CASES]
        front_end = self.start_testpmd("front-end", [
            virtio_user(number, socket, case.packed, listen=True)
            for number, (case, socket) in enumerate(zip(CASES, sockets))], 2, 1, wait=False)
        captures = self.start_captures(front_end=sockets)
        devices = [vhost(number, capture.back_end, connect=True) for number, capture in enumerate(captures)]
        back_end = self.start_testpmd("back-end", devices, 1, 0)
        front_end.wait_for_prompt()
        back_end.wait_for_devices(len(CASES))
        self.under_load(front_end, back_end)
        back_end.kill()
        again = self.start_testpmd("again", devices, 1, 0)
        again.wait_for_devices(len(CASES))
        again.forward()
        self.assert_passes(front_end, again)
        self.assert_frames(front_end.finish_all(), 1)
        for capture in captures:
            capture.interrupt()
        received = again.finish_all()
        self.assert_frames(received, 2)
        for case, capture, some in zip(CASES, captures, received):
            with self.subTest(case.name):
                sessions = self.summary(case, capture, LISTENING_FRONT_END)
                if case.datapath == "shadow":
                    queue = sessions[1]["queues"][1]
                    self.assertEqual([queue[f"chains_{key}"] for key in ("used", "lost")], [len(some), 0])
                print(f"{case.name}: back-end killed, {len(some)} frames by the next", flush=True)
        print(f"{time.monotonic() - began:.1f} s", flush=True)


class DiskRestarts(PeerTestCase):
    """One guest has a disk for each mode, each with a capture and a daemon of its own."""

    def guest(self, name, captures, rounds):
        disks = [block_device(capture.front_end, name=f"disk-{disk}", reconnect=True)
                 for disk, capture in zip(DISKS, captures)]
        return self.start(QemuGuest(self.workspace, sum(disks, []), DISK_LOAD.replace("ROUNDS", rounds), name=name,
                                    processors=2))

    @staticmethod
    def wait_for_rounds(guest, more):
        """On each disk, by each processor."""
        markers = [f"round {disk}{processor} " for disk in DISKS for processor in (0, 1)]
        for marker, done in [(marker, guest.output().count(marker)) for marker in markers]:
            guest.wait_for_output(f"{marker}{done + more}\n")

    def test_back_end_then_front_end(self):
        """The first guest loses its back-ends, and then its life; the second one finds disks that work."""
        began = time.monotonic()
        images = [self.workspace.image(f"{datapath}.img", 8 * MIB) for datapath in MODES]
        daemons = [self.start(StorageDaemon(self.workspace, image, name=f"daemon-{datapath}"))
                   for datapath, image in zip(MODES, images)]
        captures = [self.start(vutrace.Capture(self.workspace, daemon.socket, name=f"capture-{datapath}",
                                               datapath=datapath, once=False))
                    for datapath, daemon in zip(MODES, daemons)]
        first = self.guest("first", captures, ENDLESS)
        self.wait_for_rounds(first, 2)
        for daemon in daemons:
            daemon.kill()
        for datapath, image, daemon in zip(MODES, images, daemons):
            self.start(StorageDaemon(self.workspace, image, name=f"again-{datapath}", socket=daemon.socket))
        first.wait_for(lambda: qemu_messages(first.trace).count(("front-end", 3, 1)) == 2 * len(MODES),
                       "a second SET_OWNER to each", 30)
        self.wait_for_rounds(first, 2)
        first.kill()
        said = self.guest("second", captures, ROUNDS).wait_for_end()
        written = re.findall(r"^written (\w+)", said, re.MULTILINE)
        self.assertEqual(len(written), 1)
        self.assertEqual(re.findall(r"^read (\w+)", said, re.MULTILINE), 2 * len(MODES) * written)
        for datapath, capture in zip(MODES, captures):
            with self.subTest(datapath):
                capture.interrupt()
                self.look_at(datapath, capture)
        print(f"{time.monotonic() - began:.1f} s", flush=True)

    def look_at(self, datapath, capture):
        vutrace.require_healthy(self.workspace, capture.trace, name=f"check-{datapath}")
        sessions = vutrace.summary(self.workspace, capture.trace, name=f"info-{datapath}")["sessions"]
        self.assertEqual(len(sessions), 3)
        if datapath == "shadow":
            records = vutrace.decode(self.workspace, capture.trace, "--filter", "record != memory",
                                     name=f"decode-{datapath}")
            self.assertEqual(ask.of_type(records, "gap"), [])
            self.assertEqual(set(ask.content_counts(records)), {"verified"})
        print(f"{datapath}: {[sum(queue.get('chains_used', 0) for queue in one['queues']) for one in sessions]} "
              "requests by session", flush=True)


if __name__ == "__main__":
    unittest.main()
