"""What devices' decoders make of real drivers' chains: files copied in a shared folder, frames, a disk of four queues."""

import hashlib
import random
import time
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.qemu_guest import QemuGuest, block_device, filesystem_device, network_device
from harness.storage_daemon import StorageDaemon
from harness.testpmd import TestPmdBackEnd, TestPmdFrontEnd, write_frames
from harness.virtiofsd import VirtioFsDaemon

COPY_TREE = """
mount -t virtiofs share /mnt
cp -r /mnt/tree /mnt/copy
ls /mnt/none 2>/dev/null || true
rm /mnt/copy/notes.txt
umount /mnt
"""
ROOT_NODE = 1

QUEUES = 4
SECTORS_OF_QUEUE = 2048
# Each processor has a queue of its own, and a part of the disk.
QUEUE_WORK = f"""
for processor in $(seq 0 {QUEUES - 1}); do
    first=$((processor * {SECTORS_OF_QUEUE * 512 // 4096}))
    taskset $((1 << processor)) dd if=/dev/zero of=/dev/vda bs=4k seek=$first count=16 oflag=direct 2>/dev/null
    taskset $((1 << processor)) dd if=/dev/vda of=/dev/null bs=4k skip=$first count=8 iflag=direct 2>/dev/null
done
blkdiscard -o 1048576 -l 65536 /dev/vda
echo "serial $(cat /sys/block/vda/serial)"
"""

FRAMES = 64
TRANSMIT_QUEUE = 1
GUEST_STATION = "52:54:00:12:34:56"  # QEMU's first network device
GUEST_NETWORK = """
ip link set eth0 up
ip addr add 10.0.0.1/24 dev eth0
echo "up"
read answer < /dev/ttyS1
arping -c 1 -w 1 -I eth0 10.0.0.2 > /dev/null || true
echo "received $(cat /sys/class/net/eth0/statistics/rx_packets)"
"""


def used_requests(records):
    """With what their chains' records say beside them."""
    return [{**{key: record[key] for key in ("queue", "role", "content", "used_length")}, **record["request"]}
            for record in ask.chains(records, "used") if "request" in record]


class FileSystemView:
    """What the requests of a trace tell of a file system: which path a node has, and how far it was read and written.

    Answers that were read late may be something else. Without them paths may be unknown: `doubtful` counts what names some.
    """

    ANSWER_HEADER = 16

    def __init__(self, requests):
        self.paths = {ROOT_NODE: ""}
        self.read, self.written = {}, {}
        self.doubtful = 0
        for request in requests:
            kind, node = request["type"], request["nodeid"]
            if kind == "READ":
                self._grow(self.read, node, request["offset"] + request["used_length"] - self.ANSWER_HEADER)
            elif kind == "WRITE":
                self._grow(self.written, node, request["offset"] + request["size"])
            elif kind in ("LOOKUP", "MKDIR", "CREATE", "READDIRPLUS"):
                if request["content"] == "verified":
                    self._name(node, request)
                else:
                    self.doubtful += 1

    def _name(self, node, request):
        if request["status"] != "OK" or node not in self.paths:
            return
        answer = request["answer"]
        for entry in answer.get("entries", [{"nodeid": answer.get("nodeid"), "name": request.get("name")}]):
            if entry["nodeid"] != 0:
                self.paths[entry["nodeid"]] = f"{self.paths[node]}/{entry['name']}"

    def _grow(self, sizes, node, end):
        if node in self.paths:
            path = self.paths[node]
            sizes[path] = max(sizes.get(path, 0), end)


def make_tree(folder):
    """Files of many sizes in folders; gives their sizes by path."""
    pieces = random.Random(7)
    sizes = {"notes.txt": 5, "empty": 0, "größe": 4096, "one/two/deep": 70000, "one/large.bin": 1 << 20}
    sizes.update({f"many/{number:03}": pieces.randrange(1, 20000) for number in range(40)})
    for path, size in sizes.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(pieces.randbytes(size))
    return sizes


def checksums(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file()}


