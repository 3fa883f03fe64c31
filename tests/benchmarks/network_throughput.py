#!/usr/bin/env python3
"""What each data path mode costs a network device that polls, and what it loses: two testpmd, one that only sends and
one that only receives, each with a core of its own on a machine of two (capture takes what they leave).

    tests/benchmarks/network_throughput.py [--pairs N] [--seconds S] [--modes 'tap' 'tap --budget 100' ...] [--packed]

A pair is a session without capture and one with it, one after the other; the median of the pairs' ratios is printed, and
of all sessions what the traces hold: chains seen, lost, and steps that are not `verified`. Frames are those that the
receiver counts.
"""
import argparse
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
from harness.waiting import wait_until  # noqa: E402
from harness.workspace import Workspace  # noqa: E402

WARM_UP_SECONDS = 0.5


def received(back_end):
    """Frames the receiver has counted, and when."""
    before = len(back_end.stdout)
    back_end.command("show port stats 0")
    pattern = re.compile(r"RX-packets: (\d+)")
    count = int(wait_until(lambda: pattern.search(back_end.stdout, before), "the receiver's statistics", 10).group(1))
    return count, time.monotonic()


def session(number, mode, packed, seconds):
    """Frames a second, and the summary of the trace; none without a mode."""
    workspace = Workspace(f"network-throughput-{number}")
    with ExitStack() as stack:
        stack.callback(workspace.close, False)
        nothing = write_frames(workspace.file("nothing.pcap"), [b"\xff" * 60])
        back_end = stack.enter_context(TestPmdBackEnd(workspace, nothing))
        socket, capture = back_end.socket, None
        if mode:
            trace = Path("/dev/shm") / f"vutrace-network-{number}.pcap"
            stack.callback(trace.unlink, missing_ok=True)
            name, *options = mode.split()
            capture = stack.enter_context(vutrace.Capture(workspace, socket, *options, datapath=name, trace=trace))
            socket = capture.front_end
        front_end = stack.enter_context(TestPmdFrontEnd(workspace, socket, nothing, packed=packed))
        back_end.wait_for_queues(2)
        for end, forward in ((back_end, "rxonly"), (front_end, "txonly")):
            for command in (f"set fwd {forward}", "set portlist 0", "start"):
                end.command(command)
        wait_until(lambda: received(back_end)[0] > 0, "a frame at the receiver", 20)
        time.sleep(WARM_UP_SECONDS)
        first, began = received(back_end)
        time.sleep(seconds)
        last, ended = received(back_end)
        front_end.finish()
        back_end.finish()
        counts = None
        if capture:
            capture.finish(60)
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
    parser.add_argument("--modes", nargs="+", default=["off", "tap", "tap --budget 100", "relay"])
    parser.add_argument("--packed", action="store_true")
    arguments = parser.parse_args()
    free = shutil.disk_usage("/dev/shm").free
    print(f"{'packed' if arguments.packed else 'split'} ring, {arguments.pairs} pairs of {arguments.seconds:g} s; "
          f"{free >> 20} MiB for the traces")
    print(f"{'mode':24} {'of plain':>9} {'frames/s':>11} {'seen':>11} {'lost':>15} {'not verified':>13} {'MB':>7}")
    number = 0
    for mode in arguments.modes:
        ratios, rates = [], []
        total = {"seen": 0, "lost": 0, "at_least": False, "steps": 0, "verified": 0, "bytes": 0}
        for _ in range(arguments.pairs):
            plain, _none = session(number, None, arguments.packed, arguments.seconds)
            rate, counts = session(number + 1, mode, arguments.packed, arguments.seconds)
            number += 2
            ratios.append(rate / plain)
            rates.append(rate)
            total = {key: total[key] + counts[key] for key in total}
        late = 1 - total["verified"] / total["steps"] if total["steps"] else 0
        lost = f"{'≥ ' if total['at_least'] else ''}{total['lost']:,}"
        print(f"{mode:24} {statistics.median(ratios):9.3f} {statistics.median(rates):11,.0f} {total['seen']:11,} "
              f"{lost:>15} {late:13.2%} {total['bytes'] / 1e6:7.1f}", flush=True)


if __name__ == "__main__":
    main()
