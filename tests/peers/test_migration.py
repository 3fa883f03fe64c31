"""A guest moves from one QEMU to another, each with a back-end of its own; one capture sees both ends of it."""

import time
import unittest

from harness import dpdk_log
from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import decoded_messages, qemu_messages
from harness.qemu_guest import QemuGuest, network_device
from harness.testpmd import TestPmdBackEnd, write_frames

NETWORK_WORK = """
ip link set eth0 up
echo "up"
read answer < /dev/ttyS1
echo "received $(cat /sys/class/net/eth0/statistics/rx_packets)"
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
    def network_end(self, capture, link, name, more=()):
        """A QEMU whose back-end is one of its own: capture connects to a link that moves on."""
        back_end = self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file(f"{name}.pcap"), frames()),
                                             name=f"back-end-{name}", stream=True))
        link.unlink(missing_ok=True)
        link.symlink_to(back_end.socket)
        guest = self.start(QemuGuest(self.workspace, network_device(capture.front_end, more=",guest_announce=off"),
                                     NETWORK_WORK, name=name, more=more))
        guest.wait_for(lambda: qemu_messages(guest.trace), "its first messages", 30)
        return guest, back_end

    def move(self, source, way):
        """Until the source says that it is over."""
        source.qmp().command("migrate", uri=f"unix:{way}")

        def state():
            found = source.qmp().command("query-migrate")["status"]
            self.assertNotIn(found, ("failed", "cancelled"))
            return found == "completed"
        source.wait_for(state, "the migration to end", MOVE_SECONDS)

    def test_network_device_moves(self):
        began = time.monotonic()
        link, way = self.workspace.socket("back-end"), self.workspace.socket("way")
        capture = self.start(vutrace.Capture(self.workspace, link, once=False))
        source, first = self.network_end(capture, link, "source")
        target, second = self.network_end(capture, link, "target", more=["-incoming", f"unix:{way}"])
        source.wait_for_output("up")
        first.forward()
        self.move(source, way)
        second.forward()
        source.qmp().command("quit")
        source.wait(20)
        target.wait_for(lambda: SEND_RARP in qemu_messages(target.trace), "the announcement", 30)
        target.say("go on")
        received = int(target.wait_for_end().split()[1])
        self.assertGreater(received, 0)
        capture.interrupt()
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace)
        compared = [self.assert_messages(records, session, guest, back_end)
                    for session, (guest, back_end) in enumerate(((source, first), (target, second)), 1)]
        pages = self.assert_logging(records)
        self.assert_target_goes_on(records)
        sessions = vutrace.summary(self.workspace, capture.trace)["sessions"]
        self.assertEqual((sessions[1]["continues"]["kind"], sessions[1]["continues"]["session"]), ("migration", 1))
        print(f"{received} frames received by the guest, (messages, details) {compared}, at most {pages} dirty pages, "
              f"{time.monotonic() - began:.1f} s", flush=True)

    def assert_messages(self, records, session, guest, back_end):
        messages = of_session(records, session)
        self.assertEqual(decoded_messages(messages), qemu_messages(guest.trace))
        return dpdk_log.assert_equal(self, dpdk_log.requests(back_end.stderr), dpdk_log.decoded(messages))

    def assert_logging(self, records):
        """Of the source, switched on while it runs; returns how many pages the log had at most."""
        messages = of_session(records, 1)
        base = next(message for message in messages if message["request"] == "SET_LOG_BASE" and not message["reply"])
        self.assertEqual((base["payload"]["mmap_size"], [descriptor["kind"] for descriptor in base["fds"]]),
                         (GUEST_BYTES // PAGE // 8, ["memfd"]))
        features = [(message["seq"], int(message["payload"]["features"], 16)) for message in messages
                    if message["request"] == "SET_FEATURES" and not message["reply"]]
        self.assertEqual([value & LOG_ALL for _, value in features], [0, LOG_ALL])
        self.assertEqual(features[0][1] | LOG_ALL, features[1][1])
        logged = [message["queue"] for message in messages
                  if message["request"] == "SET_VRING_ADDR" and not message["reply"]
                  and message["seq"] > features[1][0] and message["payload"]["flags"] == 1]
        self.assertEqual(logged, [0, 1])
        logs = [record for record in ask.of_type(records, "memory") if record["part"] == "log"]
        self.assertEqual({record["session"] for record in logs}, {1})
        self.assertEqual(logs[0]["dirty"]["pages"], 0)
        self.assertGreater(len(logs), 1)
        used_ring = next(int(message["payload"]["log"], 16) // PAGE for message in messages
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
        station = [message["payload"] for message in of_session(records, 2) if message["request"] == "SEND_RARP"]
        self.assertEqual(list(station[0].values()), ["52:54:00:12:34:56"])


if __name__ == "__main__":
    unittest.main()
