"""Payloads, field by field: the bytes that go on the wire, and what a decoder must show of them.

Written from the specification's tables and independent of vutrace's own encoder. A field is shown as interface.md says: 64-bit
addresses, features and masks as "0x…", counts, sizes and indices as numbers. Padding is zero and not shown.
"""

import struct
import uuid as uuids
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Payload:
    data: bytes = b""
    fields: dict = field(default_factory=dict)  # as decode --json has them; empty where there is nothing to show

    def __add__(self, other):
        return Payload(self.data + other.data, self.fields | other.fields)


NOTHING = Payload()


def number(name, size=8):
    return name, size, int


def address(name):
    return name, 8, hex


def blob(name, size):
    return name, size, bytes.hex


def padding(size):
    return None, size, None


class Layout:
    """Builds payloads of one kind: a value for each field by name."""

    def __init__(self, *fields):
        self._fields = fields

    def __call__(self, **values):
        data, shown = b"", {}
        for name, size, show in self._fields:
            value = values.pop(name) if name else 0
            data += value.ljust(size, b"\0") if isinstance(value, bytes) else value.to_bytes(size, "little")
            if name:
                shown[name] = show(data[-size:] if isinstance(value, bytes) else value)
        if values:
            raise TypeError(f"no such fields: {', '.join(values)}")
        return Payload(data, shown)


def raw(data):
    """Bytes whose layout nobody knows: shown as `data`."""
    return Payload(data, {"data": data.hex()} if data else {})


U64 = Layout(number("value"))
U32 = Layout(number("value", 4))
FEATURES = Layout(address("features"))
PROTOCOL_FEATURES = Layout(address("protocol_features"))
VRING_STATE = Layout(number("index", 4), number("num", 4))
VRING_ADDRESS = Layout(number("index", 4), number("flags", 4), address("descriptor"), address("used"),
                       address("available"), address("log"))
LOG = Layout(number("mmap_size"), number("mmap_offset"))
LOG_SIZE_ONLY = Layout(number("mmap_size"))
IOTLB = Layout(address("iova"), number("size"), address("user_addr"), number("perm", 1), number("type", 1), padding(6))
INFLIGHT = Layout(number("mmap_size"), number("mmap_offset"), number("num_queues", 2), number("queue_size", 2),
                  padding(4))
INFLIGHT_UNPADDED = Layout(number("mmap_size"), number("mmap_offset"), number("num_queues", 2), number("queue_size", 2))
TRANSFER = Layout(number("direction", 4), number("phase", 4))
SHARED_MAP = Layout(number("shmid", 1), padding(7), number("fd_offset"), number("shm_offset"), number("len"),
                    address("flags"))
REGION = Layout(address("guest_phys_addr"), number("memory_size"), address("userspace_addr"), number("mmap_offset"))
XEN_REGION = Layout(address("guest_phys_addr"), number("memory_size"), address("userspace_addr"), number("mmap_offset"),
                    number("xen_mmap_flags", 4), number("domid", 4))


def acknowledgement(value=0):
    return U64(value=value)


def features(value):
    return FEATURES(features=value)


def protocol_features(value):
    return PROTOCOL_FEATURES(protocol_features=value)


def vring(index, num):
    return VRING_STATE(index=index, num=num)


def vring_descriptor(index, no_descriptor=False):
    """Of SET_VRING_KICK, CALL and ERR: bits 0-7 the queue, bit 8 says that no descriptor comes along."""
    return Payload(struct.pack("<Q", index | no_descriptor << 8),
                   {"index": index, "no_descriptor": int(no_descriptor)})


def table(*regions):
    """SET_MEM_TABLE: the count, padding, the regions."""
    return Payload(struct.pack("<II", len(regions), 0) + b"".join(region.data for region in regions),
                   {"nregions": len(regions), "regions": [region.fields for region in regions]})


def single_region(region):
    """ADD_MEM_REG and REM_MEM_REG: padding, one region."""
    return Payload(struct.pack("<Q", 0) + region.data, {"region": region.fields})


def config(offset, data, flags=0):
    return Payload(struct.pack("<III", offset, len(data), flags) + data,
                   {"offset": offset, "size": len(data), "flags": flags, "data": data.hex()})


def mac(*parts):
    return Payload(bytes(parts) + bytes(2), {"mac": ":".join(f"{part:02x}" for part in parts)})


def uuid(text):
    return Payload(uuids.UUID(text).bytes, {"uuid": text})


