"""Every request of the three channels, with the answers and shapes that known peers send, in sessions by kind of device."""

import os
import struct
from ctypes import CDLL, get_errno

from harness import payloads, requests
from harness.payloads import (INFLIGHT, IOTLB, LOG, LOG_SIZE_ONLY, REGION, Payload, SHARED_MAP, TRANSFER, U32, U64,
                              VRING_ADDRESS, XEN_REGION, acknowledgement, config, device_state_reply, raw,
                              single_region, table, vring, vring_area, vring_descriptor)

from .stage import back_end_channel, negotiate, scenario

MIB = 1 << 20
LOW = REGION(guest_phys_addr=0, memory_size=MIB, userspace_addr=0x7f0000000000, mmap_offset=0)
HIGH = REGION(guest_phys_addr=0x100000000, memory_size=2 * MIB, userspace_addr=0x7f0100000000, mmap_offset=MIB)
FOREIGN = XEN_REGION(guest_phys_addr=0, memory_size=MIB, userspace_addr=0, mmap_offset=0, xen_mmap_flags=1, domid=7)
GRANTED = XEN_REGION(guest_phys_addr=1 << 63, memory_size=MIB, userspace_addr=0, mmap_offset=0, xen_mmap_flags=2,
                     domid=7)
OBJECT = "a3c1b2d4-0123-4567-89ab-cdef00112233"
DRIVER = "00112233-4455-6677-8899-aabbccddeeff"
MISS, UPDATE, INVALIDATE, ACCESS_FAIL = 1, 2, 3, 4
READ, WRITE = 1, 2
SAVE, LOAD = 0, 1
STOPPED = 0
# virtio-blk: capacity, size_max, seg_max; geometry; blk_size; topology; writeback, num_queues; discard; write zeroes.
BLOCK_CONFIGURATION = struct.pack("<QII HBB I BBHI BxH III IIBxxx", 0x4000, 0, 126, 0, 0, 0, 512, 0, 0, 1, 1, 0, 2,
                                  0x8000, 1, 1, 0x8000, 1, 0)


@scenario()
def every_request(stage):
    """Every request that is known, with the answers of all known shapes and their descriptors."""
    for device in (network_device, block_device, postcopy_target, postcopy_refused, crypto_device, gpu_device,
                   crosvm_device, xen_guest, xen_guest_with_memory_slots, odd_answers):
        with stage.session() as session:
            device(session)


def network_device(session):
    negotiate(session, requests.NET_F_MTU | requests.LOG_ALL | requests.ACCESS_PLATFORM,
              requests.REPLY_ACK | requests.MQ | requests.LOG_SHMFD | requests.RARP | requests.MTU |
              requests.BACKEND_REQ | requests.CROSS_ENDIAN | requests.BACKEND_SEND_FD | requests.HOST_NOTIFIER)
    session.ask("GET_QUEUE_NUM", reply=U64(value=2))
    channel = back_end_channel(session)
    session.confirm("NET_SET_MTU", U64(value=1500))
    memory = session.memory(3 * MIB)
    session.confirm("SET_MEM_TABLE", table(LOW, HIGH), [memory, memory])
    for queue in (0, 1):
        start_queue(session, queue)
    session.ask("IOTLB_MSG", IOTLB(iova=0x1000, size=0x1000, user_addr=0x7f0000002000, perm=READ | WRITE, type=UPDATE),
                reply=acknowledgement(), need_reply=True)
    channel.request("IOTLB_MSG", IOTLB(iova=0x5000, size=0x1000, user_addr=0, perm=READ, type=MISS))
    session.ask("IOTLB_MSG", IOTLB(iova=0x5000, size=0x1000, user_addr=0x7f0000006000, perm=READ, type=UPDATE),
                reply=acknowledgement())
    channel.confirm("IOTLB_MSG", IOTLB(iova=0x9000, size=1, user_addr=0, perm=WRITE, type=ACCESS_FAIL))
    session.ask("IOTLB_MSG", IOTLB(iova=0x1000, size=0x1000, user_addr=0, perm=0, type=INVALIDATE),
                reply=acknowledgement(), need_reply=True)
    channel.confirm("VRING_HOST_NOTIFIER_MSG", vring_area(1, 4096, 8192), [session.memory(MIB)])
    channel.confirm("VRING_HOST_NOTIFIER_MSG", vring_area(1, 4096, 0, no_descriptor=True))
    session.ask("SET_LOG_BASE", LOG(mmap_size=0x100000, mmap_offset=0), [session.memory(MIB)],
                reply=raw((0x100000).to_bytes(8, "little")))
    session.confirm("SET_LOG_FD", files=[session.event()])
    session.request("SEND_RARP", payloads.mac(0x52, 0x54, 0x00, 0x12, 0x34, 0x56))
    for queue in (0, 1):
        session.confirm("SET_VRING_ENABLE", vring(queue, 0))
        session.ask("GET_VRING_BASE", vring(queue, 0), reply=vring(queue, 0))
    session.request("RESET_OWNER")


