"""Real bugs that only show on the rings, played again by a driver and a device that are scripted, too."""

import struct

from harness.payloads import SHARED_MAP, acknowledgement, shmem_config, table, vring
from harness.requests import BACKEND_REQ, BACKEND_SEND_FD, REPLY_ACK, SHMEM
from harness.split_ring import GuestMemory, SplitRing

from .bugs import LONG, block_device
from .stage import back_end_channel, negotiate, scenario

MIB = 1 << 20
HEADER, DATA, STATUS = 0x80000, 0x81000, 0x82000  # guest addresses of a block request
APART = 0.1  # seconds: what happens on two channels so far apart has an order


def block_ring(session, enable=True):
    ring = SplitRing(block_device(session))
    ring.start(session, enable=enable)
    return ring


def read_a_sector(ring):
    """virtio-blk: a request to read sector 0. Returns the head of its chain."""
    ring.memory.write(HEADER, struct.pack("<IIQ", 0, 0, 0))
    return ring.offer((HEADER, 16, False), (DATA, 512, True), (STATUS, 1, True))


def complete(ring, head):
    ring.memory.write(DATA, b"vutrace " * 64)
    ring.memory.write(STATUS, b"\0")
    ring.complete(head, 513)
    ring.call()


@scenario(datapath="relay")
def bug_kick_before_enable(stage):
    """A kick comes after SET_VRING_KICK and before SET_VRING_ENABLE. In the first session the back-end takes it for the
    permission to serve the ring; in the second it throws the kick away and does not look at the ring when it is enabled, so
    that the guest waits for ever."""
    with stage.session() as session:
        ring = block_ring(session, enable=False)
        head = read_a_sector(ring)
        ring.kick()
        complete(ring, head)
        session.silence(APART)
        session.request("SET_VRING_ENABLE", vring(0, 1))
        session.ask("GET_VRING_BASE", vring(0, 0), reply=vring(0, 1))
    with stage.session() as session:
        ring = block_ring(session, enable=False)
        read_a_sector(ring)
        ring.kick()
        session.request("SET_VRING_ENABLE", vring(0, 1))
        session.silence(LONG)


@scenario(datapath="relay")
def bug_vring_base_zero(stage):
    """Three requests are done, and GET_VRING_BASE is answered with 0: the next start would do them again."""
    with stage.session() as session:
        ring = block_ring(session)
        for _ in range(3):
            head = read_a_sector(ring)
            ring.kick()
            complete(ring, head)
        session.ask("GET_VRING_BASE", vring(0, 0), reply=vring(0, 0))


@scenario(datapath="relay")
def bug_call_never_sent(stage):
    """The second of two requests is done and no call is sent for it, though the driver asks for every one: the guest waits
    for ever."""
    with stage.session() as session:
        ring = block_ring(session)
        head = read_a_sector(ring)
        ring.kick()
        complete(ring, head)
        head = read_a_sector(ring)
        ring.kick()
        ring.memory.write(STATUS, b"\0")
        ring.complete(head, 513)
        session.silence(LONG)


@scenario(datapath="relay")
def bug_used_twice(stage):
    """One request is completed twice, as by a back-end that does after a reconnect what it had done before: the driver
    takes the second completion for that of another request, or dies."""
    with stage.session() as session:
        ring = block_ring(session)
        heads = []
        for _ in range(2):
            heads.append(read_a_sector(ring))
            ring.kick()
        complete(ring, heads[0])
        complete(ring, heads[0])
        session.ask("GET_VRING_BASE", vring(0, 0), reply=vring(0, 2))


@scenario(datapath="relay")
def bug_shared_memory_used_early(stage):
    """virtio-gpu: the back-end completes RESOURCE_MAP_BLOB, which lets the guest touch the memory, before the front-end
    has acknowledged SHMEM_MAP. In the second session it takes the map away before it is acknowledged."""
    mapping = SHARED_MAP(shmid=1, fd_offset=0, shm_offset=0x10000, len=0x10000, flags=1)
    with stage.session() as session:
        channel, ring = gpu_device(session)
        ring.memory.write(HEADER, struct.pack("<IIQIIIIQ", 0x208, 0, 0, 0, 0, 7, 0, 0x10000))
        head = ring.offer((HEADER, 40, False), (DATA, 32, True))
        ring.kick()
        asked = channel.request("SHMEM_MAP", mapping, [session.memory(MIB)], need_reply=True)
        ring.memory.write(DATA, struct.pack("<IIQII", 0x1106, 0, 0, 0, 0) + bytes(8))
        ring.complete(head, 32)
        ring.call()
        session.silence(APART)
        channel.reply(asked, acknowledgement())
        session.ask("GET_VRING_BASE", vring(0, 0), reply=vring(0, 1))
    with stage.session() as session:
        channel, _ = gpu_device(session)
        asked = channel.request("SHMEM_MAP", mapping, [session.memory(MIB)], need_reply=True)
        taken_away = channel.request("SHMEM_UNMAP", mapping, need_reply=True)
        channel.reply(asked, acknowledgement())
        channel.reply(taken_away, acknowledgement())
        session.ask("GET_VRING_BASE", vring(0, 0), reply=vring(0, 0))


def gpu_device(session):
    negotiate(session, 0, REPLY_ACK | BACKEND_REQ | BACKEND_SEND_FD | SHMEM)
    channel = back_end_channel(session)
    session.open_channel("gpu", "GPU_SET_SOCKET", need_reply=True)
    session.ask("GET_SHMEM_CONFIG", reply=shmem_config([0, MIB]))
    memory = GuestMemory(session, MIB)
    session.confirm("SET_MEM_TABLE", table(memory.region), [memory.file])
    ring = SplitRing(memory)
    ring.start(session)
    return channel, ring
