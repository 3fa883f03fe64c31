"""A guest moves from one QEMU to another, each with a back-end of its own; one capture sees both ends of it."""

import time
import unittest

from harness import dpdk_log
from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import decoded_messages, qemu_messages
from harness.guest_scripts import sums
from harness.qemu_guest import QemuGuest, block_device, network_device
from harness.storage_daemon import StorageDaemon
from harness.testpmd import TestPmdBackEnd, write_frames

NETWORK_WORK = """
ip link set eth0 up
echo "up"
read answer < /dev/ttyS1
echo "received $(cat /sys/class/net/eth0/statistics/rx_packets)"
"""
# Reads all the time, which dirties memory, then writes and reads back.
BLOCK_WORK = """
while true; do dd if=/dev/vda of=/dev/null bs=64k iflag=direct 2>/dev/null; done &
echo "waiting"
read answer < /dev/ttyS1
kill $!
dd if=/dev/urandom of=/tmp/data bs=64k count=4 2>/dev/null
dd if=/tmp/data of=/dev/vda bs=4k oflag=direct 2>/dev/null
dd if=/dev/vda of=/tmp/back bs=4k count=64 iflag=direct 2>/dev/null
echo "written $(sha256sum < /tmp/data | cut -d' ' -f1)"
echo "read $(sha256sum < /tmp/back | cut -d' ' -f1)"
"""
LOG_ALL = 1 << 26
SEND_RARP = ("front-end", 19, 1)
GUEST_BYTES, PAGE = 128 << 20, 4096
MOVE_SECONDS = 60


def frames():
    return [b"\xff" * 6 + bytes([2, 0, 0, 0, 0, 1, 8, 0]) + bytes([number]) * 80 for number in range(64)]


def of_session(records, session):
    return [message for message in ask.messages(records) if message["session"] == session]


