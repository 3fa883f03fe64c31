"""Peers that mean harm, scripted: what they send passes as it would without us, capture outlives it, keeps nothing of it
and ends when it is asked to. Runs on the asan build too: VUTRACE_BUILD_DIR=build/asan tests/peers/run.py test_hostile_capture"""

import fcntl
import os
import random
import re
import resource
import select
import signal
import socket
import struct
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.scripted_front_end import (ADD_MEM_REG, FEATURE_PROTOCOL_FEATURES, FEATURE_VERSION_1, GET_VRING_BASE, HEADER, REPLY,
                                        SET_FEATURES, SET_MEM_TABLE, SET_VRING_ADDR, SET_VRING_BASE, SET_VRING_CALL,
                                        SET_VRING_ENABLE, SET_VRING_KICK, SET_VRING_NUM, VERSION, VRING_KICK)
from harness.scripted_pair import MOST_DESCRIPTORS, ScriptedBackEnd, ScriptedPair, ShadowedPair
from harness.waiting import wait_until

KIB, MIB = 1 << 10, 1 << 20
TOP = (1 << 64) - 4096
SET_VRING_ERR, UNKNOWN = 14, 200
MODES = [("off", "full"), ("tap", "buffers"), ("tap", "full"), ("relay", "buffers"), ("relay", "full"),
         ("shadow", "buffers"), ("shadow", "full")]
F_ADD_SEALS, ALL_SEALS = 1033, 0xf
FAULT = re.compile(r"Sanitizer|runtime error|terminate called")


def u64(value):
    return struct.pack("<Q", value)


def vring(queue, value):
    return struct.pack("<II", queue, value)


def region(guest=0, size=MIB, offset=0):
    return struct.pack("<QQQQ", guest, size, guest, offset)


def table(*regions):
    return struct.pack("<II", len(regions), 0) + b"".join(regions)


class HostileTestCase(PeerTestCase):
    def setUp(self):
        self.back_end = self.start(ScriptedBackEnd(self.workspace.socket("back-end")))

    def keep(self, descriptor):
        self.addCleanup(os.close, descriptor)
        return descriptor

    def memory(self, size=MIB):
        descriptor = self.keep(os.memfd_create("guest", os.MFD_CLOEXEC))
        os.ftruncate(descriptor, size)
        return descriptor

    def event(self, count=0, flags=os.EFD_NONBLOCK):
        return self.keep(os.eventfd(count, os.EFD_CLOEXEC | flags))

    def capture(self, datapath="relay", memory="buffers", **more):
        capture = self.start(vutrace.Capture(self.workspace, self.back_end.path, datapath=datapath, memory=memory,
                                             once=False, name=f"{datapath}-{memory}", **more))
        self.relayed = datapath in ("relay", "shadow")
        self.pair = ShadowedPair if datapath == "shadow" else ScriptedPair
        before = self.descriptors(capture)
        with self.session(capture) as session:  # opens what is opened once and kept: the folder of descriptors
            session.pass_on(UNKNOWN, b"", [self.event()])
        self.settle(capture, before + 1)
        return capture

    def session(self, capture):
        return self.pair(capture.front_end, self.back_end)

    def descriptors(self, capture):
        return len(os.listdir(f"/proc/{capture.pid}/fd"))

    def settle(self, capture, before):
        wait_until(lambda: self.descriptors(capture) <= before, f"only {before} descriptors to be open", 10)

    def assert_ends_well(self, capture, status=0):
        capture.signal(signal.SIGTERM)
        self.assertEqual(capture.wait(20), status, capture.stderr[-600:])
        self.assertNotRegex(capture.stderr, FAULT)

    def negotiate(self, session):
        session.pass_on(SET_FEATURES, u64(FEATURE_VERSION_1 | FEATURE_PROTOCOL_FEATURES))

    def start_queue(self, session, queue=0, entries=16, parts=(0, 0x1000, 0x2000), kick=None, call=None):
        descriptor_table, available, used = parts
        session.pass_on(SET_VRING_NUM, vring(queue, entries))
        session.pass_on(SET_VRING_BASE, vring(queue, 0))
        session.pass_on(SET_VRING_ADDR, struct.pack("<IIQQQQ", queue, 0, descriptor_table, used, available, 0))
        for request, event in ((SET_VRING_CALL, call), (SET_VRING_KICK, kick)):
            if event is not None:
                session.pass_on(request, u64(queue & 0xff), [event], replaced=self.relayed)
        session.pass_on(SET_VRING_ENABLE, vring(queue, 1))

    def stop_queue(self, session, queue=0):
        session.answer(GET_VRING_BASE, vring(queue, 0), vring(queue, 0))