def start_queue(session, queue):
    session.request("SET_VRING_NUM", vring(queue, 256))
    session.request("SET_VRING_ENDIAN", vring(queue, 0))
    session.request("SET_VRING_BASE", vring(queue, 0))
    session.request("SET_VRING_ADDR", VRING_ADDRESS(index=queue, flags=1, descriptor=0x10000 + 0x10000 * queue,
                                                    used=0x14000 + 0x10000 * queue,
                                                    available=0x12000 + 0x10000 * queue,
                                                    log=0x14000 + 0x10000 * queue))
    session.request("SET_VRING_ERR", vring_descriptor(queue), [session.event()])
    session.request("SET_VRING_CALL", vring_descriptor(queue), [session.event()])
    session.request("SET_VRING_KICK", vring_descriptor(queue), [session.event()])
    session.request("SET_VRING_ENABLE", vring(queue, 1))


def block_device(session):
    negotiate(session, 0, requests.REPLY_ACK | requests.MQ | requests.BACKEND_REQ | requests.CONFIG |
              requests.INFLIGHT_SHMFD | requests.RESET_DEVICE | requests.INBAND_NOTIFICATIONS |
              requests.CONFIGURE_MEM_SLOTS | requests.STATUS | requests.DEVICE_STATE |
              requests.GET_VRING_BASE_INFLIGHT | requests.GET_VRING_BASE_SKIP_DRAIN)
    session.ask("GET_QUEUE_NUM", reply=U64(value=2))
    session.ask("GET_MAX_MEM_SLOTS", reply=U64(value=32))
    channel = back_end_channel(session)
    configuration(session, channel)
    session.request("SET_STATUS", U64(value=0x0b))
    session.ask("GET_STATUS", reply=U64(value=0x0b))
    session.confirm("ADD_MEM_REG", single_region(LOW), [session.memory(MIB)])
    session.confirm("ADD_MEM_REG", single_region(HIGH), [session.memory(3 * MIB)])
    area = session.memory(0x1000)
    session.ask("GET_INFLIGHT_FD", INFLIGHT(mmap_size=0, mmap_offset=0, num_queues=2, queue_size=128),
                reply=INFLIGHT(mmap_size=0x1000, mmap_offset=0, num_queues=2, queue_size=128), reply_files=[area])
    session.request("SET_INFLIGHT_FD", INFLIGHT(mmap_size=0x1000, mmap_offset=0, num_queues=2, queue_size=128), [area])
    in_band_queue(session, channel)
    device_state(session)
    session.confirm("REM_MEM_REG", single_region(HIGH))
    session.confirm("REM_MEM_REG", single_region(LOW), [session.memory(MIB)])
    session.confirm("RESET_DEVICE")


def configuration(session, channel):
    session.ask("GET_CONFIG", config(0, bytes(60)), reply=config(0, BLOCK_CONFIGURATION))
    session.confirm("SET_CONFIG", config(32, b"\1"))
    session.confirm("SET_CONFIG", config(0, BLOCK_CONFIGURATION, flags=1))
    channel.confirm("CONFIG_CHANGE_MSG")