def pages_of(dirty):
    """The marked pages by number, of as many ranges as are listed."""
    return {int(one["address"], 16) // PAGE + page for one in dirty["ranges"] for page in range(one["pages"])}


class Migration(PeerTestCase):
    """Both guests connect to one capture, which connects to a link that moves on to the back-end of the second."""

    def setUp(self):
        self.link, self.way = self.workspace.socket("back-end"), self.workspace.socket("way")

    def start_capture(self, datapath):
        self.capture = self.start(vutrace.Capture(self.workspace, self.link, once=False, datapath=datapath))

    def guest(self, name, back_end, devices, script):
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(back_end.socket)
        more = ["-incoming", f"unix:{self.way}"] if name == "target" else []
        guest = self.start(QemuGuest(self.workspace, devices, script, name=name, more=more))
        guest.wait_for(lambda: qemu_messages(guest.trace), "its first messages", 30)
        return guest

    def network_end(self, name):
        frames_in = write_frames(self.workspace.file(f"{name}.pcap"), frames())
        back_end = self.start(TestPmdBackEnd(self.workspace, frames_in, name=f"back-end-{name}", stream=True))
        # A guest that announces itself is not announced by the back-end.
        devices = network_device(self.capture.front_end, more=",guest_announce=off")
        return self.guest(name, back_end, devices, NETWORK_WORK), back_end

    def block_end(self, name, image):
        back_end = self.start(StorageDaemon(self.workspace, image, name=f"back-end-{name}", shared=True))
        return self.guest(name, back_end, block_device(self.capture.front_end), BLOCK_WORK)

    def move(self, source):
        """Until it is over; then the source is of no more use."""
        source.qmp().command("migrate", uri=f"unix:{self.way}")

        def over():
            state = source.qmp().command("query-migrate")["status"]
            self.assertNotIn(state, ("failed", "cancelled"))
            return state == "completed"
        source.wait_for(over, "the migration to end", MOVE_SECONDS)

    def finish(self, source, known=()):
        source.qmp().command("quit")
        source.wait(20)
        self.capture.interrupt()
        vutrace.require_healthy(self.workspace, self.capture.trace, known=known)
        sessions = vutrace.summary(self.workspace, self.capture.trace)["sessions"]
        continued = sessions[1]["continues"]
        self.assertEqual((len(sessions), continued["kind"], continued["session"]), (2, "migration", 1))
        return vutrace.decode(self.workspace, self.capture.trace, "--filter", "record != chain")

    def test_network_device_moves(self):
        self.network_device_moves("relay")

    def test_network_device_moves_on_shadow_rings(self):
        self.network_device_moves("shadow")

    def network_device_moves(self, datapath):
        self.start_capture(datapath)
        began = time.monotonic()
        source, first = self.network_end("source")
        target, second = self.network_end("target")
        source.wait_for_output("up")
        first.forward()
        self.move(source)
        second.forward()
        target.wait_for(lambda: SEND_RARP in qemu_messages(target.trace), "the announcement", 30)
        target.say("go on")
        received = int(target.wait_for_end().split()[1])
        self.assertGreater(received, 0)
        records = self.finish(source)
        compared = []
        for session, (guest, back_end) in enumerate(((source, first), (target, second)), 1):
            self.assert_messages(records, session, guest)
            compared.append(dpdk_log.assert_equal(self, dpdk_log.requests(back_end.stderr),
                                                  dpdk_log.decoded(of_session(records, session)),
                                                  more_regions=int(datapath == "shadow")))
        pages = self.assert_logging(records)
        self.assert_target_goes_on(records)
        announced = [message["payload"] for message in of_session(records, 2) if message["request"] == "SEND_RARP"]
        self.assertEqual(list(announced[0].values()), ["52:54:00:12:34:56"])
        print(f"{received} frames received by the guest, (messages, details) {compared}, at most {pages} dirty pages, "
              f"{time.monotonic() - began:.1f} s", flush=True)

    def test_disk_moves(self):
        self.disk_moves("relay")

    def test_disk_moves_on_shadow_rings(self):
        """Its driver's used ring is marked in the dirty log by vutrace: the guest goes on with all completions."""
        self.disk_moves("shadow")

    def disk_moves(self, datapath):
        self.start_capture(datapath)
        began = time.monotonic()
        image = self.workspace.image("disk.img", 8 << 20)
        source, target = (self.block_end(name, image) for name in ("source", "target"))
        source.wait_for_output("waiting")
        self.move(source)
        target.say("go on")
        written, read = sums(target.wait_for_end())
        self.assertEqual(written, read)
        # qemu-storage-daemon 7.2 answers GET_VRING_BASE at once, now and then with the last request still at its disk.
        records = self.finish(source, known=("VU056", "VU094"))
        compared = [self.assert_messages(records, session, guest) for session, guest in enumerate((source, target), 1)]
        pages = self.assert_logging(records)
        self.assert_target_goes_on(records)
        self.assertEqual(ask.of_type(records, "gap"), [])
        print(f"{compared} messages, at most {pages} dirty pages, {time.monotonic() - began:.1f} s", flush=True)

    def assert_messages(self, records, session, guest):
        decoded = decoded_messages(of_session(records, session))
        self.assertEqual(decoded, qemu_messages(guest.trace))
        return len(decoded)

    def assert_logging(self, records):
        """Of the source, switched on while it runs; returns how many pages the log had at most."""
        messages = of_session(records, 1)
        base = next(message for message in messages if message["request"] == "SET_LOG_BASE" and not message["reply"])
        self.assertEqual((base["payload"]["mmap_size"], [descriptor["kind"] for descriptor in base["fds"]]),
                         (GUEST_BYTES // PAGE // 8, ["memfd"]))
        features = [(message["seq"], int(message["payload"]["features"], 16)) for message in messages
                    if message["request"] == "SET_FEATURES" and not message["reply"]]
        self.assertEqual([value for _, value in features if value & LOG_ALL], [features[-2][1] | LOG_ALL])
        switched = features[-1][0]
        after = [message for message in messages if message["seq"] > switched]
        logged = [message["queue"] for message in after
                  if message["request"] == "SET_VRING_ADDR" and not message["reply"]
                  and message["payload"]["flags"] == 1]
        self.assertEqual(logged, [message["queue"] for message in after
                                  if message["request"] == "GET_VRING_BASE" and message["reply"]])
        self.assertTrue(logged)
        logs = [record for record in ask.of_type(records, "memory") if record["part"] == "log"]
        self.assertEqual({record["session"] for record in logs}, {1})
        self.assertEqual(logs[0]["dirty"]["pages"], 0)
        self.assertGreater(len(logs), 1)
        used_ring = next(int(message["payload"]["log"], 16) // PAGE for message in after
                         if message["request"] == "SET_VRING_ADDR" and message["queue"] == 0)
        fullest = max(logs, key=lambda record: record["dirty"]["pages"])
        self.assertIn(used_ring, pages_of(fullest["dirty"]))
        return fullest["dirty"]["pages"]

    def assert_target_goes_on(self, records):
        """Each queue where it stopped."""
        stopped = {message["queue"]: message["payload"]["num"] for message in of_session(records, 1)
                   if message["request"] == "GET_VRING_BASE" and message["reply"]}
        started = {message["queue"]: message["payload"]["num"] for message in of_session(records, 2)
                   if message["request"] == "SET_VRING_BASE"}
        self.assertEqual(started, stopped)
        self.assertGreater(stopped[0], 0)


if __name__ == "__main__":
    unittest.main()