class HostileSessions(HostileTestCase):
    """Each case is one session of the same capture."""

    def test_every_mode_outlives_them(self):
        cases = [getattr(self, name) for name in sorted(dir(self)) if name.startswith("case_")]
        for datapath, memory in MODES:
            capture = self.capture(datapath, memory)
            before = self.descriptors(capture)
            for case in cases:
                with self.subTest(datapath=datapath, memory=memory, case=case.__name__):
                    with self.session(capture) as session:
                        case(session, capture)
                    self.settle(capture, before)
            self.assert_ends_well(capture)
            self.assert_claims_nothing_false(vutrace.decode(self.workspace, capture.trace))

    def assert_claims_nothing_false(self, records):
        """Kicks were sent to queue 0 only, and by those cases alone that say so with an eventfd."""
        self.assertEqual([event for event in ask.of_type(records, "event") if event["queue"] != 0], [])
        self.assertEqual([record["seq"] for record in records], list(range(1, len(records) + 1)))

    def case_regions_that_overlap_wrap_or_are_empty(self, session, _):
        memory = self.memory()
        self.negotiate(session)
        tables = [[region(at * 4096) for at in range(8)], [region(0, 0), region(4096, 0)], [region(TOP, MIB)],
                  [region(0, (1 << 64) - 1)], [region(0, MIB, TOP)], [region(TOP, 8192, 1 << 63)],
                  [region(1 << 63, 1 << 63, (1 << 63) - 1)], [region(0, 1 << 62)], [region(5, MIB - 77, 3)]]
        for regions in tables:
            session.pass_on(SET_MEM_TABLE, table(*regions), [memory] * len(regions))
            self.start_queue(session, parts=(TOP, TOP + 16, (1 << 64) - 1))
            self.start_queue(session, queue=1, parts=(5, 4099, 9001))
            session.pass_on(ADD_MEM_REG, u64(0) + regions[0], [memory])
        session.ping()

    def odd_files(self, session):
        folder = self.workspace.file("odd")
        folder.mkdir(exist_ok=True)
        path = folder / "file"
        path.write_bytes(b"x" * MIB)
        names = [(path, os.O_RDONLY), (path, os.O_WRONLY), (folder, os.O_RDONLY), ("/dev/zero", os.O_RDWR),
                 ("/dev/null", os.O_RDWR), ("/dev/full", os.O_RDWR), ("/dev/ptmx", os.O_RDWR | os.O_NOCTTY),
                 ("/proc/self/maps", os.O_RDONLY), ("/proc/self/mem", os.O_RDWR), ("/proc/version", os.O_RDONLY)]
        for name, flags in names:
            yield self.keep(os.open(name, flags | os.O_CLOEXEC))
        sealed = self.keep(os.memfd_create("sealed", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        os.ftruncate(sealed, MIB)
        fcntl.fcntl(sealed, F_ADD_SEALS, ALL_SEALS)
        yield sealed
        yield from map(self.keep, os.pipe())
        for end in socket.socketpair():
            yield self.keep(end.detach())
        with select.epoll() as epoll:
            yield epoll.fileno()
        yield session.front_end.socket.fileno()

    def case_files_of_every_kind_as_regions(self, session, _):
        self.negotiate(session)
        for file in self.odd_files(session):
            session.pass_on(SET_MEM_TABLE, table(region()), [file])
            self.start_queue(session)
            session.pass_on(SET_VRING_KICK, u64(0x100))
            self.stop_queue(session)
            session.pass_on(ADD_MEM_REG, u64(0) + region(MIB), [file])
        session.ping()

    def case_files_of_every_kind_as_eventfds(self, session, capture):
        self.negotiate(session)
        session.pass_on(SET_MEM_TABLE, table(region()), [self.memory()])
        before = self.processor_seconds(capture)
        for queue, file in enumerate(self.odd_files(session), 1):
            for request in (SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR):
                session.pass_on(request, u64(queue), [file])
            self.start_queue(session, queue)
        session.ping()
        self.assertLess(self.processor_seconds(capture) - before, 2)

    def processor_seconds(self, capture):
        with open(f"/proc/{capture.pid}/stat", encoding="ascii") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def case_a_region_is_cut_short_in_use(self, session, _):
        memory, kick = self.memory(), self.event()
        self.negotiate(session)
        session.pass_on(SET_MEM_TABLE, table(region()), [memory])
        self.start_queue(session, kick=kick)
        os.pwrite(memory, struct.pack("<QIHH", 0x4000, 0x1000, 0, 0), 0)
        os.pwrite(memory, struct.pack("<HHH", 0, 1, 0), 0x1000)
        for size in (MIB, 0x1000, 0, MIB):
            os.ftruncate(memory, size)
            os.eventfd_write(kick, 1)
            session.ping()
        self.stop_queue(session)

    def case_ring_sizes_addresses_and_noise(self, session, _):
        memory, kick, noise = self.memory(4 * MIB), self.event(), random.Random(1)
        self.negotiate(session)
        session.pass_on(SET_MEM_TABLE, table(region(0, 4 * MIB)), [memory])
        places = [(0, 0x100000, 0x200000), (0, 0, 0), (1, 0x100001, 0x200003), (1 << 63,) * 3,
                  (4 * MIB - 8, 4 * MIB - 4, 4 * MIB - 2), ((1 << 64) - 1,) * 3]
        for entries in (0, 1, 3, 256, 32768, 65535, 1 << 31, (1 << 32) - 1):
            for parts in places:
                for part in range(0, 3 * MIB, MIB):
                    os.pwrite(memory, noise.randbytes(64 * KIB), part)
                self.start_queue(session, entries=entries, parts=parts, kick=kick)
                os.eventfd_write(kick, 1)
                session.ping()
                self.stop_queue(session)

    def case_queue_numbers(self, session, capture):
        self.negotiate(session)
        session.pass_on(SET_MEM_TABLE, table(region()), [self.memory()])
        for queue in (255, 256, 1023, 1024, 65534, 65535, 65536, (1 << 32) - 1):
            self.start_queue(session, queue)
            session.pass_on(VRING_KICK, vring(queue, 0))
            session.pass_on(SET_VRING_KICK, u64(queue | 0xffffffff00000000))
            self.stop_queue(session, queue)
        before = capture.memory_kib("VmRSS")
        for queue in range(1, 200):
            self.start_queue(session, queue, 32768, parts=(0, 0x80000, 0x90000))
            session.pass_on(VRING_KICK, vring(queue, 0))
        session.ping()
        self.assertLess(capture.memory_kib("VmRSS") - before, 200 * KIB)

    def case_eventfds_that_are_full_or_semaphores(self, session, _):
        self.negotiate(session)
        for count, flags in ((0, os.EFD_SEMAPHORE), (0, 0)):
            call = self.event(count, flags)
            if not flags:
                os.eventfd_write(call, (1 << 64) - 3)
            self.start_queue(session, call=call)
            session.front_end.send(SET_VRING_CALL, u64(0), [call])
            _, ancillary, _, _ = session.back_end.socket.recvmsg(20, 64)
            received = self.keep(struct.unpack("i", ancillary[0][2])[0])
            if self.relayed:
                os.eventfd_write(received, 5)
            session.ping()

    def case_more_descriptors_than_a_message_has_use_for(self, session, _):
        event = self.event()
        for request in (SET_MEM_TABLE, SET_VRING_KICK, UNKNOWN):
            session.pass_on(request, table(region()), [event] * MOST_DESCRIPTORS)
        session.ping()

    def case_descriptors_that_nobody_takes(self, session, capture):
        memory, sent = self.memory(), 0
        session.front_end.socket.settimeout(0.2)
        try:
            while sent < 5000:
                session.front_end.send(SET_MEM_TABLE, table(region()), [memory] * 8)
                sent += 1
        except TimeoutError:
            pass
        self.assertLess(self.descriptors(capture), 200)
        for _ in range(sent):
            self.assertEqual(len(session.back_end.receive()[3]), 8)

    def case_tables_again_and_again(self, session, capture):
        memory, most = self.memory(8 * MIB), 0
        os.pwrite(memory, os.urandom(8 * MIB), 0)
        self.negotiate(session)
        for number in range(600):
            session.pass_on(SET_MEM_TABLE, table(*[region(at * 8 * MIB, 8 * MIB) for at in range(8)]), [memory] * 8)
            if number % 50 == 0:
                most = max(most, self.descriptors(capture))
        self.assertLess(most, 1500)
        session.ping()

    def case_a_header_that_lies(self, session, _):
        event = self.event()
        session.front_end.send_bytes(HEADER.pack(SET_MEM_TABLE, VERSION, 0xffffffff))
        for _ in range(50):
            session.front_end.send_bytes(b"x" * 1000, [event] * 2)
        self.assertEqual(session.back_end.receive_bytes(HEADER.size + 50 * 1000), 100)

    def case_half_a_message_and_half_a_close(self, session, _):
        part = HEADER.pack(SET_MEM_TABLE, VERSION, 1000) + b"abc"
        session.front_end.send_bytes(part)
        session.front_end.socket.shutdown(socket.SHUT_WR)
        session.back_end.receive_bytes(len(part))
        self.assertTrue(session.back_end.is_closed())
        session.back_end.send(1, u64(1), flags=VERSION | REPLY)
        self.assertEqual(session.front_end.receive()[2], u64(1))

    def case_the_back_end_vanishes_in_a_reply(self, session, _):
        session.back_end.send_bytes(HEADER.pack(1, VERSION | REPLY, 8) + b"ab")
        session.front_end.socket.recv(HEADER.size + 2, socket.MSG_WAITALL)
        session.back_end.close()
        self.assertTrue(session.front_end.is_closed())


class HostileSurroundings(HostileTestCase):
    def test_a_flood_of_connections_takes_nothing_from_a_session(self):
        capture = self.capture("tap")
        before = self.descriptors(capture)
        with self.session(capture) as session:
            silent = []
            for _ in range(300):
                connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                connection.setblocking(False)
                try:
                    connection.connect(str(capture.front_end))
                    silent.append(connection)
                except BlockingIOError:  # the backlog is full
                    connection.close()
                if len(silent) % 3 == 0 and silent:
                    silent.pop().close()
            session.pass_on(UNKNOWN, b"", [self.event()] * MOST_DESCRIPTORS)
            session.ping()
            for connection in silent:
                connection.close()
        while select.select([self.back_end.socket], [], [], 0.5)[0]:
            self.back_end.accept().close()
        self.settle(capture, before)
        with self.session(capture) as session:
            session.ping()
        self.assert_ends_well(capture)

    def test_it_ends_while_peers_sit_still(self):
        for state in ("silent", "half a header", "full socket", "queue of noise"):
            with self.subTest(state=state):
                capture = self.capture("relay", "full")
                with self.session(capture) as session:
                    if state == "half a header":
                        session.front_end.send_bytes(b"\5\0\0")
                    elif state == "full socket":
                        session.front_end.socket.setblocking(False)
                        with self.assertRaises(BlockingIOError):
                            while True:
                                session.front_end.socket.send(bytes(64 * KIB))
                    elif state == "queue of noise":
                        memory, kick = self.memory(4 * MIB), self.event()
                        os.pwrite(memory, os.urandom(4 * MIB), 0)
                        self.negotiate(session)
                        session.pass_on(SET_MEM_TABLE, table(region(0, 4 * MIB)), [memory])
                        self.start_queue(session, entries=32768, parts=(0, MIB, 2 * MIB), kick=kick)
                        os.eventfd_write(kick, 1)
                    self.assert_ends_well(capture)

    def test_a_back_end_that_is_not_there_or_refuses(self):
        capture = self.start(vutrace.Capture(self.workspace, self.workspace.socket("nobody"), "--wait=0.2", once=False))
        for _ in range(3):
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(20)
            connection.connect(str(capture.front_end))
            self.assertEqual(connection.recv(1), b"")
            connection.close()
        self.assert_ends_well(capture)

    def test_where_the_trace_cannot_be_written(self):
        for trace, reason in (("/dev/full", "no space left"), (self.workspace.data, "directory")):
            finished = vutrace.run(self.workspace, "unwritable", "capture", self.workspace.socket("unused"),
                                   self.back_end.path, "-w", trace, expect=4)
            self.assertIn(reason, finished.stderr.lower())
        capture = self.capture()
        resource.prlimit(capture.pid, resource.RLIMIT_FSIZE, (16 * KIB, 16 * KIB))  # a disk that fills
        with self.session(capture) as session:
            for _ in range(500):
                session.ping()
            wait_until(lambda: "recording stops" in capture.stderr, "recording to stop", 10)
            session.ping()
        self.assert_ends_well(capture, status=4)
        vutrace.decode(self.workspace, capture.trace)

    def test_few_descriptors_and_little_memory(self):
        for limit, value in ((resource.RLIMIT_NOFILE, 24), (resource.RLIMIT_AS, None)):
            with self.subTest(limit=limit):
                capture = self.capture("tap", "full")
                if value is None:
                    value = capture.memory_kib("VmSize") * KIB + 300 * MIB
                resource.prlimit(capture.pid, limit, (value, value))
                with self.session(capture) as session:
                    self.negotiate(session)
                    session.pass_on(SET_MEM_TABLE, table(region(0, 1 << 40)), [self.memory()])
                    session.ping()
                self.assert_ends_well(capture)
                vutrace.decode(self.workspace, capture.trace)


if __name__ == "__main__":
    unittest.main()
