"""Sessions that begin, break and begin again: firmware, reset, a back-end that dies, many in a row, two at once."""

import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import decoded_messages, qemu_messages
from harness.guest_scripts import sums
from harness.qemu_guest import QemuGuest, SeaBiosGuest, block_device
from harness.storage_daemon import StorageDaemon

MIB = 1 << 20
BOOT_FAILED = "not a bootable disk"

# Prints a line, waits for an answer from outside, then writes and reads back a little.
WAIT_THEN_WORK = """
dd if=/dev/urandom of=/tmp/data bs=64k count=4 2>/dev/null
dd if=/tmp/data of=/dev/vda bs=4k oflag=direct 2>/dev/null
echo waiting
read answer < /dev/ttyS1
dd if=/tmp/data of=/dev/vda bs=4k seek=64 oflag=direct 2>/dev/null
dd if=/dev/vda of=/tmp/back bs=4k skip=64 count=64 iflag=direct 2>/dev/null
echo "written $(sha256sum < /tmp/data | cut -d' ' -f1)"
echo "read $(sha256sum < /tmp/back | cut -d' ' -f1)"
"""


class CaptureSessions(PeerTestCase):
    def storage_daemon(self, name="storage-daemon"):
        image = self.workspace.image(f"{name}.img", 8 * MIB)
        return self.start(StorageDaemon(self.workspace, image, name=name))

    def assert_data_came_through(self, output):
        written, read = sums(output)
        self.assertEqual(written, read)

    def assert_chains_balance(self, records):
        self.assertEqual(ask.of_type(records, "gap"), [])
        self.assertEqual(ask.never_used(records), [])

    def test_firmware_alone(self):
        self.firmware_alone("relay")

    def test_firmware_alone_on_shadow_rings(self):
        records = self.firmware_alone("shadow")
        self.assertEqual(set(ask.content_counts(records)), {"verified"})

    def firmware_alone(self, datapath):
        daemon = self.storage_daemon()
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, datapath=datapath))
        bios = self.start(SeaBiosGuest(self.workspace, block_device(capture.front_end, boot=True)))
        bios.wait_for_bios(BOOT_FAILED)
        bios.qmp().command("quit")
        bios.wait(20)
        capture.finish()
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assertEqual(decoded_messages(ask.messages(records)), qemu_messages(bios.trace))
        self.assert_chains_balance(records)
        first = next(record["request"] for record in ask.chains(records, "used") if record["request"]["type"] == "IN")
        self.assertEqual((first["sector"], first["length"], first["status"]), (0, 512, "OK"))
        return records

    def test_guest_is_reset_while_it_runs(self):
        self.guest_is_reset("relay")

    def test_guest_is_reset_on_shadow_rings(self):
        records = self.guest_is_reset("shadow")
        self.assertEqual(set(ask.content_counts(records)), {"verified"})

    def guest_is_reset(self, datapath):
        daemon = self.storage_daemon()
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, datapath=datapath))
        guest = self.start(QemuGuest(self.workspace, block_device(capture.front_end), WAIT_THEN_WORK))
        guest.wait_for_output("waiting")
        guest.qmp().command("system_reset")
        guest.wait_for_output("waiting", count=2)
        guest.say("go on")
        self.assert_data_came_through(guest.wait_for_end())
        capture.finish()
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assertEqual(decoded_messages(ask.messages(records)), qemu_messages(guest.trace))
        self.assert_chains_balance(records)
        self.assertEqual({record["session"] for record in records} - {0}, {1})
        return records

    def test_back_end_is_killed_and_comes_back(self):
        self.back_end_is_killed("relay")

    def test_back_end_is_killed_and_comes_back_on_shadow_rings(self):
        self.back_end_is_killed("shadow")

    def back_end_is_killed(self, datapath):
        daemon = self.storage_daemon()
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, once=False, datapath=datapath))
        guest = self.start(QemuGuest(self.workspace, block_device(capture.front_end, reconnect=True), WAIT_THEN_WORK))
        guest.wait_for_output("waiting")
        daemon.kill()
        again = StorageDaemon(self.workspace, self.workspace.file("storage-daemon.img"), name="again",
                              socket=daemon.socket)
        self.start(again)
        guest.wait_for(lambda: qemu_messages(guest.trace).count(("front-end", 3, 1)) == 2, "a second SET_OWNER", 30)
        guest.say("go on")
        self.assert_data_came_through(guest.wait_for_end())
        capture.interrupt()
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assert_chains_balance(records)
        ends = [record for record in ask.of_type(records, "session") if record["session"] == 1]
        self.assertGreaterEqual(len(ends), 2)
        sessions = vutrace.summary(self.workspace, capture.trace)["sessions"]
        self.assertGreaterEqual(len(sessions), 2)
        self.assert_reconnected(sessions, guest, (daemon, again))

    def assert_reconnected(self, sessions, guest, daemons):
        """The last session goes on with the guest of the first, with another daemon behind it."""
        continued = sessions[-1]["continues"]
        self.assertEqual(continued["kind"], "reconnect")
        self.assertFalse(continued["resubmits_inflight"], "no daemon of Debian 12 tracks what is in flight")
        self.assertEqual([sessions[0]["opened"][key] for key in ("front-end.pid", "back-end.pid")],
                         [str(guest.pid), str(daemons[0].pid)])
        self.assertIn(f"the back-end is another process, {daemons[1].pid} after {daemons[0].pid}", continued["reason"])

    def test_sessions_one_after_the_other(self):
        daemon = self.storage_daemon()
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, once=False))
        expected = {}
        for number in range(1, 4):
            bios = self.start(SeaBiosGuest(self.workspace, block_device(capture.front_end, boot=True),
                                           name=f"seabios-{number}"))
            bios.wait_for_bios(BOOT_FAILED)
            bios.qmp().command("quit")
            bios.wait(20)
            expected[number] = qemu_messages(bios.trace)
        capture.interrupt()
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assertEqual(self.messages_by_session(records), expected)
        self.assert_chains_balance(records)

    def test_two_guests_side_by_side(self):
        """A daemon serves one front-end: the path that capture connects to is a link that moves on."""
        capture = self.start(vutrace.Capture(self.workspace, self.workspace.socket("back-end"), once=False))
        guests = []
        for name in ("first", "second"):
            link = self.workspace.socket("back-end")
            link.unlink(missing_ok=True)
            link.symlink_to(self.storage_daemon(f"{name}-daemon").socket)
            guests.append(self.start(QemuGuest(self.workspace, block_device(capture.front_end), WAIT_THEN_WORK,
                                               name=name)))
            guests[-1].wait_for(lambda: qemu_messages(guests[-1].trace), "its first messages", 30)
        for guest in guests:
            guest.wait_for_output("waiting")
        for guest in guests:
            guest.say("go on")
        for guest in guests:
            self.assert_data_came_through(guest.wait_for_end())
        capture.interrupt()
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assertEqual(self.messages_by_session(records),
                         {number: qemu_messages(guest.trace) for number, guest in enumerate(guests, 1)})
        self.assert_chains_balance(records)

    @staticmethod
    def messages_by_session(records):
        found = {}
        for message in ask.messages(records):
            found.setdefault(message["session"], []).append(message)
        return {number: decoded_messages(messages) for number, messages in found.items()}


if __name__ == "__main__":
    unittest.main()
