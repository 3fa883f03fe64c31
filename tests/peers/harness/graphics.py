"""vhost-user-gpu, QEMU's graphics back-end. QEMU itself puts it to use only where there is KVM: its front-end is scripted."""

import mmap
import os
import select
import socket
import struct

from .case import require
from .process import Process
from .scripted_front_end import ScriptedFrontEnd

START_SECONDS = 10
ANSWER_SECONDS = 10
GPU_SET_SOCKET = 33
HEADER = struct.Struct("<III")
REPLY = 4

MEMORY = 1 << 20
ENTRIES = 16
DESCRIPTORS, AVAILABLE, USED = 0x1000, 0x2000, 0x3000
COMMAND, RESPONSE, RESPONSE_BYTES = 0x4000, 0x5000, 408
NEXT, WRITE = 1, 2


class GraphicsBackEnd(Process):
    """Listens on `socket` when the constructor returns. It ends with its session."""

    def __init__(self, workspace, name="vhost-user-gpu"):
        self.socket = workspace.socket(name)
        super().__init__(workspace, name, [require("/usr/lib/qemu/vhost-user-gpu", "qemu-system-gui"),
                                           f"--socket-path={self.socket}"])
        self.wait_for(self.socket.exists, "its socket", START_SECONDS)


class GraphicsFrontEnd(ScriptedFrontEnd):
    """A driver with one queue and a display: one command at a time. Messages of the display's socket are (code, flags,
    payload)."""

    def __init__(self, path):
        super().__init__(path)
        self.negotiate()
        self.display, theirs = socket.socketpair()
        self.display.settimeout(ANSWER_SECONDS)
        with theirs:
            self.send(GPU_SET_SOCKET, b"", [theirs.fileno()])
        memory = os.memfd_create("guest", os.MFD_CLOEXEC)
        os.ftruncate(memory, MEMORY)
        self.memory = mmap.mmap(memory, MEMORY)
        self.give_memory(memory, MEMORY)
        os.close(memory)
        self._done = 0

    def start(self):
        self._kick, self._call = self.start_queue(0, ENTRIES, DESCRIPTORS, AVAILABLE, USED)

    def command(self, kind, payload=b""):
        """Offers one; answer() takes the response."""
        request = struct.pack("<IIQII", kind, 0, 0, 0, 0) + payload
        self.memory[COMMAND:COMMAND + len(request)] = request
        self.memory[DESCRIPTORS:DESCRIPTORS + 32] = (struct.pack("<QIHH", COMMAND, len(request), NEXT, 1)
                                                     + struct.pack("<QIHH", RESPONSE, RESPONSE_BYTES, WRITE, 0))
        slot = AVAILABLE + 4 + 2 * (self._done % ENTRIES)
        self.memory[slot:slot + 2] = struct.pack("<H", 0)
        self._done += 1
        self.memory[AVAILABLE + 2:AVAILABLE + 4] = struct.pack("<H", self._done)
        os.eventfd_write(self._kick, 1)

    def answer(self):
        """The kind of the response, when the device calls."""
        while struct.unpack_from("<H", self.memory, USED + 2)[0] != self._done:
            if not select.select([self._call], [], [], ANSWER_SECONDS)[0]:
                raise AssertionError(f"no call for command {self._done}")
            os.eventfd_read(self._call)
        return struct.unpack_from("<I", self.memory, RESPONSE)[0]

    def do(self, kind, payload=b""):
        self.command(kind, payload)
        return self.answer()

    def shown(self):
        """The next message to the display."""
        code, flags, size = HEADER.unpack(self._display_bytes(HEADER.size))
        return code, flags, self._display_bytes(size)

    def reply(self, code, payload):
        self.display.sendall(HEADER.pack(code, REPLY, len(payload)) + payload)

    def _display_bytes(self, count):
        data = b""
        while len(data) < count:
            piece = self.display.recv(count - len(data))
            if not piece:
                raise AssertionError("the back-end closed the display's socket")
            data += piece
        return data

    def close(self):
        for descriptor in (self._kick, self._call):
            os.close(descriptor)
        self.display.close()
        self.memory.close()
        super().close()