def vring_area(index, size, offset, no_descriptor=False):
    return Payload(struct.pack("<QQQ", index | no_descriptor << 8, size, offset),
                   {"index": index, "no_descriptor": int(no_descriptor), "size": size, "offset": offset})


def device_state_reply(error, no_descriptor):
    return Payload(struct.pack("<Q", error | no_descriptor << 8), {"error": error, "no_descriptor": int(no_descriptor)})


def shmem_config(sizes):
    """256 sizes by region number; zeros at the end are not shown."""
    return Payload(struct.pack("<II", sum(size > 0 for size in sizes), 0) + struct.pack("<256Q", *sizes, *[0] * (256 - len(sizes))),
                   {"nregions": sum(size > 0 for size in sizes), "sizes": list(sizes)})


_SYMMETRIC = (number("cipher_alg", 4), number("key_len", 4), number("hash_alg", 4), number("hash_result_len", 4),
              number("auth_key_len", 4), number("add_len", 4), number("op_type", 1), number("direction", 1),
              number("hash_mode", 1), number("alg_chain_order", 1))
_SYMMETRIC_KEYS = (address("cipher_key_pointer"), address("auth_key_pointer"), blob("key", 64), blob("auth_key", 512))
CRYPTO_SESSION = Layout(number("op_code"), *_SYMMETRIC, padding(4), *_SYMMETRIC_KEYS, padding(432),
                        number("session_id"))
CRYPTO_SESSION_OLD = Layout(number("session_id"), number("op_code", 4), *_SYMMETRIC, *_SYMMETRIC_KEYS)
CRYPTO_SESSION_ASYMMETRIC = Layout(
    number("op_code"), number("algo", 4), number("keytype", 4), number("keylen", 4), padding(4),
    address("key_pointer"), number("rsa_padding_algo", 4), number("rsa_hash_algo", 4), blob("key", 1024),
    number("session_id"))

CURSOR_POSITION = Layout(number("scanout_id", 4), number("x", 4), number("y", 4))
CURSOR_UPDATE = Layout(number("scanout_id", 4), number("x", 4), number("y", 4), number("hot_x", 4), number("hot_y", 4),
                       blob("data", 64 * 64 * 4))
SCANOUT = Layout(number("scanout_id", 4), number("width", 4), number("height", 4))
UPDATE = Layout(number("scanout_id", 4), number("x", 4), number("y", 4), number("width", 4), number("height", 4))
_DMABUF_SCANOUT = (number("scanout_id", 4), number("x", 4), number("y", 4), number("width", 4), number("height", 4),
                   number("fd_width", 4), number("fd_height", 4), number("fd_stride", 4), number("fd_flags", 4),
                   number("fd_drm_fourcc", 4))
DMABUF_SCANOUT = Layout(*_DMABUF_SCANOUT)
DMABUF_SCANOUT2 = Layout(*_DMABUF_SCANOUT, address("modifier"))
_GPU_HEADER = (number("type", 4), number("flags", 4), number("fence_id"), number("ctx_id", 4), number("ring_idx", 1),
               padding(3))
_DISPLAY_INFO = Layout(*_GPU_HEADER)
_DISPLAY = Layout(number("x", 4), number("y", 4), number("width", 4), number("height", 4), number("enabled", 4),
                  number("flags", 4))
EDID = Layout(*_GPU_HEADER, number("size", 4), padding(4), blob("edid", 1024))


def display_info(header, displays):
    """virtio_gpu_resp_display_info: 16 displays; unused ones at the end are not shown."""
    shown = [_DISPLAY(**display) for display in displays]
    unused = bytes(len(shown[0].data) * (16 - len(shown)))
    return _DISPLAY_INFO(**header) + Payload(b"".join(display.data for display in shown) + unused,
                                             {"pmodes": [display.fields for display in shown]})


CROSVM_GPU_MAP = Layout(number("shmid", 1), padding(7), number("shm_offset"), number("len"), number("memory_idx", 4),
                        number("handle_type", 4))
CROSVM_EXTERNAL_MAP = Layout(number("shmid", 1), padding(7), number("shm_offset"), number("len"), address("ptr"))


def crosvm_gpu_map(device_uuid, driver_uuid, **values):
    return CROSVM_GPU_MAP(**values) + Payload(uuids.UUID(device_uuid).bytes + uuids.UUID(driver_uuid).bytes,
                                              {"device_uuid": device_uuid, "driver_uuid": driver_uuid})
