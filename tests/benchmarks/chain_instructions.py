#!/usr/bin/env python3
"""Instructions of one chain, made available and used, in the thread that records it, beside those of a copy of its bytes:
`chain_cost` under callgrind, which counts the looks and nothing else.

    tests/benchmarks/chain_instructions.py [BUILD_FOLDER] [--only PATTERN]

Counted, not timed: the figures are the same on a machine that is busy.
"""
import argparse
import re
import subprocess
import tempfile
from pathlib import Path

CHAINS = 4000 * 32  # of each case of chain_cost


def instructions(program, name, folder):
    out = Path(folder) / "callgrind.out"
    subprocess.run(["valgrind", "--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*look_at_queue*",
                    f"--callgrind-out-file={out}", program, f"--benchmark_filter=^{name}/"],
                   check=True, capture_output=True)
    found = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
    return int(found.group(1)) / CHAINS


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", nargs="?", default="build/release", type=Path)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    arguments = parser.parse_args()
    program = arguments.build / "benchmarks/chain_cost"
    listed = subprocess.run([program, "--benchmark_list_tests"], check=True, capture_output=True, text=True).stdout
    print(f"{'case':32} {'instructions/chain':>18} {'of a copy':>10}")
    copies = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in [line.split("/")[0] for line in listed.splitlines()]:
            shape, kind = re.fullmatch(r"(.*)-(copy|(?:split|packed)-(?:tap|shadow))", name).groups()
            if kind != "copy" and arguments.only not in name:
                continue
            count = instructions(program, name, folder)
            if kind == "copy":
                copies[shape] = count
            print(f"{name:32} {count:18.0f} {count / copies[shape]:10.1f}", flush=True)


if __name__ == "__main__":
    main()
