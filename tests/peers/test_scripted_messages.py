"""Every message that is known, said by scripted ends through capture and held field by field against what was said; bugs
that are played again, and named."""

import subprocess
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.requests import BY_CHANNEL
from harness.workspace import BUILD_FOLDER, SOURCE_FOLDER
from scenarios import SCENARIOS, play

# What a decoder may add to a payload: meanings of values, and what it makes of the bytes.
ADDED = ("_names", "_meaning")
REPLY, NEED_REPLY, VERSION = 1 << 2, 1 << 3, 0b11


def without_meanings(value):
    if isinstance(value, dict):
        return {key: without_meanings(inner) for key, inner in value.items() if not key.endswith(ADDED)}
    return [without_meanings(inner) for inner in value] if isinstance(value, list) else value


class ScriptedMessages(PeerTestCase):
    def play(self, name):
        """What was said in each session, and the messages that were decoded of it, channel by channel."""
        trace, sessions = play(name, self.workspace, self.workspace.file(f"{name}.pcap"))
        self.assert_findings_are_those_of_the_sample(trace)
        records = vutrace.decode(self.workspace, trace)
        for number, session in enumerate(sessions, 1):
            decoded = [record for record in records if record["session"] == number]
            for channel in BY_CHANNEL:
                said = [message for message in session.spoken if message.channel == channel]
                yield said, ask.messages(decoded, channel)

    def assert_findings_are_those_of_the_sample(self, trace):
        done = subprocess.run([SOURCE_FOLDER / "tests/samples/check_findings", BUILD_FOLDER, trace], check=False,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def compare(self, name, healthy=True):
        for said, decoded in self.play(name):
            self.assertEqual([message.request for message in said], [message["request"] for message in decoded])
            seq_of = {id(message): record["seq"] for message, record in zip(said, decoded)}
            for message, record in zip(said, decoded):
                with self.subTest(message=f"{message.request} of the {message.sender}", seq=record["seq"]):
                    self.compare_message(message, record)
                    if healthy:
                        self.assertNotIn("problems", record)
                    if message.answers:
                        self.assertEqual(record["answers"], seq_of[id(message.answers)])
                        self.assertGreaterEqual(record["latency"], 0)
                    else:
                        self.assertNotIn("answers", record)

    def compare_message(self, message, record):
        self.assertEqual(record["channel"], message.channel)
        self.assertEqual(record["sender"], message.sender)
        self.assertEqual(record["code"], message.code)
        self.assertEqual(record["version"], message.flags & VERSION)
        self.assertEqual(record["reply"], bool(message.flags & REPLY))
        self.assertEqual(record["need_reply"], bool(message.flags & NEED_REPLY))
        self.assertEqual(record["size"], len(message.payload.data))
        payload = without_meanings(record.get("payload", {}))
        payload.pop("configuration", None)  # what the device's configuration space means
        self.assertEqual(payload, message.payload.fields)
        self.assertEqual(record.get("queue"), (message.answers or message).payload.fields.get("index"))
        self.assertEqual([descriptor["kind"] for descriptor in record.get("fds", [])], message.kinds)
        self.assertNotIn("raw", record)

    def test_every_request_is_decoded_field_by_field(self):
        self.compare("every-request")

    def test_refusals_are_decoded_field_by_field(self):
        self.compare("refused-requests")

    def test_qemu_of_2017_is_decoded_field_by_field(self):
        self.compare("qemu-2017")

    def test_every_request_of_the_tables_is_said(self):
        _, sessions = play("every-request", self.workspace)
        said = [message for session in sessions for message in session.spoken]
        for channel, known in BY_CHANNEL.items():
            self.assertEqual({(message.request, message.code) for message in said
                              if message.channel == channel and message.answers is None}, set(known.items()))

    def test_qemu_of_2017_knew_twenty_requests(self):
        _, sessions = play("qemu-2017", self.workspace)
        said = {message.code for session in sessions for message in session.spoken}
        self.assertEqual(said, set(range(1, 21)))

    def test_what_nobody_knows_stays_visible(self):
        for said, decoded in self.play("unknown-requests"):
            message, record = said[-1], decoded[-1]
            self.assertEqual((record["code"], record["request"], record["size"]), (message.code, "UNKNOWN", 12))
            self.assertEqual(bytes.fromhex(record["raw"]), message.payload.data)
            self.assertEqual([descriptor["kind"] for descriptor in record["fds"]], ["memfd", "eventfd"])
            self.assertEqual(len(record["problems"]), 1)

    def test_bugs_are_named_and_say_what_they_are_meant_to(self):
        for name in SCENARIOS:
            if name.startswith("bug-"):
                with self.subTest(name=name):
                    self.compare(name, healthy=False)


if __name__ == "__main__":
    unittest.main()
