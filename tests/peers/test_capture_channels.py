"""The back-end's own channel between real peers: DPDK asks there for translations, and QEMU answers on the main one."""

import re
import unittest

from harness import dpdk_log
from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.ground_truth import decoded_messages, qemu_messages
from harness.qemu_guest import QemuGuest, translated_network_device
from harness.testpmd import TestPmdBackEnd, write_frames

MODES = ("off", "tap", "relay")
PAGE = 4096
GUEST_FRAMES = 4
NOT_TRANSLATED = re.compile(r"Fail to lookup the translated address ([0-9a-f]+)")

NETWORK_WORK = f"""
ip link set eth0 up
ip addr add 10.0.0.1/24 dev eth0
echo "up"
for number in $(seq {GUEST_FRAMES}); do arping -c 1 -w 1 -I eth0 10.0.0.2 > /dev/null || true; done
echo "sent"
"""


def is_question(frame):
    """ARP, as arping sends it."""
    return frame[12:14] == b"\x08\x06"


class CaptureChannels(PeerTestCase):
    def translated_network(self, datapath, *more, name=""):
        """A guest behind an IOMMU sends frames; the records of its session, and what QEMU could not translate.

        Some frames are lost without us too: DPDK drops those to the guest for which it lacks a translation, and asks
        for it; the guest ends with its last one on the way."""
        name = name or datapath
        frames = [b"\xff" * 12 + b"\x08\x00" + bytes([1, number]) * 40 for number in range(64)]
        back_end = self.start(TestPmdBackEnd(self.workspace, write_frames(self.workspace.file(f"{name}.pcap"), frames),
                                             name=f"back-end-{name}", translated=True))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, *more, name=f"capture-{name}",
                                             datapath=datapath))
        guest = self.start(QemuGuest(self.workspace, translated_network_device(capture.front_end), NETWORK_WORK,
                                     name=f"qemu-{name}"))
        guest.wait_for_output("up")
        back_end.forward()
        self.assertEqual(guest.wait_for_end(), "up\nsent\n")
        capture.finish()
        self.assertTrue(list(filter(is_question, back_end.finish())), "nothing of the guest's came through")
        records = vutrace.decode(self.workspace, capture.trace, name=f"decode-{name}")
        self.assertEqual(decoded_messages(ask.messages(records)), qemu_messages(guest.trace))
        dpdk_log.assert_equal(self, dpdk_log.requests(back_end.stderr), dpdk_log.decoded(ask.messages(records)))
        return records, {int(address, 16) // PAGE for address in NOT_TRANSLATED.findall(guest.stderr)}

    def assert_each_miss_is_answered_after_it(self, records, not_translated):
        """By an UPDATE for its page, on the main channel. QEMU answers each miss once, except those that come when the
        guest has switched its IOMMU off to end: of these it says so."""
        updates = [message for message in ask.messages(records)
                   if message["request"] == "IOTLB_MSG" and message["payload"].get("type") == 2]
        misses = [message for message in ask.messages(records, "back-end") if message["payload"]["type"] == 1]
        self.assertGreater(len(misses), 1)
        for miss in misses:
            page = int(miss["payload"]["iova"], 16) // PAGE
            answered = [update for update in updates if update["seq"] > miss["seq"]
                        and int(update["payload"]["iova"], 16) // PAGE == page]
            self.assertTrue(answered or page in not_translated, f"record {miss['seq']}")
        return len(misses), len(updates)

    def test_missed_translations_are_asked_for_and_recorded_in_every_mode(self):
        for datapath in MODES:
            with self.subTest(datapath=datapath):
                records, not_translated = self.translated_network(datapath)
                handed = next(message for message in ask.messages(records)
                              if message["request"] == "SET_BACKEND_REQ_FD" and not message["reply"])
                self.assertEqual([descriptor["kind"] for descriptor in handed["fds"]], ["socket"])
                said = ask.messages(records, "back-end")
                self.assertEqual({(message["sender"], message["request"]) for message in said},
                                 {("back-end", "IOTLB_MSG")})
                self.assertGreater(said[0]["seq"], handed["seq"])
                misses, updates = self.assert_each_miss_is_answered_after_it(records, not_translated)
                print(f"{datapath}: {misses} misses on the back-end channel, {updates} updates on the main one",
                      flush=True)

    def test_the_channel_that_is_left_alone_works_and_is_not_recorded(self):
        records, _ = self.translated_network("tap", "--channels=main", name="alone")
        self.assertEqual(ask.messages(records, "back-end"), [])
        self.assertTrue([note for note in ask.of_type(records, "note") if "passed on untouched" in note["text"]])


if __name__ == "__main__":
    unittest.main()
