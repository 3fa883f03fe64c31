#!/usr/bin/python3
"""A room reaches the headers of the rooms it may know and of no other: include_direction.py ROOMS COMPILER

ROOMS is written by the build, one line a room: name;own include folder;all include folders joined by ':'.
Every header of every room is compiled alone with every room's include folders: it must compile where the
arrow is allowed (so it is also self-contained) and must not be found where it is not.
"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

DECODER = {"base", "system", "protocol", "trace", "virtio", "session"}
MAY_INCLUDE = {
    "base": set(),
    "system": {"base"},
    "protocol": {"base"},
    "trace": {"base", "system"},
    "virtio": {"base"},
    "session": {"base", "system", "protocol", "trace", "virtio"},
    "render": DECODER,
    "capture": DECODER,
    "replay": DECODER,
}


def read_rooms(path):
    rooms = {}
    for line in Path(path).read_text().splitlines():
        name, own, folders = line.split(";")
        rooms[name] = (Path(own), [folder for folder in folders.split(":") if folder])
    return rooms


def includes(compiler, header, folders):
    """Whether a source with nothing but this include compiles, and what the compiler said."""
    command = [compiler, "-std=c++20", "-fsyntax-only", "-x", "c++", "-"] + [f"-I{folder}" for folder in folders]
    done = subprocess.run(command, input=f"#include <{header}>\n", capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stderr


def wrong_arrow(compiler, room, folders, other, headers):
    """Complaints about one room and the headers of another (or its own)."""
    allowed = room == other or other in MAY_INCLUDE.get(room, set())
    complaints = []
    for header in headers:
        found, said = includes(compiler, header, folders)
        if found and not allowed:
            complaints.append(f"{room} can include <{header}> of {other}")
        if not found and room == other:
            complaints.append(f"<{header}> does not compile alone in {room}:\n{said}")
        if not found and not allowed and "No such file" not in said and "file not found" not in said:
            complaints.append(f"{room} finds <{header}> of {other}, which only fails later:\n{said}")
    return complaints


def main():
    rooms, compiler = read_rooms(sys.argv[1]), sys.argv[2]
    complaints = [f"room {room} has no row in MAY_INCLUDE" for room in rooms if room not in MAY_INCLUDE]
    headers = {room: sorted(str(path.relative_to(own)) for path in own.rglob("*.h"))
               for room, (own, _) in rooms.items()}
    with ThreadPoolExecutor(2) as pool:
        pairs = [pool.submit(wrong_arrow, compiler, room, folders, other, headers[other])
                 for room, (_, folders) in rooms.items() for other in rooms]
        for pair in pairs:
            complaints += pair.result()
    print("\n".join(complaints) or f"{len(rooms)} rooms, {sum(map(len, headers.values()))} headers: every arrow as drawn")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
