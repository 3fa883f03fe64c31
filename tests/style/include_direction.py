#!/usr/bin/python3
"""A room reaches the headers of the rooms it may know and of no other: include_direction.py ROOMS COMPILER

ROOMS is written by the build, one line a room: name;own include folder;all include folders joined by ':'.
For each room the compiler is asked which headers of all rooms it finds with that room's include folders, and
a source that includes a forbidden one must not compile.
"""

import subprocess
import sys
from pathlib import Path

DECODER = {"base", "system", "protocol", "trace", "virtio", "session"}
EXPLAINED = DECODER | {"explain", "check", "filter", "index", "edit", "overview", "statistics", "render"}
MAY_INCLUDE = {
    "base": set(),
    "system": {"base"},
    "protocol": {"base"},
    "trace": {"base", "system"},
    "virtio": {"base"},
    "session": {"base", "system", "protocol", "trace", "virtio"},
    "explain": DECODER,
    "check": DECODER | {"explain"},
    "filter": DECODER | {"explain"},
    "index": DECODER | {"explain", "filter"},
    "edit": DECODER | {"explain", "filter", "index"},
    "overview": DECODER | {"explain", "filter", "index"},
    "statistics": DECODER | {"explain"},
    "render": DECODER | {"explain", "check", "statistics"},
    "capture": DECODER,
    "replay": DECODER | {"explain"},
    "gui-models": EXPLAINED,
    "gui-processes": {"base", "system"},
    "gui-views": EXPLAINED | {"gui-models", "gui-processes"},
}


def read_rooms(path):
    rooms = {}
    for line in Path(path).read_text().splitlines():
        name, own, folders = line.split(";")
        rooms[name] = (Path(own), [folder for folder in folders.split(":") if folder])
    return rooms


def compile_text(compiler, folders, text, *options):
    command = [compiler, "-std=c++20", *options, "-x", "c++", "-", *[f"-I{folder}" for folder in folders]]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def reachable(compiler, folders, headers):
    """Which of the headers the compiler finds."""
    text = "".join(f"#if __has_include(<{header}>)\nfound {header}\n#endif\n" for header in headers)
    done = compile_text(compiler, folders, text, "-E", "-P")
    done.check_returncode()
    return {line.removeprefix("found ").replace(" ", "") for line in done.stdout.splitlines() if line}


def wrong_arrows(compiler, room, folders, headers):
    """Complaints about one room; `headers` are those of every room by its name."""
    complaints = []
    found = reachable(compiler, folders, [header for group in headers.values() for header in group])
    for other, group in headers.items():
        if other != room and other not in MAY_INCLUDE.get(room, set()):
            complaints += [f"{room} can include <{header}> of {other}" for header in group if header in found]
            forbidden = compile_text(compiler, folders, f"#include <{group[0]}>\n", "-fsyntax-only") if group else None
            if forbidden and forbidden.returncode == 0:
                complaints.append(f"{room} compiles <{group[0]}> of {other}")
    return complaints + [f"{room} does not find its own <{header}>" for header in headers[room] if header not in found]


def main():
    rooms, compiler = read_rooms(sys.argv[1]), sys.argv[2]
    complaints = [f"room {room} has no row in MAY_INCLUDE" for room in rooms if room not in MAY_INCLUDE]
    headers = {room: sorted(str(path.relative_to(own)) for path in own.rglob("*.h"))
               for room, (own, _) in rooms.items()}
    for room, (_, folders) in rooms.items():
        complaints += wrong_arrows(compiler, room, folders, headers)
    print("\n".join(complaints) or f"{len(rooms)} rooms, {sum(map(len, headers.values()))} headers: every arrow as drawn")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
