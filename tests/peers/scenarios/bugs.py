"""Real bugs of front-ends and back-ends, played again with messages alone. Each has been seen in a program in wide use."""

from harness.payloads import (INFLIGHT, IOTLB, LOG, REGION, U64, VRING_ADDRESS, acknowledgement, config, features,
                              protocol_features, raw, single_region, table, vring, vring_descriptor)
from harness.requests import (ACCESS_PLATFORM, BACKEND_REQ, CONFIG, CONFIGURE_MEM_SLOTS, INFLIGHT_SHMFD, LOG_ALL,
                              LOG_SHMFD, MQ, NET_F_MRG_RXBUF, PROTOCOL_FEATURES, REPLY_ACK, VERSION_1)
from harness.split_ring import USER_BASE, GuestMemory, SplitRing

from .every_request import BLOCK_CONFIGURATION
from .stage import back_end_channel, negotiate, scenario

MIB = 1 << 20
LONG = 2.5  # seconds: longer than anything that is still on its way


@scenario()
def bug_acknowledgement_never_asked_for(stage):
    """The front-end sends SET_MEM_TABLE without NEED_REPLY and waits for an acknowledgement that nobody owes."""
    with stage.session() as session:
        negotiate(session)
        memory = GuestMemory(session, MIB)
        session.request("SET_MEM_TABLE", table(memory.region), [memory.file])
        session.silence(LONG)


@scenario()
def bug_set_protocol_features_without_get(stage):
    """The front-end takes protocol features that it never asked for."""
    with stage.session() as session:
        session.ask("GET_FEATURES", reply=features(VERSION_1 | PROTOCOL_FEATURES))
        session.request("SET_PROTOCOL_FEATURES", protocol_features(REPLY_ACK))
        session.request("SET_OWNER")
        session.request("SET_FEATURES", features(VERSION_1 | PROTOCOL_FEATURES))


@scenario()
def bug_set_log_base_answers(stage):
    """SET_LOG_BASE is answered with nothing (DPDK), with 8 bytes left over from the request (libvhost-user) and with
    the request (rust-vmm): a front-end that takes them for an acknowledgement sees a failure in the second."""
    log = LOG(mmap_size=0x800, mmap_offset=0)
    for answer in (raw(b""), raw((0x800).to_bytes(8, "little")), raw(log.data)):
        with stage.session() as session:
            negotiate(session, LOG_ALL, REPLY_ACK | LOG_SHMFD)
            session.ask("SET_LOG_BASE", log, [session.memory(0x800)], reply=answer)


@scenario()
def bug_queue_index_out_of_range(stage):
    """The front-end names queue 9 of a device that has 2."""
    with stage.session() as session:
        block_device(session)
        session.request("SET_VRING_NUM", vring(9, 128))
        session.request("SET_VRING_BASE", vring(9, 0))


@scenario()
def bug_bit_8_read_as_index(stage):
    """The front-end wants queue 0 to be polled (0x100: no descriptor), and the back-end takes it for queue 256: it
    refuses it in the first session, and drops the connection in the second. In the third it is the front-end that
    takes bit 8 for a part of the index, and sends a descriptor with it."""
    polled = vring_descriptor(0, no_descriptor=True)
    with stage.session() as session:
        set_up_a_queue(session)
        session.confirm("SET_VRING_KICK", polled, result=1)
    with stage.session() as session:
        set_up_a_queue(session)
        session.request("SET_VRING_KICK", polled)
        session.back_end_goes()
    with stage.session() as session:
        set_up_a_queue(session)
        session.request("SET_VRING_CALL", polled, [session.event()])


def block_device(session):
    """A block device with two queues; returns its guest's memory."""
    negotiate(session, 0, REPLY_ACK | MQ | CONFIG)
    session.ask("GET_QUEUE_NUM", reply=U64(value=2))
    session.ask("GET_CONFIG", config(0, bytes(60)), reply=config(0, BLOCK_CONFIGURATION))
    memory = GuestMemory(session, MIB)
    session.confirm("SET_MEM_TABLE", table(memory.region), [memory.file])
    return memory


def set_up_a_queue(session):
    """A block device whose queue 0 is about to be started."""
    memory = block_device(session)
    session.request("SET_VRING_NUM", vring(0, 8))
    session.request("SET_VRING_BASE", vring(0, 0))
    session.request("SET_VRING_ADDR", SplitRing(memory).addresses())


@scenario()
def bug_rem_mem_reg_descriptor(stage):
    """REM_MEM_REG with a descriptor is refused by a back-end that wants none, as the specification has it, and without
    one by a back-end that wants exactly one."""
    for attached in (True, False):
        with stage.session() as session:
            negotiate(session, 0, REPLY_ACK | CONFIGURE_MEM_SLOTS)
            memory = GuestMemory(session, MIB)
            session.confirm("ADD_MEM_REG", single_region(memory.region), [memory.file])
            session.confirm("REM_MEM_REG", single_region(memory.region), [memory.file] if attached else [], result=1)


