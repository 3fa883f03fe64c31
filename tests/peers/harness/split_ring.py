"""A split ring in scripted guest memory, driven from both sides. Source: virtio, "Split Virtqueues"."""

import mmap
import os
import select
import struct

from .payloads import REGION, VRING_ADDRESS, vring, vring_descriptor
from .scripted_pair import SECONDS

DESCRIPTOR = struct.Struct("<QIHH")
NEXT, WRITE = 1, 2
USER_BASE = 0x7f0000000000  # where the front-end's process has guest address 0


class GuestMemory:
    """One region from guest address 0."""

    def __init__(self, session, size):
        self.file = session.memory(size)
        self.bytes = mmap.mmap(self.file.descriptor, size)
        self.region = REGION(guest_phys_addr=0, memory_size=size, userspace_addr=USER_BASE, mmap_offset=0)

    def write(self, address, data):
        self.bytes[address:address + len(data)] = data


class SplitRing:
    """Its three parts lie in the page at `at` and the two behind it."""

    def __init__(self, memory, index=0, at=0, entries=8):
        self.memory, self.index, self.entries = memory, index, entries
        self.table, self.available, self.used = at, at + 0x1000, at + 0x2000
        self.offered = self.completed = 0
        self._next_descriptor = 0
        self._kick = self._call = None  # (the sender's eventfd, the receiver's)

    def start(self, session, kick=True, call=True, enable=True, base=0, log_flags=0):
        """The messages that start it. Without `kick` or `call` the ring is polled for it (bit 8)."""
        session.request("SET_VRING_NUM", vring(self.index, self.entries))
        session.request("SET_VRING_BASE", vring(self.index, base))
        session.request("SET_VRING_ADDR", self.addresses(log_flags))
        self._call = self._hand_over(session, "SET_VRING_CALL", call)
        self._kick = self._hand_over(session, "SET_VRING_KICK", kick)
        if enable:
            session.request("SET_VRING_ENABLE", vring(self.index, 1))

    def addresses(self, flags=0):
        return VRING_ADDRESS(index=self.index, flags=flags, descriptor=USER_BASE + self.table,
                             used=USER_BASE + self.used, available=USER_BASE + self.available, log=self.used)

    def _hand_over(self, session, request, eventfd):
        files = [session.event()] if eventfd else []
        message = session.request(request, vring_descriptor(self.index, not eventfd), files)
        return (files[0].descriptor, message.received[0]) if eventfd else None

    def offer(self, *buffers):
        """The driver makes a chain available: (address, length, writable) each. Returns its head."""
        head = self._next_descriptor
        for number, (address, length, writable) in enumerate(buffers):
            flags = (WRITE if writable else 0) | (NEXT if number + 1 < len(buffers) else 0)
            at, following = ((head + number + one) % self.entries for one in (0, 1))
            self.memory.write(self.table + DESCRIPTOR.size * at, DESCRIPTOR.pack(address, length, flags, following))
        self._next_descriptor = (head + len(buffers)) % self.entries
        self.memory.write(self.available + 4 + 2 * (self.offered % self.entries), struct.pack("<H", head))
        self.offered = (self.offered + 1) % 0x10000
        self.memory.write(self.available + 2, struct.pack("<H", self.offered))
        return head

    def complete(self, head, length):
        """The device uses a chain."""
        self.memory.write(self.used + 4 + 8 * (self.completed % self.entries), struct.pack("<II", head, length))
        self.completed = (self.completed + 1) % 0x10000
        self.memory.write(self.used + 2, struct.pack("<H", self.completed))

    def kick(self):
        """The driver kicks, and the device takes notice."""
        self._notify(*self._kick)

    def call(self):
        """The device calls, and the driver takes notice."""
        self._notify(*reversed(self._call))

    @staticmethod
    def _notify(sender, receiver):
        os.eventfd_write(sender, 1)
        if not select.select([receiver], [], [], SECONDS)[0]:
            raise AssertionError("the notification did not arrive")
        os.eventfd_read(receiver)
