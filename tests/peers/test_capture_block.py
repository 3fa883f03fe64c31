"""The main job on real peers: a Linux guest's disk through capture, decoded, replayed, compared."""

import filecmp
import shlex
import shutil
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import decoded_messages, qemu_messages
from harness.guest_scripts import DISK_WORK, disk_requests, sums
from harness.qemu_guest import QemuGuest, block_device
from harness.storage_daemon import StorageDaemon, storage_daemon_arguments

MIB = 1 << 20
IMAGE_SIZE = 16 * MIB
PATTERN = bytes(range(256)) * 16 + b"vutrace"

# SeaBIOS looks at the disk too before it starts the kernel; that many requests at the most are not the guest's.
FIRMWARE_REQUESTS = 8


class CaptureBlock(PeerTestCase):
    def session(self, datapath, script=DISK_WORK, device="", more=(), **options):
        """One guest's life with capture between it and the daemon. Returns its output and the capture."""
        self.image = self.workspace.image("disk.img", IMAGE_SIZE, PATTERN)
        self.initial = self.workspace.file("initial.img")
        shutil.copyfile(self.image, self.initial)
        self.daemon = self.start(StorageDaemon(self.workspace, self.image))
        capture = self.start(vutrace.Capture(self.workspace, self.daemon.socket, *more, datapath=datapath, **options))
        devices = block_device(capture.front_end)
        devices[-1] += device
        self.guest = self.start(QemuGuest(self.workspace, devices, script, processors=2))
        output = self.guest.wait_for_end(120)
        capture.finish()
        vutrace.require_healthy(self.workspace, capture.trace)
        return output, capture

    def assert_data_came_through(self, output):
        written, read = sums(output)
        self.assertEqual(written, read)

    def assert_messages_as_qemu_says(self, records):
        expected = qemu_messages(self.guest.trace)
        self.assertGreater(len(expected), 20)
        self.assertEqual(decoded_messages(ask.messages(records)), expected)

    def assert_complete(self, records):
        """Nothing lost, nothing left over, at most one chain step in a hundred not verified."""
        self.assertEqual(ask.of_type(records, "gap"), [])
        self.assertEqual(ask.never_used(records), [])
        available, used = ask.chains(records, "available"), ask.chains(records, "used")
        self.assertEqual(len(available), len(used))
        proofs = ask.content_counts(records)
        print(f"chains {len(available)}, proofs {dict(proofs)}", flush=True)
        self.assertLessEqual(proofs.total() - proofs["verified"], proofs.total() // 100)

    def assert_requests_as_the_guest_says(self, records, output):
        expected, found = disk_requests(output), ask.block_requests(records)
        self.assertIsNone(found.get(None))
        self.assertEqual(found["OUT"], expected["writes"])
        self.assertEqual(found["FLUSH"], expected["flushes"])
        self.assertIn(found["IN"] - expected["reads"], range(FIRMWARE_REQUESTS + 1))
        self.assertEqual({record["request"]["status"] for record in ask.chains(records, "used")}, {"OK"})

    def replay_and_compare(self, trace, chains):
        """On a copy of the image as it was; the copy must become what the recorded one became."""
        self.daemon.stop()
        command = shlex.join(map(str, storage_daemon_arguments(self.initial, "{socket}")))
        report = vutrace.replay(self.workspace, trace, "--spawn", command, "--timing", "max")
        self.assertEqual(report["chains_submitted"], chains)
        self.assertEqual(report["chains_completed"], chains)
        self.assertEqual(report["chains_diverged"], 0)
        self.assertEqual(report["replies_diverged"], 0)
        self.assertGreater(report["replies_compared"], 5)
        self.assertEqual(report["divergences"], [])
        self.assertTrue(filecmp.cmp(self.image, self.initial, shallow=False), "the replayed image differs")

    def test_relay_records_everything_and_it_replays(self):
        output, capture = self.session("relay")
        self.assert_data_came_through(output)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assert_messages_as_qemu_says(records)
        self.assert_complete(records)
        self.assertGreater(len(ask.chains(records, "available")), 1000)
        self.assert_requests_as_the_guest_says(records, output)
        self.replay_and_compare(capture.trace, len(ask.chains(records, "available")))

    def test_shadow_records_everything_and_it_replays(self):
        output, capture = self.session("shadow")
        self.assert_data_came_through(output)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assert_messages_as_qemu_says(records)
        self.assert_complete(records)
        self.assertEqual(set(ask.content_counts(records)), {"verified"})
        self.assert_requests_as_the_guest_says(records, output)
        self.replay_and_compare(capture.trace, len(ask.chains(records, "available")))

    def test_shadow_with_all_of_the_guests_memory(self):
        """A copy of what is there when the table comes is in the trace beside all chains: at the last of them, which
        Linux brings about, the kernel."""
        output, capture = self.session("shadow", memory="full")
        self.assert_data_came_through(output)
        records = vutrace.decode(self.workspace, capture.trace, "--filter", "record != memory")
        self.assert_messages_as_qemu_says(records)
        self.assert_complete(records)
        self.assert_requests_as_the_guest_says(records, output)
        raw = self.workspace.file("memory")
        vutrace.run(self.workspace, "memory", "memory", capture.trace, "--at", records[-1]["seq"],
                    "--address", hex(MIB), "--length", 100 * MIB, "-o", raw)
        self.assertIn(b"Linux version", raw.read_bytes())

    def test_relay_with_direct_descriptors_and_plain_notifications(self):
        output, capture = self.session("relay", device=",indirect_desc=off,event_idx=off")
        self.assert_data_came_through(output)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assert_messages_as_qemu_says(records)
        self.assert_complete(records)
        self.assertFalse([record for record in ask.chains(records, "available") if record.get("indirect")])
        self.assert_requests_as_the_guest_says(records, output)
        self.replay_and_compare(capture.trace, len(ask.chains(records, "available")))

    def test_tap_never_disturbs_and_counts_what_it_missed(self):
        output, capture = self.session("tap")
        self.assert_data_came_through(output)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assert_messages_as_qemu_says(records)
        seen, lost = len(ask.chains(records, "available")), ask.lost_chains(records)
        expected = sum(disk_requests(output).values())
        print(f"available {seen}, lost {lost}, the guest counts {expected}, "
              f"proofs {dict(ask.content_counts(records))}", flush=True)
        self.assertIn(seen + lost - expected, range(FIRMWARE_REQUESTS + 1))

    def test_off_records_the_messages_alone(self):
        output, capture = self.session("off")
        self.assert_data_came_through(output)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assert_messages_as_qemu_says(records)
        self.assertEqual(ask.of_type(records, "chain"), [])

    def test_snap_length_keeps_the_beginning_of_each_buffer(self):
        output, capture = self.session("relay", more=["--snaplen=64"])
        self.assert_data_came_through(output)
        self.assertLess(capture.trace.stat().st_size, 4 * MIB)
        records = vutrace.decode(self.workspace, capture.trace)
        self.assertEqual(ask.lost_chains(records), 0)
        self.assertEqual(ask.never_used(records), [])


if __name__ == "__main__":
    unittest.main()