def frames(station):
    """Ethernet frames of ARP that name who sent them, and their place."""
    return [b"\xff" * 6 + bytes([2, 0, 0, 0, station, number]) + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01" +
            bytes([2, 0, 0, 0, station, number, 10, 0, station, number]) + bytes(6) + bytes([10, 9, 9, 9]) + bytes(18)
            for number in range(FRAMES)]


def sources(station):
    return [f"02:00:00:00:{station:02x}:{number:02x}" for number in range(FRAMES)]


class DeviceRequests(PeerTestCase):
    def test_a_tree_of_files_is_copied(self):
        self.tree_is_copied("relay")

    def test_a_tree_of_files_is_copied_on_shadow_rings(self):
        requests = self.tree_is_copied("shadow")
        self.assertEqual({request["content"] for request in requests}, {"verified"})

    def tree_is_copied(self, datapath):
        began = time.monotonic()
        folder = self.workspace.file("shared")
        folder.mkdir()
        sizes = make_tree(folder / "tree")
        daemon = self.start(VirtioFsDaemon(self.workspace, folder))
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, datapath=datapath))
        guest = self.start(QemuGuest(self.workspace, filesystem_device(capture.front_end), COPY_TREE))
        guest.wait_for_end()
        capture.finish()
        expected = checksums(folder / "tree")
        expected.pop("notes.txt")
        self.assertEqual(checksums(folder / "copy"), expected)
        vutrace.require_healthy(self.workspace, capture.trace)
        records = vutrace.decode(self.workspace, capture.trace)
        requests = used_requests(records)
        self.assertEqual(len(requests), len(ask.chains(records, "used")))
        view = FileSystemView(requests)
        self.assert_sizes(view.read, "/tree/", sizes, view.doubtful)
        self.assert_sizes(view.written, "/copy/", sizes, view.doubtful)
        self.assert_requests_are_paired(requests)
        print(f"{len(sizes)} files, {len(requests)} requests, {view.doubtful} doubtful names, "
              f"{time.monotonic() - began:.1f} s", flush=True)
        return requests

    def assert_sizes(self, seen, folder, sizes, doubtful):
        seen = {path: size for path, size in seen.items() if path.startswith(folder)}
        expected = {folder + path: size for path, size in sizes.items() if size}
        self.assertEqual(seen, expected if doubtful == 0 else {path: expected[path] for path in seen})
        self.assertGreater(len(seen), len(expected) // 2)

    def assert_requests_are_paired(self, requests):
        self.assertFalse([request for request in requests if "incomplete" in request and request["content"] == "verified"])
        answered = [request for request in requests if "answered_unique" in request and request["content"] == "verified"]
        self.assertGreater(len(answered), 300)
        self.assertTrue(all(request["answered_unique"] == request["unique"] for request in answered))
        self.assertEqual({request["type"] for request in requests if request["role"] == "high-priority"} - {"FORGET"},
                         set())
        refused = {(request["name"], request["status"], request["status_code"]) for request in requests
                   if request["type"] == "LOOKUP" and request["status"] != "OK"}
        self.assertIn(("none", "ENOENT", 2), refused)
        self.assertIn("notes.txt", {request["name"] for request in requests if request["type"] == "UNLINK"})

    def test_frames_between_polling_ends(self):
        """They reuse their buffers at once: of what is late only the lengths have to be right."""
        to_front_end = write_frames(self.workspace.file("a.pcap"), frames(1))
        to_back_end = write_frames(self.workspace.file("b.pcap"), frames(2))
        back_end = self.start(TestPmdBackEnd(self.workspace, to_front_end))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, datapath="relay"))
        front_end = self.start(TestPmdFrontEnd(self.workspace, capture.front_end, to_back_end))
        front_end.forward()
        back_end.forward()
        back_end.wait_for_sent(1, FRAMES)
        front_end.wait_for_sent(1, FRAMES)
        self.assertEqual(front_end.finish(), frames(1))
        capture.finish()
        self.assertEqual(back_end.finish(), frames(2))
        records = vutrace.decode(self.workspace, capture.trace)
        packets = [record for record in ask.of_type(records, "chain") if "request" in record]
        self.assertEqual({packet["request"]["type"] for packet in packets}, {"PACKET"})
        sent = [packet["request"] for packet in packets
                if packet["role"] == "transmit" and packet["state"] == "available"]
        lost = sum(gap.get("chains", 0) for gap in ask.of_type(records, "gap") if gap.get("queue") == TRANSMIT_QUEUE)
        self.assertEqual(len(sent) + lost, FRAMES)
        self.assertEqual({request["length"] for request in sent}, {60})
        verified = [packet["request"]["frame"]["source"] for packet in packets if packet["content"] == "verified" and
                    packet["role"] == "receive" and packet["state"] == "used"]
        self.assertEqual(verified, [source for source in sources(1) if source in verified])
        print(f"{len(packets)} packets, {ask.content_counts(records)}", flush=True)

    def test_frames_to_and_from_a_guest(self):
        back_end = self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file("a.pcap"), frames(1))))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, datapath="relay"))
        guest = self.start(QemuGuest(self.workspace, network_device(capture.front_end), GUEST_NETWORK))
        guest.wait_for_output("up")
        back_end.wait_for_queues(2)
        back_end.forward()
        guest.say("go on")
        output = guest.wait_for_end()
        capture.finish()
        back_end.finish()
        self.assertIn(f"received {FRAMES}", output)
        records = vutrace.decode(self.workspace, capture.trace)
        received = [request for request in used_requests(records) if request["role"] == "receive"]
        self.assertEqual(len(received), FRAMES)
        # A guest that polls in its handler may have its buffers again before a busy machine looks at them.
        proven = [(number, request) for number, request in enumerate(received) if request["content"] == "verified"]
        print(f"{len(proven)} of {FRAMES} frames received are verified", flush=True)
        for number, request in proven:
            self.assertEqual((request["type"], request["length"], request["num_buffers"]), ("PACKET", 60, 1))
            frame = request["frame"]
            self.assertEqual(frame["source"], sources(1)[number])
            self.assertEqual((frame["ethertype"], frame["operation"], frame["sender"]),
                             ("ARP", "request", sources(1)[number]))
            self.assertEqual((frame["source_address"], frame["destination_address"]), (f"10.0.1.{number}", "10.9.9.9"))
        questions = [record["request"]["frame"] for record in ask.chains(records, "available")
                     if record["role"] == "transmit" and record["request"]["frame"]["ethertype"] == "ARP"]
        self.assertIn({"source": GUEST_STATION, "sender": GUEST_STATION, "source_address": "10.0.0.1",
                       "destination_address": "10.0.0.2", "operation": "request"},
                      [{key: frame[key] for key in ("source", "sender", "source_address", "destination_address",
                                                    "operation")} for frame in questions])

    def test_a_disk_with_four_queues(self):
        image = self.workspace.image("disk.img", 16 << 20, b"pattern")
        daemon = self.start(StorageDaemon(self.workspace, image, queues=QUEUES))
        capture = self.start(vutrace.Capture(self.workspace, daemon.socket, datapath="relay"))
        guest = self.start(QemuGuest(self.workspace, block_device(capture.front_end, queues=QUEUES), QUEUE_WORK,
                                     processors=QUEUES))
        guest.wait_for_end()
        capture.finish()
        vutrace.require_healthy(self.workspace, capture.trace)
        requests = used_requests(vutrace.decode(self.workspace, capture.trace))
        for queue in range(QUEUES):
            part = range(queue * SECTORS_OF_QUEUE, queue * SECTORS_OF_QUEUE + 128)
            written = [request["sector"] for request in requests
                       if request["queue"] == queue and request["type"] == "OUT" and request["sector"] in part]
            self.assertEqual(written, list(range(part.start, part.stop, 8)), f"written through queue {queue}")
            read = [request for request in requests if request["queue"] == queue and request["type"] == "IN"]
            self.assertGreaterEqual(len([request for request in read if request["sector"] in part]), 8)
        discards = [request["segments"] for request in requests if request["type"] == "DISCARD"]
        self.assertEqual(discards, [[{"sector": 2048, "num_sectors": 128, "flags": "0x0"}]])
        self.assertEqual({request["status"] for request in requests}, {"OK"})
        self.assertIn("GET_ID", {request["type"] for request in requests})


if __name__ == "__main__":
    unittest.main()