def in_band_queue(session, channel):
    session.request("SET_VRING_NUM", vring(0, 128))
    session.request("SET_VRING_BASE", vring(0, 0))
    session.request("SET_VRING_ADDR", VRING_ADDRESS(index=0, flags=0, descriptor=0x7f0000010000, used=0x7f0000012000,
                                                    available=0x7f0000011000, log=0))
    for request in ("SET_VRING_CALL", "SET_VRING_ERR", "SET_VRING_KICK"):
        session.request(request, vring_descriptor(0, no_descriptor=True))
    session.request("SET_VRING_ENABLE", vring(0, 1))
    session.confirm("VRING_KICK", vring(0, 0))
    channel.request("VRING_CALL", vring(0, 0))
    channel.confirm("VRING_ERR", vring(0, 0))
    session.ask("GET_VRING_BASE_SKIP_DRAIN", vring(0, 0), reply=vring(0, 3))


def device_state(session):
    reading, writing = session.pipe()
    instead, _ = session.pipe()
    session.ask("SET_DEVICE_STATE_FD", TRANSFER(direction=SAVE, phase=STOPPED), [writing],
                reply=device_state_reply(0, no_descriptor=True))
    session.ask("CHECK_DEVICE_STATE", reply=acknowledgement())
    session.ask("SET_DEVICE_STATE_FD", TRANSFER(direction=LOAD, phase=STOPPED), [reading],
                reply=device_state_reply(0, no_descriptor=False), reply_files=[instead])
    session.ask("CHECK_DEVICE_STATE", reply=acknowledgement(1))
    session.ask("SET_DEVICE_STATE_FD", TRANSFER(direction=LOAD, phase=STOPPED), [reading],
                reply=device_state_reply(1, no_descriptor=True))


def userfaultfd(session):
    """userfaultfd(2), for user mode only: that needs no privilege."""
    number, user_mode_only = 323, 1
    descriptor = CDLL(None, use_errno=True).syscall(number, os.O_CLOEXEC | user_mode_only)
    if descriptor < 0:
        raise OSError(get_errno(), "userfaultfd")
    return session.adopt(descriptor, "userfaultfd")


def postcopy_target(session):
    negotiate(session, 0, requests.REPLY_ACK | requests.PAGEFAULT)
    session.ask("POSTCOPY_ADVISE", reply_files=[userfaultfd(session)])
    session.confirm("POSTCOPY_LISTEN")
    bases = [REGION(**{**numbers(region), "userspace_addr": base})
             for region, base in ((LOW, 0x7e0000000000), (HIGH, 0x7e0100000000))]
    memory = session.memory(3 * MIB)
    session.ask("SET_MEM_TABLE", table(LOW, HIGH), [memory, memory], reply=table(*bases))
    session.request("SET_MEM_TABLE", acknowledgement())
    session.ask("POSTCOPY_END", reply=acknowledgement(), need_reply=True)


def postcopy_refused(session):
    """No userfaultfd comes back; then listening as libvhost-user has it, and the specification's empty acknowledgement."""
    negotiate(session, 0, requests.REPLY_ACK | requests.PAGEFAULT)
    session.ask("POSTCOPY_ADVISE")
    session.ask("POSTCOPY_LISTEN", reply=acknowledgement())
    session.ask("SET_MEM_TABLE", table(LOW), [session.memory(MIB)], reply=table(LOW))
    session.request("SET_MEM_TABLE")
    session.ask("POSTCOPY_END", reply=acknowledgement())


def numbers(region):
    return {name: int(value, 16) if isinstance(value, str) else value for name, value in region.fields.items()}


def crypto_device(session):
    negotiate(session, 0, requests.REPLY_ACK | requests.CRYPTO_SESSION)
    keys = {"cipher_key_pointer": 0x7f0000001000, "auth_key_pointer": 0, "key": bytes(range(16)), "auth_key": b"\x55"}
    sizes = {"cipher_alg": 3, "key_len": 16, "hash_alg": 0, "hash_result_len": 0, "auth_key_len": 1, "add_len": 0,
             "op_type": 1, "direction": 1, "hash_mode": 0, "alg_chain_order": 0}
    asymmetric = {"op_code": 0x404, "algo": 1, "keytype": 2, "keylen": 4, "key_pointer": 0x7f0000002000,
                  "rsa_padding_algo": 1, "rsa_hash_algo": 3, "key": b"\1\2\3\4"}
    for layout, fields in ((payloads.CRYPTO_SESSION, {"op_code": 0x2, **sizes, **keys}),
                           (payloads.CRYPTO_SESSION_OLD, {"op_code": 0x2, **sizes, **keys}),
                           (payloads.CRYPTO_SESSION_ASYMMETRIC, asymmetric)):
        session.ask("CREATE_CRYPTO_SESSION", layout(session_id=0, **fields), reply=layout(session_id=5, **fields))
        session.confirm("CLOSE_CRYPTO_SESSION", U64(value=5))


