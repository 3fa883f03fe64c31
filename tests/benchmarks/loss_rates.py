#!/usr/bin/env python3
"""At which rate each data path mode begins to lose chains, or to leave steps unverified, by device.

    tests/benchmarks/loss_rates.py [BUILD_FOLDER] [--devices block network network-packed] [--modes 'tap' ...]

`block`: 4 KiB reads at a steady rate, up to 32 in flight, from the emulated driver to qemu-storage-daemon. `network`:
60-byte frames that go around between both ends in one testpmd, which polls on the first core and is held back by memory
reads between frames; capture has the second core. For each mode the rate is doubled until the trace shows losses (more than --lost of
the chains), then halved in on; the same for steps that are not verified (more than --late of them). A mode that does
neither at the highest rate that the peers reach is said to hold up to that rate. Rates are those that the peers did, not
those that were asked for.
"""
import argparse
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from harness import vutrace  # noqa: E402
from harness.waiting import wait_until  # noqa: E402
from harness.workspace import Workspace  # noqa: E402
from network_throughput import WARM_UP_SECONDS, Loop, chains, keep_to_second_processor  # noqa: E402

MODES = ["tap", "tap --budget 100", "relay", "shadow"]


@dataclass
class Probe:
    """One session: what was asked for, what the peers did, what the trace holds."""
    asked: float
    rate: float
    seen: int
    lost: int
    at_least: bool
    steps: int
    verified: int
    fell_back: bool = False  # from `shadow` to the queues' own rings: as `relay`

    @property
    def lost_share(self):
        return self.lost / (self.seen + self.lost) if self.seen + self.lost else 0

    @property
    def late_share(self):
        return 1 - self.verified / self.steps if self.steps else 0


class Block:
    """Requests a second, as the driver is told."""
    name = "block, 4 KiB reads"
    lowest, highest = 250, 1 << 20

    def __init__(self, build):
        self.build = build

    def probe(self, mode, rate, seconds):
        output = subprocess.run([self.build / "benchmarks/block_at_rate", self.build / "bin/vutrace", "--way", mode,
                                 "--rate", str(rate), "--seconds", str(seconds)], check=True, capture_output=True)
        result = json.loads(output.stdout)
        return Probe(rate, result["rate"], result["seen"], result["lost"], result["at_least"], result["steps"],
                     result["verified"], result["fell_back"])


class Network:
    """Frames a second in both directions together, by how many reads of memory testpmd does for each (its mode `noisy`): a read is taken for
    READ_SECONDS at first, and then for what it took in the probe before."""
    lowest, highest = 2000, 1 << 24
    READ_SECONDS = 6e-9
    MOST_READS = (1 << 16) - 1  # that testpmd takes

    def __init__(self, packed):
        self.packed = packed
        self.name = f"network, {'packed' if packed else 'split'} ring, 60-byte frames"
        self.read_seconds = self.READ_SECONDS
        self.number = 0

    def probe(self, mode, rate, seconds):
        reads = min(int(1 / rate / self.read_seconds), self.MOST_READS)
        self.number += 1
        workspace = Workspace(f"loss-rates-{self.number}")
        with ExitStack() as stack:
            stack.callback(workspace.close, False)
            # One frame at a time: 32 together would be another load than the rate says.
            peers = Loop(workspace, stack, options=["--noisy-lkup-memory=64", f"--noisy-lkup-num-reads={reads}",
                                                    "--burst=1"])
            trace = Path("/dev/shm") / f"vutrace-loss-rates-{self.number}.pcap"
            stack.callback(trace.unlink, missing_ok=True)
            name, *options = mode.split()
            capture = stack.enter_context(vutrace.Capture(workspace, peers.socket, *options, datapath=name,
                                                          trace=trace))
            keep_to_second_processor(capture)
            peers.testpmd.command("set fwd noisy")
            peers.begin(capture.front_end, self.packed)
            wait_until(lambda: peers.received() > 0, "a frame at the receiver", 20)
            time.sleep(WARM_UP_SECONDS)
            first, began = peers.received(), time.monotonic()
            time.sleep(seconds)
            last, ended = peers.received(), time.monotonic()
            peers.end()
            capture.finish(60)
            summary = vutrace.summary(workspace, capture.trace)
            counts = chains(summary, capture.trace.stat().st_size)
            fell_back = any("keeps its own ring" in note["text"] for note in summary["notes"])
        done = (last - first) / (ended - began)
        if reads > 10 and done > 0:
            self.read_seconds = 1 / done / reads
        return Probe(rate, done, *(counts[key] for key in ("seen", "lost", "at_least", "steps", "verified")), fell_back)


