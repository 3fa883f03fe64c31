"""What QEMU says happened on the socket, to hold the decoded messages against. DPDK: see dpdk_log."""

import re

QEMU_LINE = re.compile(r"vhost_user_(write|read) req:(\d+) flags:0x([0-9a-f]+)")

REPLY = 1 << 2
NEED_REPLY = 1 << 3


def qemu_messages(trace):
    """(sender, code, flags) of each message that QEMU wrote or read, from its -trace file."""
    if not trace.exists():
        return []
    senders = {"write": "front-end", "read": "back-end"}
    return [(senders[found.group(1)], int(found.group(2)), int(found.group(3), 16))
            for found in QEMU_LINE.finditer(trace.read_text())]


def decoded_messages(messages):
    """The same of decoded message records."""
    return [(message["sender"], message["code"],
             message["version"] | REPLY * message["reply"] | NEED_REPLY * message["need_reply"])
            for message in messages]
