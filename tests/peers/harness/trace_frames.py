"""The Ethernet frames of a network device in a trace's records (of `decode --raw`)."""

from . import records as ask

HEADER = 12  # of virtio-net 1.0, before each frame
RECEIVE, TRANSMIT = 0, 1
NUM_BUFFERS = slice(10, 12)


def sent_frame(chain):
    """A header that the driver says the device is to write (a bug of virtio-user) is not among what was captured."""
    writable_header = chain["descriptors"] and chain["descriptors"][0]["writable"]
    return ask.data_of(chain)[0 if writable_header else HEADER:]


def transmitted(records, queue=TRANSMIT, proven=False):
    """Frames that the driver offered, in order. `proven`: those alone."""
    return [sent_frame(chain) for chain in ask.chains(records, "available")
            if chain["queue"] == queue and (not proven or chain["content"] == "verified")]


def received(records, queue=RECEIVE):
    """Frames that the device put into the driver's buffers, in order: a mergeable one from as many as its header says."""
    frames, missing = [], 0
    for chain in ask.chains(records, "used"):
        if chain["queue"] != queue:
            continue
        data = ask.data_of(chain)
        if missing == 0:
            missing = int.from_bytes(data[NUM_BUFFERS], "little")
            frames.append(data[HEADER:])
        else:
            frames[-1] += data
        missing = max(missing - 1, 0)
    return frames


def lost(records, queue):
    """Chains of a queue that are only counted."""
    return sum(gap["chains"] for gap in ask.of_type(records, "gap") if gap.get("queue") == queue)


def is_part_of(frames, all_frames):
    """Do they all occur there, in that order?"""
    rest = iter(all_frames)
    return all(frame in rest for frame in frames)
