"""A session of two scripted ends through capture, told like a conversation. What was said is kept: it is the ground truth.

    with ScriptedSession(capture.front_end, back_end) as session:
        session.ask("GET_FEATURES", reply=features(VERSION_1))
        session.confirm("SET_MEM_TABLE", table(region), [session.memory(MIB)])

Each message is taken by its receiver before the next is sent, so that the trace has them in the order of the script.
"""

import os
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

from .payloads import NOTHING, Payload, acknowledgement
from .requests import BY_CHANNEL
from .scripted_front_end import NEED_REPLY, REPLY, VERSION
from .scripted_pair import SECONDS, End


@dataclass(frozen=True)
class File:
    """A descriptor to be sent, with the kind that the trace has to give it."""
    descriptor: int
    kind: str


@dataclass
class Message:
    """What was said, as a decoder has to show it."""
    channel: str
    sender: str
    request: str
    code: int
    flags: int
    payload: Payload
    kinds: list  # of the descriptors
    answers: "Message" = None
    received: list = field(default_factory=list)  # descriptors, as the other end got them


class Channel:
    """One connection: its two ends, and which of them asks."""

    def __init__(self, session, name, front_end, back_end):
        self.name = name
        self.ends = {"front-end": front_end, "back-end": back_end}
        self.asker, self.answerer = ("front-end", "back-end") if name == "front-end" else ("back-end", "front-end")
        self.version = 0 if name == "gpu" else VERSION
        self._session = session

    def request(self, name, payload=NOTHING, files=(), need_reply=False, code=None):
        """A request, of which nothing comes back for now. `code` is for those that have no name."""
        code = code if code is not None else BY_CHANNEL[self.name][name]
        return self._say(Message(self.name, self.asker, name, code, self.version | NEED_REPLY * need_reply, payload,
                                 [file.kind for file in files]), files)

    def reply(self, request, payload=NOTHING, files=()):
        return self._say(Message(self.name, self.answerer, request.request, request.code, self.version | REPLY, payload,
                                 [file.kind for file in files], answers=request), files)

    def ask(self, name, payload=NOTHING, files=(), reply=NOTHING, reply_files=(), need_reply=False):
        """A request that has an answer of its own; returns the answer."""
        return self.reply(self.request(name, payload, files, need_reply), reply, reply_files)

    def confirm(self, name, payload=NOTHING, files=(), result=0):
        """A request with NEED_REPLY, and its acknowledgement."""
        return self.reply(self.request(name, payload, files, need_reply=True), acknowledgement(result))

    def _say(self, message, files):
        other = self.answerer if message.sender == self.asker else self.asker
        self.ends[message.sender].send(message.code, message.payload.data, [file.descriptor for file in files],
                                       message.flags)
        sent = message.code, message.flags, message.payload.data
        taken = self.ends[other].take(self._session.adopt_all(message.received))
        if taken != sent or len(message.received) != len(files):
            raise AssertionError(f"sent {str(sent)[:300]} with {len(files)} descriptors, "
                                 f"received {str(taken)[:300]} with {len(message.received)}")
        self._session.spoken.append(message)
        return message


class ScriptedSession(Channel):
    """The main channel, and what belongs to the session: further channels, files that live as long as it does."""

    def __init__(self, path, listener):
        self.spoken = []
        self._open = ExitStack()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(SECONDS)
        connection.connect(str(path))
        super().__init__(self, "front-end", End(connection), listener.accept())
        for end in self.ends.values():
            self._open.callback(end.close)

    def open_channel(self, name, request, need_reply=False):
        """Hands over a socket; the channel's back-end end is whatever the back-end got for it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._open.callback(ours.close)
        with theirs:
            message = self.request(request, files=[File(theirs.fileno(), "socket")], need_reply=need_reply)
        if need_reply:
            self.reply(message, acknowledgement())
        given = socket.socket(fileno=os.dup(message.received[0]))
        self._open.callback(given.close)
        return Channel(self, name, End(ours), End(given))

    def adopt(self, descriptor, kind):
        self._open.callback(os.close, descriptor)
        return File(descriptor, kind)

    def adopt_all(self, descriptors):
        """A list that is filled later: what is in it at the end is closed."""
        self._open.callback(lambda: [os.close(descriptor) for descriptor in descriptors])
        return descriptors

    def memory(self, size):
        file = self.adopt(os.memfd_create("scripted", os.MFD_CLOEXEC), "memfd")
        os.ftruncate(file.descriptor, size)
        return file

    def event(self):
        return self.adopt(os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK), "eventfd")

    def pipe(self):
        """The end that reads and the one that writes."""
        return [self.adopt(end, "pipe") for end in os.pipe2(os.O_CLOEXEC)]

    def silence(self, seconds):
        """Nothing is said for so long: what the trace is to show, not something that is waited for."""
        time.sleep(seconds)

    def back_end_goes(self):
        """The back-end closes the connection, and the front-end sees it."""
        self.ends["back-end"].close()
        if not self.ends["front-end"].is_closed():
            raise AssertionError("the back-end went away, the front-end still hears something")

    def front_end_goes(self):
        self.ends["front-end"].close()
        self.ends["back-end"].is_closed()

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        with self._open:
            if failure is None and self.ends["back-end"].socket.fileno() >= 0:
                self.front_end_goes()
