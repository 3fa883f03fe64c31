#!/usr/bin/env python3
"""Whole commands on one trace: `vutrace decode --json`, `vutrace decode`, and `tshark -r`.

    tests/benchmarks/decode_against_tshark.py [BUILD_FOLDER]      (default build/release)
    tests/benchmarks/decode_against_tshark.py BUILD_FOLDER TRACE  (a trace of your own)

Prints the best of several runs of each, in turn, and the ratios to tshark.
"""
import os
import subprocess
import sys
import tempfile
import time

RUNS = 5


def seconds(command):
    begin = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begin


def main():
    build = sys.argv[1] if len(sys.argv) > 1 else "build/release"
    with tempfile.TemporaryDirectory() as folder:
        if len(sys.argv) > 2:
            trace = sys.argv[2]
        else:
            trace = os.path.join(folder, "trace.pcap")
            subprocess.run([os.path.join(build, "benchmarks/decode_benchmark"), "--benchmark_filter=^$"],
                           env={**os.environ, "VUTRACE_BENCHMARK_TRACE": trace}, check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        program = os.path.join(build, "bin/vutrace")
        commands = {
            "vutrace decode --json": [program, "decode", "--json", "--device", "blk", trace],
            "vutrace decode": [program, "decode", "--device", "blk", trace],
            "tshark -r": ["tshark", "-r", trace],
        }
        best = {name: float("inf") for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                best[name] = min(best[name], seconds(command))
        size = os.path.getsize(trace)
        print(f"{size} bytes, best of {RUNS}")
        for name, value in best.items():
            print(f"{name:24} {value:8.3f} s  {size / value / 1e6:8.1f} MB/s  "
                  f"{best['tshark -r'] / value:5.2f} times as fast as tshark")


if __name__ == "__main__":
    main()