class Search:
    """Looks for the rate where a share passes its limit. Probes are kept: both shares are of the same sessions."""

    def __init__(self, device, mode, seconds, say):
        self.device, self.mode, self.seconds, self.say = device, mode, seconds, say
        self.probes = {}

    def probe(self, rate):
        if rate not in self.probes:
            probe = self.device.probe(self.mode, rate, self.seconds)
            self.probes[rate] = probe
            self.say(f"  {self.mode:18} {probe.rate:12,.0f}/s  seen {probe.seen:,}, lost "
                     f"{'at least ' * probe.at_least}{probe.lost:,} ({probe.lost_share:.2%}), not verified "
                     f"{probe.late_share:.2%}")
        return self.probes[rate]

    def threshold(self, passes, steps):
        """The highest rate below and the lowest above, as the peers did them; None where there is none."""
        rate, below = self.device.lowest, None
        while not passes(self.probe(rate)):
            below = rate
            # The peers do not get any faster. They miss what they are asked for by up to a half without that.
            if rate >= self.device.highest or self.probe(rate).rate < 0.35 * rate:
                return self.probe(below).rate, None
            rate *= 2
        above = rate
        if below is None:
            return None, self.probe(above).rate
        for _ in range(steps):
            middle = (below * above) ** 0.5
            if passes(self.probe(middle)):
                above = middle
            else:
                below = middle
        return self.probe(below).rate, self.probe(above).rate


def span(limits):
    below, above = limits
    if above is None:
        return f"not up to {below:,.0f}"
    return f"below {above:,.0f}" if below is None else f"{below:,.0f} to {above:,.0f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", type=Path, default=Path("build/release"))
    parser.add_argument("--devices", nargs="+", default=["block", "network", "network-packed"],
                        choices=["block", "network", "network-packed"])
    parser.add_argument("--modes", nargs="+", default=MODES)
    parser.add_argument("--seconds", type=float, default=2, help="of each session, after a warm-up")
    parser.add_argument("--steps", type=int, default=3, help="halvings after the doublings")
    parser.add_argument("--lost", type=float, default=0.001, help="share of the chains")
    parser.add_argument("--late", type=float, default=0.01, help="share of the steps")
    arguments = parser.parse_args()
    devices = {"block": lambda: Block(arguments.build), "network": lambda: Network(False),
               "network-packed": lambda: Network(True)}
    for name in arguments.devices:
        device = devices[name]()
        rows = []
        print(f"{device.name}: sessions of {arguments.seconds:g} s")
        for mode in arguments.modes:
            search = Search(device, mode, arguments.seconds, lambda line: print(line, flush=True))
            lost = search.threshold(lambda probe: probe.lost_share > arguments.lost, arguments.steps)
            late = search.threshold(lambda probe: probe.late_share > arguments.late, arguments.steps)
            fell_back = any(probe.fell_back for probe in search.probes.values())
            rows.append((f"`{mode}`" + ", which fell back to `relay`" * fell_back, span(lost), span(late)))
        print(f"\n| {device.name}, chains a second | begins to lose (more than {arguments.lost:.1%}) | "
              f"begins to leave steps unverified (more than {arguments.late:.0%}) |\n| --- | --- | --- |")
        for mode, lost, late in rows:
            print(f"| {mode} | {lost} | {late} |")
        print(flush=True)


if __name__ == "__main__":
    main()
