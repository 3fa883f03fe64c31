"""A test's own folder: logs that are kept, data that goes when the test passes, short socket paths. What a test that failed
left behind is kept beside it, as NAME.failed, until the next time that it fails."""

import os
import shutil
import tempfile
from pathlib import Path

SOURCE_FOLDER = Path(__file__).resolve().parents[3]
BUILD_FOLDER = Path(os.environ.get("VUTRACE_BUILD_DIR", SOURCE_FOLDER / "build" / "release"))

FAILURE = "failure"  # the log that says why a test failed


class Workspace:
    def __init__(self, name):
        self.name = name
        self.logs = BUILD_FOLDER / "tests" / "logs" / name
        self.processes = []  # that were started in it
        if self.log(FAILURE).exists():
            kept = self.logs.with_name(f"{name}.failed")
            shutil.rmtree(kept, ignore_errors=True)
            self.logs.rename(kept)
        shutil.rmtree(self.logs, ignore_errors=True)
        self.data = self.logs / "data"
        self.data.mkdir(parents=True)
        # A UNIX socket's path has 107 bytes, a build folder's may be longer than that.
        self._sockets = Path(tempfile.mkdtemp(prefix="vutrace-", dir="/tmp"))

    def socket(self, name):
        return self._sockets / f"{name}.sock"

    def file(self, name):
        return self.data / name

    def log(self, name):
        return self.logs / name

    def image(self, name, size, pattern=None):
        """A disk image of `size` bytes: sparse, or filled by repeating `pattern`."""
        path = self.file(name)
        with open(path, "wb") as image:
            if pattern:
                image.write((pattern * (size // len(pattern) + 1))[:size])
            image.truncate(size)
        return path

    def close(self, keep_data, failure=None):
        """`failure`: why the test failed, which keeps its logs from the next run."""
        shutil.rmtree(self._sockets, ignore_errors=True)
        if failure is not None:
            self.log(FAILURE).write_text(failure)
        if not keep_data:
            shutil.rmtree(self.data, ignore_errors=True)
