#!/usr/bin/env python3
"""What each data path mode costs a network device that polls, and what it loses.

    tests/benchmarks/network_throughput.py [--peers two|loop] [--pairs N] [--seconds S] [--packed]
                                           [--modes 'tap' 'tap --budget 100' ...] [--trace FILE]

With `--peers two` one testpmd only sends and one only receives, each on a core of its own: on a machine of two, capture
takes what they leave. With `loop` one testpmd is both ends, on the first core, and capture has the second to itself:
frames go around in both directions.

A pair is a session without capture and one with it, one after the other; the median of the pairs' ratios is printed, and
of all sessions what the traces hold: chains seen, lost, and steps that are not `verified`. Frames are those that the
receivers count. `--trace /dev/null` leaves out what the file costs, and the counts.
"""
import argparse
import os
import re
import shutil
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))
from harness import vutrace  # noqa: E402
from harness.testpmd import TestPmdBackEnd, TestPmdFrontEnd, write_frames  # noqa: E402
from harness.testpmd_loop import BURST, TestPmdLoop  # noqa: E402
from harness.waiting import wait_until  # noqa: E402
from harness.workspace import Workspace  # noqa: E402

WARM_UP_SECONDS = 0.5


class TwoPeers:
    """One end sends what the other receives."""

    def __init__(self, workspace, stack):
        self.workspace, self.stack = workspace, stack
        self.nothing = write_frames(workspace.file("nothing.pcap"), [b"\xff" * 60])
        self.back_end = stack.enter_context(TestPmdBackEnd(workspace, self.nothing))
        self.socket = self.back_end.socket

    def begin(self, socket, packed):
        front_end = self.stack.enter_context(TestPmdFrontEnd(self.workspace, socket, self.nothing, packed=packed))
        self.back_end.wait_for_queues(2)
        for end, forward in ((self.back_end, "rxonly"), (front_end, "txonly")):
            for command in (f"set fwd {forward}", "set portlist 0", "start"):
                end.command(command)
        self.ends = (front_end, self.back_end)

    def received(self):
        before = len(self.back_end.stdout)
        self.back_end.command("show port stats 0")
        pattern = re.compile(r"RX-packets: (\d+)")
        found = wait_until(lambda: pattern.search(self.back_end.stdout, before), "the receiver's statistics", 10)
        return int(found.group(1))

    def end(self):
        for end in self.ends:
            end.finish()


class Loop:
    """Both ends in one process. As many frames as a quarter of each ring holds: one more than there is room for is dropped."""

    def __init__(self, workspace, stack, **options):
        self.testpmd = stack.enter_context(TestPmdLoop(workspace, **options))
        self.socket = self.testpmd.socket
        self.received = self.testpmd.received
        self.end = self.testpmd.finish

    def begin(self, socket, packed):
        self.testpmd.connect_front_end(socket, packed)
        self.testpmd.start(self.testpmd.ring_size // BURST // 4)


def keep_to_second_processor(process):
    """The loop has the first one."""
    for thread in Path(f"/proc/{process.pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {1})


PEERS = {"two": TwoPeers, "loop": Loop}


def session(number, mode, arguments):
    """Frames a second, and the summary of the trace; none without a mode."""
    workspace = Workspace(f"network-throughput-{number}")
    with ExitStack() as stack:
        stack.callback(workspace.close, False)
        peers = PEERS[arguments.peers](workspace, stack)
        socket, capture = peers.socket, None
        if mode:
            trace = arguments.trace or Path("/dev/shm") / f"vutrace-network-{number}.pcap"
            if not arguments.trace:
                stack.callback(trace.unlink, missing_ok=True)
            name, *options = mode.split()
            capture = stack.enter_context(vutrace.Capture(workspace, socket, *options, datapath=name, trace=trace))
            if arguments.peers == "loop":
                keep_to_second_processor(capture)
            socket = capture.front_end
        peers.begin(socket, arguments.packed)
        wait_until(lambda: peers.received() > 0, "a frame at the receiver", 20)
        time.sleep(WARM_UP_SECONDS)
        first, began = peers.received(), time.monotonic()
        time.sleep(arguments.seconds)
        last, ended = peers.received(), time.monotonic()
        peers.end()
        counts = {}
        if capture:
            capture.finish(60)
            if capture.trace.is_file():
                counts = chains(vutrace.summary(workspace, capture.trace), capture.trace.stat().st_size)
        return (last - first) / (ended - began), counts


def chains(summary, size):
    queues = [queue for one in summary["sessions"] for queue in one["queues"] if "chains_used" in queue]
    steps = {proof: sum(queue["content"][proof] for queue in queues) for proof in queues[0]["content"]} if queues else {}
    return {"seen": sum(queue["chains_available"] for queue in queues),
            "lost": sum(queue["chains_lost"] for queue in queues),
            "at_least": any(queue["chains_lost_at_least"] for queue in queues),
            "steps": sum(steps.values()), "verified": steps.get("verified", 0), "bytes": size}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--modes", nargs="+", default=["off", "tap", "tap --budget 100", "relay", "shadow"])
    parser.add_argument("--packed", action="store_true")
    parser.add_argument("--peers", choices=PEERS, default="two")
    parser.add_argument("--trace", type=Path, help="where all sessions write to; each its own in /dev/shm")
    arguments = parser.parse_args()
    free = shutil.disk_usage("/dev/shm").free
    print(f"{arguments.peers}, {'packed' if arguments.packed else 'split'} ring, {arguments.pairs} pairs of {arguments.seconds:g} s; "
          f"{free >> 20} MiB for the traces")
    print(f"{'mode':24} {'of plain':>9} {'frames/s':>11} {'seen':>11} {'lost':>15} {'not verified':>13} {'MB':>7}")
    number = 0
    for mode in arguments.modes:
        ratios, rates = [], []
        total = {"seen": 0, "lost": 0, "at_least": False, "steps": 0, "verified": 0, "bytes": 0}
        for _ in range(arguments.pairs):
            plain, _none = session(number, None, arguments)
            rate, counts = session(number + 1, mode, arguments)
            number += 2
            ratios.append(rate / plain)
            rates.append(rate)
            total = {key: total[key] + counts.get(key, 0) for key in total}
        late = 1 - total["verified"] / total["steps"] if total["steps"] else 0
        lost = f"{'≥ ' if total['at_least'] else ''}{total['lost']:,}"
        print(f"{mode:24} {statistics.median(ratios):9.3f} {statistics.median(rates):11,.0f} {total['seen']:11,} "
              f"{lost:>15} {late:13.2%} {total['bytes'] / 1e6:7.1f}", flush=True)


if __name__ == "__main__":
    main()
