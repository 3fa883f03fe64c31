"""Memory that is plugged into a running guest, whose back-end takes eight regions and no more."""

import re
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.qemu_guest import BOOT_SECONDS, QemuGuest, network_device
from harness.testpmd import TestPmdBackEnd, write_frames
from harness.waiting import wait_until

FRAMES = 64
# A kernel that may get memory above 4 GiB keeps a quarter of this for bounce buffers.
MEMORY_MIB = 384
MODULE_BYTES = 128 << 20
MOST_REGIONS = 8  # of SET_MEM_TABLE
STATION = bytes([0x52, 0x54, 0, 0x12, 0x34, 0x56])  # QEMU's first network device

# Each line that it reads has it ask once for a station that is not there.
GUEST_WORK = """
ip link set eth0 up
ip addr add 10.0.0.1/24 dev eth0
echo "up"
while read answer < /dev/ttyS1 && [ "$answer" != "end" ]; do
    arping -c 1 -w 1 -I eth0 10.0.0.2 > /dev/null || true
    echo "asked, received $(cat /sys/class/net/eth0/statistics/rx_packets)."
done
"""


class MemoryHotplug(PeerTestCase):
    def ask_guest(self, guest):
        """Has the guest ask, and gives the frames that it has received by then."""
        def answers():
            return re.findall(r"asked, received (\d+)\.", guest.output())
        before = len(answers())
        guest.say("ask")
        guest.wait_for(lambda: len(answers()) > before, "its answer", BOOT_SECONDS)
        return int(answers()[-1])

    def plug_until_full(self, guest, back_end):
        """Gives how many modules that took."""
        for number in range(MOST_REGIONS):
            before = len(back_end.stderr)
            guest.qmp().command("object-add", **{"qom-type": "memory-backend-memfd", "id": f"memory-{number}",
                                                 "size": MODULE_BYTES, "share": True})
            guest.qmp().command("device_add", driver="pc-dimm", id=f"module-{number}", memdev=f"memory-{number}")
            back_end.wait_for(lambda: "processing VHOST_USER_SET_MEM_TABLE succeeded" in back_end.stderr[before:],
                              "the table with one region more", 20)
            # When the rings were given back the back-end is told their places again.
            if "read message VHOST_USER_GET_VRING_BASE" in back_end.stderr[before:]:
                return number + 1
        raise AssertionError("the table never became full")

    def test_a_table_that_becomes_full_gives_the_rings_back(self):
        frames = [STATION + bytes([2, 0, 0, 0, 0, 1, 8, 0]) + bytes([number]) * 80 for number in range(FRAMES)]
        back_end = self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file("0.pcap"), frames)))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, datapath="shadow"))
        guest = self.start(QemuGuest(self.workspace, network_device(capture.front_end), GUEST_WORK,
                                     memory_mib=MEMORY_MIB,
                                     more=["-m", f"{MEMORY_MIB}M,slots=16,maxmem=4G"]))
        guest.wait_for_output("up")
        back_end.wait_for_queues(2)
        back_end.forward()
        received = self.ask_guest(guest)
        self.assertEqual(received, FRAMES)
        plugged = self.plug_until_full(guest, back_end)
        # Both directions, on the driver's own rings.
        self.assertEqual(self.ask_guest(guest), FRAMES)
        for command in ("stop", "set fwd txonly", "set portlist 0", "start"):
            back_end.command(command)
        wait_until(lambda: self.ask_guest(guest) > FRAMES, "a frame that arrives after the plugging", 20)
        guest.say("end")
        guest.wait_for_end()
        capture.finish()
        back_end.finish()
        records = vutrace.decode(self.workspace, capture.trace)
        returned = [note["text"] for note in ask.of_type(records, "note") if "with its own ring" in note["text"]]
        self.assertEqual(len(returned), 2, returned)
        self.assertEqual([note for note in ask.of_type(records, "note") if note["severity"] == "error"], [])
        tables = [message for message in ask.messages(records)
                  if message["request"] == "SET_MEM_TABLE" and not message["reply"]]
        self.assertEqual(len(tables[-1]["payload"]["regions"]), MOST_REGIONS)
        print(f"{plugged} DIMMs plugged, {FRAMES} frames received before and more after it; {returned[0]}", flush=True)


if __name__ == "__main__":
    unittest.main()
