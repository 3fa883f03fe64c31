"""What DPDK's vhost library says it read, message for message, to hold the decoded messages against.

It names every request; of many it says what they held, and at level debug whether it answered. What it does not
say is not compared. Open vSwitch writes the same lines in its own log.
"""

import re
from dataclasses import dataclass, field

# Names DPDK 22.11 uses for what the specification calls otherwise today.
NAMES = {"SET_SLAVE_REQ_FD": "SET_BACKEND_REQ_FD"}
NO_FILE = -1
PACKED_INDEX = 0x7FFF
FEATURE_RING_PACKED = 1 << 34

LINE = re.compile(r"VHOST_CONFIG: \((?P<socket>[^)]*)\) +(?P<text>.*)")
REQUEST = re.compile(r"read message VHOST_USER_(\w+)")
ANSWERED = re.compile(r"processing VHOST_USER_\w+ succeeded and needs reply")

# Of which requests it says what, each number as it is written there.
DETAILS = {
    "SET_FEATURES": [r"negotiated Virtio features: (?P<features>0x\w+)"],
    "SET_PROTOCOL_FEATURES": [r"negotiated Vhost-user protocol features: (?P<protocol_features>0x\w+)"],
    "SET_STATUS": [r"new device status\((?P<value>0x\w+)\)"],
    "SET_VRING_CALL": [r"vring call idx:(?P<index>\d+) file:(?P<file>-?\d+)"],
    "SET_VRING_KICK": [r"vring kick idx:(?P<index>\d+) file:(?P<file>-?\d+)"],
    "SET_VRING_BASE": [r"vring base idx:(?P<index>\d+) last_used_idx:\d+ last_avail_idx:(?P<num>\d+)"],
    "GET_VRING_BASE": [r"vring base idx:(?P<index>\d+) file:(?P<num>\d+)"],
    "SET_VRING_ENABLE": [r"set queue enable: (?P<num>\d+) to qp idx: (?P<index>\d+)"],
    "SET_LOG_BASE": [r"log mmap size: (?P<mmap_size>\d+), offset: (?P<mmap_offset>\d+)"],
    "SEND_RARP": [r"MAC: (?P<mac>[0-9A-F:]+)"],
}
REGION_DETAILS = [
    ("memory_size", re.compile(r"guest memory region size: (0x\w+)")),
    ("guest_phys_addr", re.compile(r"guest physical addr: (0x\w+)")),
    ("userspace_addr", re.compile(r"guest virtual  addr: (0x\w+)")),
    ("mmap_offset", re.compile(r"mmap off  : (0x\w+)")),
]
PATTERNS = {name: [re.compile(pattern) for pattern in patterns] for name, patterns in DETAILS.items()}


@dataclass
class Request:
    """One that was read: `said` holds what is known of it. Of a decoded one that is all that the log could say."""
    name: str
    said: dict = field(default_factory=dict)
    regions: list = field(default_factory=list)
    answered: bool = False


def number(text):
    return text if ":" in text else int(text, 0)


def requests(log, socket=None):
    """What a back-end read, in order; `socket`: on this one alone."""
    found = []
    for line in LINE.finditer(log):
        if socket is not None and line["socket"] != str(socket):
            continue
        text = line["text"].strip()
        if match := REQUEST.match(text):
            found.append(Request(NAMES.get(match[1], match[1])))
        elif found:
            take(found[-1], text)
    return found


def take(request, text):
    if ANSWERED.match(text):
        request.answered = True
    for pattern in PATTERNS.get(request.name, ()):
        if match := pattern.match(text):
            request.said = {key: number(value) for key, value in match.groupdict().items()}
    for key, pattern in REGION_DETAILS:
        if match := pattern.match(text):
            if key == "memory_size":
                request.regions.append({})
            request.regions[-1][key] = int(match[1], 16)


def decoded(messages):
    """The same of decoded messages of one session's main channel."""
    found, by_record, packed = [], {}, False
    for message in messages:
        payload = message.get("payload", {})
        if message["sender"] == "back-end":
            request, asked = by_record[message["answers"]]
            # An acknowledgement that was asked for is no answer of the request's own.
            request.answered = not asked["need_reply"]
            if request.name == "GET_VRING_BASE":
                request.said = numbers(payload)
            continue
        request = Request(message["request"], numbers(payload))
        request.regions = [numbers(region) for region in payload.get("regions", ())]
        if request.name in ("SET_VRING_KICK", "SET_VRING_CALL"):
            request.said["file"] = NO_FILE if payload["no_descriptor"] else 0
        if request.name == "SET_FEATURES":
            packed = bool(request.said["features"] & FEATURE_RING_PACKED)
        if request.name == "SET_VRING_BASE" and packed:
            request.said["num"] &= PACKED_INDEX
        found.append(request)
        by_record[message["seq"]] = request, message
    return found


def numbers(payload):
    """The fields that are numbers, and addresses of Ethernet."""
    return {key: value if isinstance(value, int) else number(value.upper().replace("0X", "0x"))
            for key, value in payload.items()
            if isinstance(value, int) or (isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]+|[0-9a-f:]{17}", value))}


def assert_equal(test, log_requests, decoded_requests, answers=True, more_regions=0):
    """Every request by name and order, and each detail that DPDK gives of it. Returns how many messages and details.
    `more_regions`: that capture put beside the front-end's (mode shadow): behind them in a table, before the first of
    those that come one by one."""
    first = next((request for request in log_requests if request.name == "ADD_MEM_REG"), None)
    if more_regions and first:
        log_requests = [request for request in log_requests if request is not first]
    test.assertEqual([request.name for request in decoded_requests], [request.name for request in log_requests])
    details = 0
    for place, (said, seen) in enumerate(zip(log_requests, decoded_requests)):
        where = f"message {place}, {said.name}"
        for key, value in said.said.items():
            if key == "file":  # its number there is its own: only whether there was one
                value = NO_FILE if value < 0 else 0
            test.assertEqual(seen.said.get(key), value, f"{where}: {key}")
            details += 1
        for there, here in zip(said.regions, seen.regions):
            test.assertEqual({key: here[key] for key in there}, there, where)
            details += len(there)
        if said.regions:  # none where it says that they did not change
            test.assertEqual(len(said.regions), len(seen.regions) + more_regions, where)
        if answers:
            test.assertEqual(seen.answered, said.answered, f"{where}: answered")
    return len(log_requests), details
