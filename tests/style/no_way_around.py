#!/usr/bin/python3
"""No include walks out of its room (`../`) and so around the include direction: no_way_around.py SOURCE_FOLDER"""

import re
import sys
from pathlib import Path

FOLDERS = ["capture", "decoder", "replay", "gui", "cli", "tests"]
WALKS = re.compile(r'^\s*#\s*include\s*["<]([^">]*\.\./[^">]*)')


def room_of(path):
    """The first two folders of a path below decoder/ and tests/, elsewhere the first."""
    return path.parts[:2] if path.parts[0] in ("decoder", "tests") else path.parts[:1]


def walks_out(path, line, top):
    found = WALKS.match(line)
    if not found:
        return False
    target = (path.parent / found.group(1)).resolve()
    return not target.is_relative_to(top) or room_of(target.relative_to(top)) != room_of(path.relative_to(top))


def main():
    top = Path(sys.argv[1]).resolve()
    found = 0
    for folder in FOLDERS:
        for path in sorted((top / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if walks_out(path, line, top):
                    print(f"{path.relative_to(top)}:{number}: {line.strip()}")
                    found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
