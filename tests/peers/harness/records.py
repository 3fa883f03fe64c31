"""Questions that tests ask of decoded records."""

from collections import Counter


def of_type(records, kind):
    return [record for record in records if record["record"] == kind]


def messages(records, channel="front-end"):
    return [record for record in of_type(records, "message") if record["channel"] == channel]


def chains(records, state):
    return [record for record in of_type(records, "chain") if record["state"] == state]


def data_of(chain):
    """What was captured of a chain step's buffers (of `decode --raw`)."""
    return b"".join(bytes.fromhex(run["bytes"]) if "bytes" in run else bytes(run["zeros"]) for run in chain["data"])


def lost_chains(records):
    return sum(gap.get("chains", 0) for gap in of_type(records, "gap"))


def content_counts(records):
    """How many chain steps have which proof."""
    return Counter(record["content"] for record in of_type(records, "chain"))


def never_used(records):
    """Chains that were made available and neither used nor ended by a new start of their session's queue."""
    waiting = {}
    for record in of_type(records, "chain"):
        key = (record["session"], record["queue"], record["head"])
        if record["state"] == "available":
            waiting[key] = record["seq"]
        else:
            waiting.pop(key, None)
    return sorted(waiting.values())


def block_requests(records):
    """Request types of the used chains of a block device, counted; None where the decoder gave none."""
    return Counter(record["request"]["type"] if "request" in record else None for record in chains(records, "used"))
