"""A front-end in a few lines, for what no real one can be made to do. Layouts: the specification, "Message Specification"."""

import array
import os
import socket
import struct

HEADER = struct.Struct("<III")
VERSION, REPLY, NEED_REPLY = 1, 1 << 2, 1 << 3

GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE = 8, 9, 10, 11
SET_VRING_KICK, SET_VRING_CALL = 12, 13
GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, SET_VRING_ENABLE = 15, 16, 18
VRING_KICK, ADD_MEM_REG = 35, 37

FEATURE_PROTOCOL_FEATURES = 1 << 30
FEATURE_VERSION_1 = 1 << 32
PROTOCOL_REPLY_ACK = 1 << 3
PROTOCOL_CONFIG = 1 << 9


class ScriptedFrontEnd:
    def __init__(self, path, seconds=20):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(seconds)
        self._socket.connect(str(path))

    def send(self, request, payload=b"", descriptors=(), flags=VERSION):
        data = HEADER.pack(request, flags, len(payload)) + payload
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        self._socket.sendmsg([data], ancillary)

    def receive(self):
        """The next message from the back-end: request, flags, payload."""
        request, flags, size = HEADER.unpack(self._exactly(HEADER.size))
        return request, flags, self._exactly(size)

    def ask(self, request, payload=b"", descriptors=(), flags=VERSION):
        """Sends and returns the payload of the reply, which must answer this request."""
        self.send(request, payload, descriptors, flags)
        answered, _, reply = self.receive()
        if answered != request:
            raise AssertionError(f"request {request} was answered with {answered}")
        return reply

    def ask_u64(self, request):
        return struct.unpack("<Q", self.ask(request))[0]

    def acknowledged(self, request, payload=b"", descriptors=()):
        status = struct.unpack("<Q", self.ask(request, payload, descriptors, VERSION | NEED_REPLY))[0]
        if status != 0:
            raise AssertionError(f"request {request} failed with {status}")

    def negotiate(self):
        """Up to and with SET_FEATURES: version 1, acknowledged replies, nothing else."""
        self.send(SET_OWNER)
        self.ask_u64(GET_FEATURES)
        self.ask_u64(GET_PROTOCOL_FEATURES)
        self.send(SET_PROTOCOL_FEATURES, struct.pack("<Q", PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG))
        self.send(SET_FEATURES, struct.pack("<Q", FEATURE_VERSION_1 | FEATURE_PROTOCOL_FEATURES))

    def give_memory(self, memory, size):
        """One region at guest address 0 whose front-end addresses equal the guest's, from offset 0 of the file."""
        table = struct.pack("<IIQQQQ", 1, 0, 0, size, 0, 0)
        self.acknowledged(SET_MEM_TABLE, table, [memory])

    def start_queue(self, queue, entries, descriptor_table, available, used):
        """Starts a split ring and returns its kick and call eventfds, which the caller closes."""
        kick, call = (os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for _ in range(2))
        self.send(SET_VRING_NUM, struct.pack("<II", queue, entries))
        self.send(SET_VRING_BASE, struct.pack("<II", queue, 0))
        self.send(SET_VRING_ADDR, struct.pack("<IIQQQQ", queue, 0, descriptor_table, used, available, 0))
        self.send(SET_VRING_CALL, struct.pack("<Q", queue), [call])
        self.send(SET_VRING_KICK, struct.pack("<Q", queue), [kick])
        self.send(SET_VRING_ENABLE, struct.pack("<II", queue, 1))
        return kick, call

    def stop_queue(self, queue):
        """Returns the next available index that the back-end would have taken."""
        return struct.unpack("<II", self.ask(GET_VRING_BASE, struct.pack("<II", queue, 0)))[1]

    def _exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self._socket.recv(count - len(data))
            if not piece:
                raise AssertionError(f"the back-end closed after {len(data)} of {count} bytes")
            data += piece
        return data

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
