"""How QEMU 2.9 (2017) behaves as a front-end: 20 requests, and what it does that later ones do not.

After hw/virtio/vhost-user.c of that version: nothing is acknowledged but SET_MEM_TABLE and NET_SET_MTU, and these with REPLY_ACK
only; of a network device with several queue pairs each pair speaks for itself, and only the first sends what is about the
whole device; without KVM no kick and no call eventfd come along.
"""

from harness import payloads
from harness.payloads import LOG, U64, features, protocol_features, raw, table, vring, vring_descriptor
from harness.requests import (LOG_ALL, LOG_SHMFD, MQ, MTU, NET_F_MRG_RXBUF, NET_F_MTU, PROTOCOL_FEATURES, RARP,
                              REPLY_ACK, VERSION_1)
from harness.split_ring import GuestMemory, SplitRing

from .stage import scenario

MIB = 1 << 20
PAIR = 2  # a queue to receive, a queue to send
OFFERED = VERSION_1 | NET_F_MRG_RXBUF | LOG_ALL


@scenario(datapath="relay")
def qemu_2017(stage):
    """A network device on QEMU of 2017: without protocol features (one queue pair, notified, then polled), with two
    queue pairs and all protocol features that it knew, without LOG_SHMFD and REPLY_ACK, and the requests of which it
    had the numbers only."""
    for script in (without_protocol_features, with_polled_rings, with_protocol_features, with_few_protocol_features,
                   with_requests_that_nobody_sent):
        with stage.session() as session:
            script(session)


def without_protocol_features(session):
    session.ask("GET_FEATURES", reply=features(OFFERED))
    session.request("SET_OWNER")
    session.ask("GET_FEATURES", reply=features(OFFERED))
    memory, rings = first_pair(session)
    session.request("SET_FEATURES", features(OFFERED & ~LOG_ALL))
    set_memory(session, memory)
    for ring in rings:
        ring.start(session, enable=False)
    send_a_packet(memory, rings[1])
    migrate(session, rings)
    stop(session, rings)


def with_polled_rings(session):
    """The NOFD bit: no eventfd comes along, and the back-end looks at the ring by itself."""
    session.ask("GET_FEATURES", reply=features(OFFERED))
    session.request("SET_OWNER")
    session.ask("GET_FEATURES", reply=features(OFFERED))
    memory, rings = first_pair(session)
    session.request("SET_FEATURES", features(OFFERED & ~LOG_ALL))
    set_memory(session, memory)
    for ring in rings:
        ring.start(session, kick=False, call=False, enable=False)
    stop(session, rings)


def with_protocol_features(session):
    protocol = MQ | LOG_SHMFD | RARP | REPLY_ACK | MTU
    offered = OFFERED | PROTOCOL_FEATURES | NET_F_MTU
    rings = []
    for pair in range(2):
        session.ask("GET_FEATURES", reply=features(offered))
        session.ask("GET_PROTOCOL_FEATURES", reply=protocol_features(protocol))
        session.request("SET_PROTOCOL_FEATURES", protocol_features(protocol))
        if pair == 0:  # what is about the whole device is sent once
            session.ask("GET_QUEUE_NUM", reply=U64(value=2))
            session.request("SET_OWNER")
            memory = GuestMemory(session, MIB)
        session.ask("GET_FEATURES", reply=features(offered))
        rings += [SplitRing(memory, index, at=0x4000 * index) for index in range(PAIR * pair, PAIR * (pair + 1))]
    session.confirm("NET_SET_MTU", U64(value=1500))
    for pair in range(2):
        session.request("SET_FEATURES", features(offered & ~LOG_ALL))
        if pair == 0:
            session.confirm("SET_MEM_TABLE", table(memory.region), [memory.file])
        for ring in rings[PAIR * pair:PAIR * (pair + 1)]:
            ring.start(session)
    send_a_packet(memory, rings[1])
    migrate(session, rings, shared_log=True)
    session.request("SEND_RARP", payloads.mac(0x52, 0x54, 0x00, 0x12, 0x34, 0x56))
    for ring in rings:
        session.request("SET_VRING_ENABLE", vring(ring.index, 0))
    stop(session, rings)


def with_few_protocol_features(session):
    """SET_LOG_BASE without LOG_SHMFD: neither a descriptor nor an answer. RARP without REPLY_ACK."""
    offered = OFFERED | PROTOCOL_FEATURES
    session.ask("GET_FEATURES", reply=features(offered))
    session.ask("GET_PROTOCOL_FEATURES", reply=protocol_features(RARP))
    session.request("SET_PROTOCOL_FEATURES", protocol_features(RARP))
    session.request("SET_OWNER")
    session.ask("GET_FEATURES", reply=features(offered))
    memory, rings = first_pair(session)
    session.request("SET_FEATURES", features(offered & ~LOG_ALL))
    set_memory(session, memory)
    for ring in rings:
        ring.start(session)
    migrate(session, rings, more_features=PROTOCOL_FEATURES)
    session.request("SEND_RARP", payloads.mac(0x52, 0x54, 0x00, 0x12, 0x34, 0x57))
    stop(session, rings)


def with_requests_that_nobody_sent(session):
    session.ask("GET_FEATURES", reply=features(OFFERED))
    session.request("SET_OWNER")
    session.request("SET_FEATURES", features(OFFERED & ~LOG_ALL))
    session.request("SET_LOG_FD", files=[session.event()])
    session.request("SET_VRING_ERR", vring_descriptor(0), [session.event()])
    session.request("RESET_OWNER")


def first_pair(session):
    memory = GuestMemory(session, MIB)
    return memory, [SplitRing(memory, index, at=0x4000 * index) for index in range(PAIR)]


def set_memory(session, memory):
    session.request("SET_MEM_TABLE", table(memory.region), [memory.file])


def send_a_packet(memory, ring):
    header = bytes(12)
    memory.write(0x80000, header + bytes.fromhex("ffffffffffff525400123456") + b"\x08\x06" + bytes(46))
    head = ring.offer((0x80000, len(header) + 60, False))
    ring.kick()
    ring.complete(head, 0)
    ring.call()


def migrate(session, rings, shared_log=False, more_features=0):
    """The log goes over with LOG_SHMFD only; then logging is switched on, and the rings' own writes are logged."""
    size = 0x1000
    log = LOG(mmap_size=size, mmap_offset=0)
    if shared_log:
        session.ask("SET_LOG_BASE", log, [session.memory(size)], reply=raw(size.to_bytes(8, "little")))
        more_features = PROTOCOL_FEATURES | NET_F_MTU
    else:
        session.request("SET_LOG_BASE", log)
    session.request("SET_FEATURES", features(OFFERED | more_features))
    for ring in rings:
        session.request("SET_VRING_ADDR", ring.addresses(flags=1))


def stop(session, rings):
    for ring in rings:
        session.ask("GET_VRING_BASE", vring(ring.index, 0), reply=vring(ring.index, ring.offered))

