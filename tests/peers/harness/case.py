"""The base of every peer test: a workspace, fixtures that are closed in reverse order, a hint where to look."""

import os
import shutil
import sys
import unittest
from pathlib import Path

from .workspace import Workspace


def require(path_or_program, package):
    """The program's path. Missing: the test is skipped, or fails where CI=true promises that all peers are there."""
    found = shutil.which(str(path_or_program))
    if found:
        return Path(found)
    text = f"{path_or_program} is missing (Debian package {package}; scripts/setup tests installs it)"
    if os.environ.get("CI") == "true":
        raise AssertionError(text)
    raise unittest.SkipTest(text)


class PeerTestCase(unittest.TestCase):
    maxDiff = 4000

    def run(self, result=None):
        result = result if result is not None else self.defaultTestResult()
        before = len(result.failures), len(result.errors)
        name = self.id()
        self.workspace = Workspace(name)
        super().run(result)
        texts = [text for _, text in result.failures[before[0]:] + result.errors[before[1]:]]
        self.workspace.close(keep_data=bool(texts), failure="\n".join(texts) or None)
        if texts:
            print(f"look: tests/show-logs {name}", file=sys.stderr, flush=True)
        return result

    def start(self, fixture):
        """Enters a fixture that lives until the end of the test."""
        return self.enterContext(fixture)
