"""The in-flight area and the dirty log, scripted: no back-end of Debian 12 offers INFLIGHT_SHMFD to QEMU's block device.
What both ends write to them is in the trace, also what was in flight when the back-end died."""

import os
import struct
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.scripted_front_end import GET_VRING_BASE, REPLY, VERSION
from harness.scripted_pair import ScriptedBackEnd, ScriptedPair

SET_LOG_BASE, GET_INFLIGHT_FD, SET_INFLIGHT_FD = 6, 31, 32
QUEUE_SIZE, STRIDE = 8, 192
LOG_SIZE = 0x800


def inflight(size, queues=2):
    return struct.pack("<QQHHI", size, 0, queues, QUEUE_SIZE, 0)


class SharedAreas(PeerTestCase):
    def setUp(self):
        self.back_end = self.start(ScriptedBackEnd(self.workspace.socket("back-end")))

    def memory(self, name, size):
        descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
        self.addCleanup(os.close, descriptor)
        os.ftruncate(descriptor, size)
        return descriptor

    def take(self, area, queue, head, counter):
        """What a back-end writes when it takes a chain."""
        base = queue * STRIDE
        os.pwrite(area, struct.pack("<HHHH", 1, QUEUE_SIZE, 0, 0), base + 8)
        os.pwrite(area, struct.pack("<B5xHQ", 1, 0, counter), base + 16 + 16 * head)

    def session(self, capture, area, log):
        with ScriptedPair(capture.front_end, self.back_end) as session:
            session.front_end.send(GET_INFLIGHT_FD, inflight(0))
            session.back_end.receive()
            session.back_end.send(GET_INFLIGHT_FD, inflight(2 * STRIDE), [area], VERSION | REPLY)
            session.front_end.receive()
            session.pass_on(SET_INFLIGHT_FD, inflight(2 * STRIDE), [area])
            session.pass_on(SET_LOG_BASE, struct.pack("<QQ", LOG_SIZE, 0), [log])
            session.ping()
            self.take(area, 1, 5, 11)
            self.take(area, 1, 2, 10)
            os.pwrite(log, b"\x0c", 0x100)
            session.answer(GET_VRING_BASE, struct.pack("<II", 0, 0), struct.pack("<II", 0, 0))
            session.ping()
            self.take(area, 1, 7, 12)
            session.back_end.close()  # it died
            self.assertTrue(session.front_end.is_closed())
        capture.finish()

    def test_what_was_in_flight_when_the_back_end_died(self):
        for mode in ("tap", "relay"):
            with self.subTest(mode):
                area, log = self.memory("inflight", 4096), self.memory("log", LOG_SIZE)
                capture = self.start(vutrace.Capture(self.workspace, self.back_end.path, datapath=mode, name=mode))
                self.session(capture, area, log)
                memory = ask.of_type(vutrace.decode(self.workspace, capture.trace, name=f"decode-{mode}"), "memory")
                areas = [record["inflight"]["queues"] for record in memory if record["part"] == "inflight"]
                self.assertEqual([(head["head"], head["counter"]) for head in areas[-1][0]["heads"]],
                                 [(2, 10), (5, 11), (7, 12)])
                self.assertEqual((areas[-1][0]["queue"], areas[-1][0]["desc_num"]), (1, QUEUE_SIZE))
                logs = [record["dirty"] for record in memory if record["part"] == "log"]
                self.assertEqual(logs[-1]["ranges"], [{"address": "0x802000", "pages": 2}])


if __name__ == "__main__":
    unittest.main()
