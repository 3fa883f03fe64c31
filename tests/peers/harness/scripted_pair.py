"""Both ends of a session through capture in a few lines: what one end sends, the other must get, bytes and files alike."""

import array
import os
import socket
import struct

from .scripted_front_end import (ADD_MEM_REG, GET_FEATURES, GET_VRING_BASE, HEADER, REPLY, SET_MEM_TABLE,
                                 SET_VRING_ADDR, VERSION)

MOST_DESCRIPTORS = 253  # of one message: the kernel's SCM_MAX_FD
SECONDS = 20


def identity(descriptor):
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


class End:
    """One end of a connection."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(SECONDS)

    def send_bytes(self, data, descriptors=()):
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        sent = self.socket.sendmsg([data], ancillary)
        if sent < len(data):
            self.socket.sendall(data[sent:])

    def send(self, request, payload=b"", descriptors=(), flags=VERSION):
        self.send_bytes(HEADER.pack(request, flags, len(payload)) + payload, descriptors)

    def take(self, descriptors):
        """The next message: request, flags and payload. Its descriptors are added to the list, whose owner closes them."""
        request, flags, size = HEADER.unpack(self._exactly(HEADER.size, descriptors))
        return request, flags, self._exactly(size, descriptors)

    def receive(self):
        """The next message: request, flags, payload and what identifies the files that came with it."""
        descriptors = []
        try:
            return *self.take(descriptors), [identity(descriptor) for descriptor in descriptors]
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def receive_bytes(self, count):
        """Takes so many bytes and returns how many descriptors came with them."""
        descriptors = []
        try:
            self._exactly(count, descriptors)
            return len(descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def is_closed(self):
        """Waits for the other end to close; False where something else comes first."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def _exactly(self, count, descriptors):
        data = b""
        while len(data) < count:
            piece, ancillary, _, _ = self.socket.recvmsg(count - len(data), socket.CMSG_SPACE(4 * MOST_DESCRIPTORS))
            for _, _, numbers in ancillary:
                descriptors += array.array("i", numbers[:len(numbers) // 4 * 4])
            if not piece:
                raise AssertionError(f"the other end closed after {len(data)} of {count} bytes")
            data += piece
        return data

    def close(self):
        self.socket.close()


class ScriptedBackEnd:
    """Listens where capture connects to; accepts nothing by itself."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(str(path))
        self.socket.listen(512)
        self.socket.settimeout(SECONDS)

    def accept(self):
        return End(self.socket.accept()[0])

    def close(self):
        self.socket.close()
        os.unlink(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class ScriptedPair:
    """A session: `front_end` and `back_end` are its two ends."""

    def __init__(self, path, listener):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(SECONDS)
        connection.connect(str(path))
        self.front_end = End(connection)
        self.back_end = listener.accept()

    def pass_on(self, request, payload=b"", descriptors=(), replaced=False):
        """Sends a message from the front-end and requires that the back-end gets the same. `replaced`: but for the files."""
        sent = request, VERSION, payload, [identity(descriptor) for descriptor in descriptors]
        self.front_end.send(request, payload, descriptors)
        received = self.back_end.receive()
        if replaced:
            sent, received = (sent[:3], len(sent[3])), (received[:3], len(received[3]))
        if sent != received:
            raise AssertionError(f"sent {str(sent)[:300]}, received {str(received)[:300]}")

    def answer(self, request, question, reply):
        self.pass_on(request, question)
        self.back_end.send(request, reply, flags=VERSION | REPLY)
        received = self.front_end.receive()
        if received != (request, VERSION | REPLY, reply, []):
            raise AssertionError(f"the answer {reply} arrived as {received}")

    def ping(self):
        """A round trip: the session lives."""
        self.answer(GET_FEATURES, b"", struct.pack("<Q", 0x1_4000_0000))

    def close(self):
        self.front_end.close()
        self.back_end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class ShadowedPair(ScriptedPair):
    """A session in mode `shadow`: memory and addresses of rings arrive changed, and messages of capture's own between."""

    CHANGED = (SET_MEM_TABLE, ADD_MEM_REG, SET_VRING_ADDR)

    def pass_on(self, request, payload=b"", descriptors=(), replaced=False):
        self.front_end.send(request, payload, descriptors)
        while True:
            received, flags, content, files = self.back_end.receive()
            if received == request and (request in self.CHANGED or content == payload):
                break
            if received == GET_VRING_BASE:
                self.back_end.send(received, content, flags=VERSION | REPLY)
        if request not in self.CHANGED and (flags, len(files)) != (VERSION, len(descriptors)):
            raise AssertionError(f"request {request} arrived with flags {flags} and {len(files)} descriptors")