def gpu_device(session):
    negotiate(session, 0, requests.REPLY_ACK | requests.BACKEND_REQ | requests.BACKEND_SEND_FD |
              requests.SHARED_OBJECT | requests.SHMEM)
    channel = back_end_channel(session)
    display(session, session.open_channel("gpu", "GPU_SET_SOCKET", need_reply=True))
    shared_objects(session, channel)
    session.ask("GET_SHMEM_CONFIG", reply=payloads.shmem_config([0, 16 * MIB, 0, 4096]))
    mapping = SHARED_MAP(shmid=1, fd_offset=4096, shm_offset=8192, len=MIB, flags=1)
    channel.confirm("SHMEM_MAP", mapping, [session.memory(2 * MIB)])
    channel.confirm("SHMEM_UNMAP", mapping)


def shared_objects(session, channel):
    channel.confirm("SHARED_OBJECT_ADD", payloads.uuid(OBJECT))
    found = channel.request("SHARED_OBJECT_LOOKUP", payloads.uuid(OBJECT))
    channel.reply(found, acknowledgement(), [session.memory(4096)])
    channel.ask("SHARED_OBJECT_LOOKUP", payloads.uuid(OBJECT), [session.memory(4096)], reply=acknowledgement(1))
    session.ask("GET_SHARED_OBJECT", payloads.uuid(OBJECT), reply=payloads.uuid(OBJECT),
                reply_files=[session.memory(4096)])
    session.ask("GET_SHARED_OBJECT")
    channel.confirm("SHARED_OBJECT_REMOVE", payloads.uuid(OBJECT))


def display(session, gpu):
    header = {"type": 0x1101, "flags": 0, "fence_id": 0, "ctx_id": 0, "ring_idx": 0}
    gpu.ask("GET_PROTOCOL_FEATURES", reply=U64(value=3))
    gpu.request("SET_PROTOCOL_FEATURES", U64(value=3))
    screens = [{"x": 0, "y": 0, "width": 1024, "height": 768, "enabled": 1, "flags": 0},
               {"x": 1024, "y": 0, "width": 640, "height": 480, "enabled": 0, "flags": 0}]
    gpu.ask("GET_DISPLAY_INFO", reply=payloads.display_info(header, screens))
    gpu.ask("GET_EDID", U32(value=1), reply=payloads.EDID(**{**header, "type": 0x1104}, size=128,
                                                          edid=bytes.fromhex("00ffffffffffff00")))
    gpu.request("CURSOR_POS", payloads.CURSOR_POSITION(scanout_id=0, x=10, y=20))
    gpu.request("CURSOR_POS_HIDE", payloads.CURSOR_POSITION(scanout_id=0, x=0, y=0))
    gpu.request("CURSOR_UPDATE", payloads.CURSOR_UPDATE(scanout_id=0, x=1, y=2, hot_x=3, hot_y=4, data=b"\xff\0\xff"))
    gpu.request("SCANOUT", payloads.SCANOUT(scanout_id=0, width=1024, height=768))
    gpu.request("UPDATE", payloads.UPDATE(scanout_id=0, x=5, y=6, width=2, height=2) + raw(bytes(range(16))))
    buffer = {"scanout_id": 0, "x": 0, "y": 0, "width": 640, "height": 480, "fd_width": 640, "fd_height": 480,
              "fd_stride": 2560, "fd_flags": 0, "fd_drm_fourcc": 0x34325258}
    gpu.request("DMABUF_SCANOUT", payloads.DMABUF_SCANOUT(**buffer), [session.memory(4096)])
    gpu.ask("DMABUF_UPDATE", payloads.UPDATE(scanout_id=0, x=0, y=0, width=640, height=480))
    gpu.request("DMABUF_SCANOUT2", payloads.DMABUF_SCANOUT2(**buffer, modifier=0x100000000000001),
                [session.memory(4096)])
    gpu.request("DMABUF_SCANOUT", payloads.DMABUF_SCANOUT(**dict.fromkeys(buffer, 0)))