@scenario()
def bug_features_set_in_mid_run(stage):
    """SET_FEATURES drops MRG_RXBUF while the ring runs: the header before each packet has another size from here on."""
    with stage.session() as session:
        negotiate(session, NET_F_MRG_RXBUF)
        memory = GuestMemory(session, MIB)
        session.confirm("SET_MEM_TABLE", table(memory.region), [memory.file])
        SplitRing(memory).start(session)
        session.request("SET_FEATURES", features(VERSION_1 | PROTOCOL_FEATURES))
        session.ask("GET_VRING_BASE", vring(0, 0), reply=vring(0, 0))


@scenario()
def bug_memory_table_leaves_a_ring_outside(stage):
    """SET_MEM_TABLE under two running rings, the second of which is in no region of the new table."""
    with stage.session() as session:
        negotiate(session)
        memory = GuestMemory(session, MIB)
        half = MIB // 2
        low, high = (REGION(guest_phys_addr=at, memory_size=half, userspace_addr=USER_BASE + at, mmap_offset=at)
                     for at in (0, half))
        session.confirm("SET_MEM_TABLE", table(low, high), [memory.file, memory.file])
        for index, at in enumerate((0, half)):
            SplitRing(memory, index, at).start(session)
        session.confirm("SET_MEM_TABLE", table(low), [memory.file])
        for index in range(2):
            session.ask("GET_VRING_BASE", vring(index, 0), reply=vring(index, 0))


@scenario()
def bug_inflight_before_vrings(stage):
    """SET_INFLIGHT_FD comes before any message about a ring, as it may: the back-end has no ring to keep it in, and
    dies."""
    with stage.session() as session:
        negotiate(session, 0, REPLY_ACK | INFLIGHT_SHMFD)
        area = session.memory(0x1000)
        session.ask("GET_INFLIGHT_FD", INFLIGHT(mmap_size=0, mmap_offset=0, num_queues=1, queue_size=8),
                    reply=INFLIGHT(mmap_size=0x1000, mmap_offset=0, num_queues=1, queue_size=8), reply_files=[area])
        session.request("SET_INFLIGHT_FD", INFLIGHT(mmap_size=0x1000, mmap_offset=0, num_queues=1, queue_size=8), [area],
                        need_reply=True)
        session.back_end_goes()


@scenario()
def bug_iotlb_deadlock(stage):
    """The front-end waits for GET_VRING_BASE and does not read the back-end's channel, on which the back-end waits for a
    translation before it can stop the ring."""
    with stage.session() as session:
        negotiate(session, ACCESS_PLATFORM, REPLY_ACK | BACKEND_REQ)
        channel = back_end_channel(session)
        memory = GuestMemory(session, MIB)
        session.confirm("SET_MEM_TABLE", table(memory.region), [memory.file])
        session.request("SET_VRING_NUM", vring(0, 8))
        session.request("SET_VRING_BASE", vring(0, 0))
        session.request("SET_VRING_ADDR", VRING_ADDRESS(index=0, flags=0, descriptor=0x1000, used=0x3000,
                                                        available=0x2000, log=0))
        session.request("SET_VRING_CALL", vring_descriptor(0), [session.event()])
        session.request("SET_VRING_KICK", vring_descriptor(0), [session.event()])
        session.request("SET_VRING_ENABLE", vring(0, 1))
        session.ask("IOTLB_MSG", IOTLB(iova=0x1000, size=0x1000, user_addr=USER_BASE, perm=3, type=2),
                    reply=acknowledgement())
        session.request("GET_VRING_BASE", vring(0, 0))
        channel.request("IOTLB_MSG", IOTLB(iova=0x3000, size=0, user_addr=0, perm=2, type=1))
        session.silence(LONG)


@scenario()
def bug_second_set_log_base(stage):
    """A second SET_LOG_BASE of the same size comes while the ring writes to the log of the first."""
    with stage.session() as session:
        negotiate(session, 0, REPLY_ACK | LOG_SHMFD, virtio_offered=VERSION_1 | PROTOCOL_FEATURES | LOG_ALL)
        memory = GuestMemory(session, MIB)
        session.confirm("SET_MEM_TABLE", table(memory.region), [memory.file])
        ring = SplitRing(memory)
        ring.start(session)
        log = LOG(mmap_size=0x1000, mmap_offset=0)
        session.ask("SET_LOG_BASE", log, [session.memory(0x1000)], reply=raw(b""))
        session.confirm("SET_FEATURES", features(VERSION_1 | PROTOCOL_FEATURES | LOG_ALL))
        session.confirm("SET_VRING_ADDR", ring.addresses(flags=1))
        session.ask("SET_LOG_BASE", log, [session.memory(0x1000)], reply=raw(b""))
        session.ask("GET_VRING_BASE", vring(0, 0), reply=vring(0, 0))
