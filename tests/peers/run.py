#!/usr/bin/python3
"""Runs peer tests: run.py test_fixtures, run.py test_fixtures.Fixtures.test_seabios_reads_the_boot_sector.

Exit status: 0 passed, 1 failed, 77 nothing failed but something was skipped. VUTRACE_BUILD_DIR names the
build folder (default build/release).
"""

import sys
import unittest
from pathlib import Path

SKIPPED = 77


def main():
    sys.path.insert(0, str(Path(__file__).parent))
    program = unittest.main(module=None, exit=False, verbosity=2)
    if not program.result.wasSuccessful():
        return 1
    if program.result.skipped:
        print(f"SKIPPED: {len(program.result.skipped)} of {program.result.testsRun} tests", file=sys.stderr)
        return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