def crosvm_device(session):
    negotiate(session, 0, requests.REPLY_ACK | requests.BACKEND_REQ | requests.BACKEND_SEND_FD)
    channel = back_end_channel(session)
    channel.confirm("DEPRECATED__FS_MAP", raw(bytes(range(24))), [session.memory(4096)])
    for request in ("DEPRECATED__FS_UNMAP", "DEPRECATED__FS_SYNC", "DEPRECATED__FS_IO"):
        channel.confirm(request, raw(b"draft"))
    channel.ask("GPU_MAP", payloads.crosvm_gpu_map(OBJECT, DRIVER, shmid=0, shm_offset=4096, len=MIB, memory_idx=2,
                                                   handle_type=1), [session.memory(MIB)], reply=acknowledgement())
    channel.ask("EXTERNAL_MAP", payloads.CROSVM_EXTERNAL_MAP(shmid=0, shm_offset=MIB, len=4096, ptr=0x7f0000003000),
                reply=acknowledgement())


def xen_guest(session):
    negotiate(session, 0, requests.REPLY_ACK | requests.XEN_MMAP)
    session.confirm("SET_MEM_TABLE", table(FOREIGN, GRANTED), [session.memory(MIB), session.memory(MIB)])


def xen_guest_with_memory_slots(session):
    negotiate(session, 0, requests.REPLY_ACK | requests.XEN_MMAP | requests.CONFIGURE_MEM_SLOTS)
    session.confirm("ADD_MEM_REG", single_region(FOREIGN), [session.memory(MIB)])
    session.confirm("ADD_MEM_REG", single_region(GRANTED), [session.memory(MIB)])
    session.confirm("REM_MEM_REG", single_region(FOREIGN))


def odd_answers(session):
    negotiate(session, requests.LOG_ALL, requests.REPLY_ACK | requests.LOG_SHMFD | requests.CONFIG |
              requests.INFLIGHT_SHMFD)
    whole = LOG(mmap_size=0x1000, mmap_offset=0)
    for answer in (raw(b""), raw(bytes(8)), raw(whole.data)):
        session.ask("SET_LOG_BASE", whole, [session.memory(0x1000)], reply=answer)
    session.ask("SET_LOG_BASE", LOG_SIZE_ONLY(mmap_size=0x1000), [session.memory(0x1000)], reply=raw(b""))
    session.ask("GET_CONFIG", config(0, bytes(8)))
    session.ask("GET_CONFIG", config(0, bytes(8)), reply=config(0, b""))
    session.ask("GET_CONFIG", config(0, bytes(256)), reply=config(0, bytes(256)))
    session.ask("GET_INFLIGHT_FD", INFLIGHT(mmap_size=0, mmap_offset=0, num_queues=1, queue_size=128),
                reply=INFLIGHT(mmap_size=0, mmap_offset=0, num_queues=1, queue_size=128))
    session.request("SET_INFLIGHT_FD", payloads.INFLIGHT_UNPADDED(mmap_size=0x1000, mmap_offset=0, num_queues=1,
                                                                  queue_size=128), [session.memory(0x1000)])
    session.confirm("SET_VRING_NUM", vring(0, 256))


@scenario()
def unknown_requests(stage):
    """Numbers that are in no specification, with bytes and descriptors, on each channel."""
    with stage.session() as session:
        negotiate(session, 0, requests.REPLY_ACK | requests.BACKEND_REQ)
        channels = [session, back_end_channel(session), session.open_channel("gpu", "GPU_SET_SOCKET")]
        for number, channel in enumerate(channels, 200):
            channel.request("UNKNOWN", Payload(b"nobody knows"), [session.memory(4096), session.event()], code=number)


@scenario()
def refused_requests(stage):
    """What the back-end says no to, by acknowledgements that are not 0."""
    with stage.session() as session:
        negotiate(session, 0, requests.REPLY_ACK | requests.CONFIG)
        session.confirm("SET_VRING_NUM", vring(3, 3), result=1)
        session.confirm("SET_CONFIG", config(0, bytes(4)), result=(1 << 64) - 22)
