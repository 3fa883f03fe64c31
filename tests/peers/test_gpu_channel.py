"""The display's socket of a real graphics back-end: interposed, recorded as a channel of its own, in every mode."""

import struct
import unittest

from harness import records as ask
from harness import vutrace
from harness.case import PeerTestCase
from harness.graphics import GraphicsBackEnd, GraphicsFrontEnd

MODES = ("off", "tap", "relay")
# Of the display's socket, and of the device.
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, GET_DISPLAY_INFO, SCANOUT, UPDATE = 1, 2, 3, 7, 8
CMD_GET_DISPLAY_INFO, CMD_RESOURCE_CREATE_2D, CMD_SET_SCANOUT, CMD_RESOURCE_FLUSH = 0x100, 0x101, 0x103, 0x104
OK_NODATA, OK_DISPLAY_INFO = 0x1100, 0x1101
RESOURCE, WIDTH, HEIGHT, BGRA = 1, 32, 8, 1
RECTANGLE = struct.pack("<IIII", 0, 0, WIDTH, HEIGHT)
DISPLAYS = struct.pack("<IIQII", OK_DISPLAY_INFO, 0, 0, 0, 0) + RECTANGLE + struct.pack("<II", 1, 0) + bytes(15 * 24)


class GpuChannel(PeerTestCase):
    def draw(self, front_end):
        """What the display's socket carried, as the front-end saw it: (sender, code, size)."""
        seen = []

        def shown():
            code, _, payload = front_end.shown()
            seen.append(("back-end", code, len(payload)))
            return code, payload

        def reply(code, payload):
            seen.append(("front-end", code, len(payload)))
            front_end.reply(code, payload)

        self.assertEqual(shown()[0], GET_PROTOCOL_FEATURES)
        reply(GET_PROTOCOL_FEATURES, bytes(8))
        self.assertEqual(shown()[0], SET_PROTOCOL_FEATURES)
        front_end.start()
        front_end.command(CMD_GET_DISPLAY_INFO)
        self.assertEqual(shown()[0], GET_DISPLAY_INFO)
        reply(GET_DISPLAY_INFO, DISPLAYS)
        self.assertEqual(front_end.answer(), OK_DISPLAY_INFO)
        self.assertEqual(front_end.do(CMD_RESOURCE_CREATE_2D, struct.pack("<IIII", RESOURCE, BGRA, WIDTH, HEIGHT)),
                         OK_NODATA)
        self.assertEqual(front_end.do(CMD_SET_SCANOUT, RECTANGLE + struct.pack("<II", 0, RESOURCE)), OK_NODATA)
        self.assertEqual(shown(), (SCANOUT, struct.pack("<III", 0, WIDTH, HEIGHT)))
        self.assertEqual(front_end.do(CMD_RESOURCE_FLUSH, RECTANGLE + struct.pack("<II", RESOURCE, 0)), OK_NODATA)
        code, payload = shown()
        self.assertEqual((code, payload[:20]), (UPDATE, struct.pack("<IIIII", 0, 0, 0, WIDTH, HEIGHT)))
        self.assertEqual(front_end.stop_queue(0), 4)
        return seen

    def session(self, datapath):
        back_end = self.start(GraphicsBackEnd(self.workspace, name=f"vhost-user-gpu-{datapath}"))
        capture = self.start(vutrace.Capture(self.workspace, back_end.socket, name=f"capture-{datapath}",
                                             datapath=datapath))
        with GraphicsFrontEnd(capture.front_end) as front_end:
            seen = self.draw(front_end)
        capture.finish()
        vutrace.require_healthy(self.workspace, capture.trace, name=f"check-{datapath}")
        return seen, vutrace.decode(self.workspace, capture.trace, name=f"decode-{datapath}")

    def test_a_picture_is_shown_in_every_mode(self):
        for datapath in MODES:
            with self.subTest(datapath=datapath):
                seen, records = self.session(datapath)
                messages = ask.messages(records, "gpu")
                self.assertEqual([(message["sender"], message["code"], message["size"]) for message in messages], seen)
                self.assertEqual([message["request"] for message in messages if not message["reply"]],
                                 ["GET_PROTOCOL_FEATURES", "SET_PROTOCOL_FEATURES", "GET_DISPLAY_INFO", "SCANOUT",
                                  "UPDATE"])
                self.assertEqual([message.get("problems") for message in messages if message.get("problems")], [])
                update = messages[-1]["payload"]
                self.assertEqual((update["width"], update["height"]), (WIDTH, HEIGHT))
                if datapath == "relay":
                    self.assertEqual((len(ask.chains(records, "used")), ask.lost_chains(records)), (4, 0))


if __name__ == "__main__":
    unittest.main()
