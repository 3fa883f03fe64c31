#!/usr/bin/python3
"""No include walks out of its folder (`../`) and so around the include direction: no_way_around.py SOURCE_FOLDER"""

import re
import sys
from pathlib import Path

FOLDERS = ["capture", "decoder", "replay", "gui", "cli", "tests"]
WALKS_OUT = re.compile(r'^\s*#\s*include\s*["<][^">]*\.\./')


def main():
    top = Path(sys.argv[1])
    found = 0
    for folder in FOLDERS:
        for path in sorted((top / folder).rglob("*")):
            if path.suffix not in (".h", ".cpp"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                if WALKS_OUT.match(line):
                    print(f"{path.relative_to(top)}:{number}: {line.strip()}")
                    found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
