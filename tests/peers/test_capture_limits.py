"""What capture may cost: memory under load, sparse guests, a disk that is full."""

import os
import re
import subprocess
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.guest_scripts import DISK_WORK, sums
from harness.qemu_guest import QemuGuest, block_device
from harness.scripted_front_end import ScriptedFrontEnd
from harness.storage_daemon import StorageDaemon
from harness.waiting import wait_until

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
PAGE = 4096

# Beside its queue: code, stacks, allocator, the pieces of messages, fixed tables.
FIXED_MEMORY = 24 * MIB


class CaptureLimits(PeerTestCase):
    def captured_guest(self, script, *options, **more):
        image = self.workspace.image("disk.img", 16 * MIB)
        daemon = self.start(StorageDaemon(self.workspace, image))
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, *options, **more))
        return capture, self.start(QemuGuest(self.workspace, block_device(capture.front_end), script, processors=2))

    def test_memory_stays_under_its_limit_during_heavy_work(self):
        heavy = DISK_WORK + """
            for round in 1 2 3 4 5 6 7 8; do
                dd if=/tmp/data of=/dev/vda bs=1M oflag=direct 2>/dev/null
            done
        """
        for datapath in ("tap", "relay"):
            with self.subTest(datapath=datapath):
                capture, guest = self.captured_guest(heavy, f"--queue-size={4 * MIB}", datapath=datapath)
                most = 0

                def guest_ended():
                    nonlocal most
                    if capture.running():
                        most = max(most, capture.memory_kib() * KIB)
                    return not guest.running()

                wait_until(guest_ended, "the guest's end", 120)
                written, read = sums(guest.wait_for_end())
                self.assertEqual(written, read)
                capture.finish()
                print(f"{datapath}: capture had {most / MIB:.1f} MiB of its own at the most", flush=True)
                self.assertGreater(most, 0)
                self.assertLess(most, 4 * MIB + FIXED_MEMORY)

    def test_sparse_memory_of_64_gib_stays_sparse(self):
        touched = {0: b"first page", 5 * GIB + 3 * PAGE: b"in the middle", 64 * GIB - PAGE: b"last page"}
        memory = os.memfd_create("guest", os.MFD_CLOEXEC)
        self.addCleanup(os.close, memory)
        os.ftruncate(memory, 64 * GIB)
        for address, text in touched.items():
            os.pwrite(memory, text, address)
        blocks = os.fstat(memory).st_blocks

        image = self.workspace.image("disk.img", MIB)
        daemon = self.start(StorageDaemon(self.workspace, image))
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, datapath="tap", memory="full"))
        with ScriptedFrontEnd(capture.front_end) as front_end:
            front_end.negotiate()
            front_end.give_memory(memory, 64 * GIB)
            # A request about the ring comes after the table in the trace, whatever the snapshot waits for.
            ring = 1 * GIB
            os.pwrite(memory, b"\1", ring + 16 * PAGE)
            for descriptor in front_end.start_queue(0, 128, ring, ring + 4 * PAGE, ring + 8 * PAGE):
                self.addCleanup(os.close, descriptor)
            front_end.stop_queue(0)
        capture.finish(60)

        # The back-end writes the used ring's page and reads the others through its mapping; capture adds nothing.
        grown = (os.fstat(memory).st_blocks - blocks) * 512 // PAGE
        self.assertLessEqual(grown, 8)
        self.assertLess(capture.trace.stat().st_size, 256 * KIB)
        last = vutrace.decode(self.workspace, capture.trace)[-1]["seq"]
        for number, (address, text) in enumerate(touched.items()):
            self.assertEqual(self.memory_at(capture.trace, last, address, 2 * PAGE if address < 60 * GIB else PAGE,
                                            number)[:PAGE], text.ljust(PAGE, b"\0"))
        self.assertEqual(self.memory_at(capture.trace, last, 20 * GIB, 64 * PAGE, "hole"), bytes(64 * PAGE))

    def memory_at(self, trace, seq, address, length, name):
        raw = self.workspace.file(f"memory-{name}")
        vutrace.run(self.workspace, f"memory-{name}", "memory", trace, "--at", seq, "--address", f"{address:#x}",
                    "--length", length, "-o", raw)
        return raw.read_bytes()

    def test_full_disk_ends_the_recording_not_the_session(self):
        small = self.workspace.file("small")
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "vutrace-test", small], check=True)
        self.addCleanup(subprocess.run, ["umount", small], check=True)
        trace = small / "trace.pcap"
        capture, guest = self.captured_guest(DISK_WORK, trace=trace)
        written, read = sums(guest.wait_for_end(120))
        self.assertEqual(written, read)
        capture.wait(20)
        self.assertRegex(capture.stderr, re.compile("no space left on device", re.IGNORECASE))
        self.assertGreater(os.stat(trace).st_size, 900_000)
        records = vutrace.decode(self.workspace, trace)
        self.assertEqual(records[-1]["record"], "gap")
        self.assertRegex(records[-1]["reason"], re.compile("no space left on device", re.IGNORECASE))
        told = sum(record["records"] for record in records if record["record"] == "gap")
        self.assertEqual(told, int(re.search(r"lost (\d+) records", capture.stderr).group(1)))
        self.assertRegex(vutrace.run(self.workspace, "info", "info", trace).stdout, rf"{told:,} records|{told} records")
        self.assertGreater(len(ask.messages(records)), 20)
        self.assertEqual([record["seq"] for record in records], list(range(1, len(records) + 1)))


if __name__ == "__main__":
    unittest.main()
