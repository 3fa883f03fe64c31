"""A child process with its command line and output kept as files in the test's log folder."""

import os
import shlex
import signal
import subprocess

from .activity import write_activity
from .waiting import DeadlineExceeded, wait_until

STOP_SECONDS = 10


class Process:
    """Runs until close(): it is asked to end with `stop_signal`, then killed. It dies with the test too."""

    def __init__(self, workspace, name, arguments, stop_signal=signal.SIGTERM, stdin=subprocess.DEVNULL,
                 pass_fds=(), environment=None):
        self.name = name
        self._workspace = workspace
        self.stop_signal = stop_signal
        self.stdout_path = workspace.log(f"{name}.stdout")
        self.stderr_path = workspace.log(f"{name}.stderr")
        command = [str(argument) for argument in arguments]
        workspace.log(f"{name}.command").write_text(shlex.join(command) + "\n")
        with open(self.stdout_path, "wb") as out, open(self.stderr_path, "wb") as err:
            # setpriv becomes the program, which the kernel then kills if the test dies before it.
            self._child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=stdin, stdout=out,
                                           stderr=err, pass_fds=pass_fds, env={**os.environ, **(environment or {})})
        workspace.processes.append(self)

    @property
    def pid(self):
        return self._child.pid

    @property
    def stdin(self):
        return self._child.stdin

    @property
    def stdout(self):
        return self.stdout_path.read_text(errors="replace")

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def running(self):
        return self._child.poll() is None

    def require_running(self):
        if not self.running():
            raise AssertionError(f"{self.name} ended early with status {self._child.returncode}: "
                                 f"{self.stderr[-400:].strip()}")

    def wait_for(self, condition, what, seconds):
        """Waits for a condition that only a living process can bring about."""
        def look():
            found = condition()
            if not found:
                self.require_running()
            return found
        return self._wait_until(look, f"{self.name}: {what}", seconds)

    def wait(self, seconds):
        """Waits for the end; returns the exit status, negative for a signal."""
        self._wait_until(lambda: not self.running(), f"{self.name} to end", seconds)
        return self._child.returncode

    def _wait_until(self, condition, what, seconds):
        """Where it is in vain, a log says what every process of the test was doing then."""
        try:
            return wait_until(condition, what, seconds)
        except DeadlineExceeded as exceeded:
            write_activity(self._workspace, str(exceeded))
            raise

    def signal(self, number):
        self._child.send_signal(number)

    def stop(self, seconds=STOP_SECONDS):
        """Asks for a clean end and returns the exit status."""
        if self.running():
            self.signal(self.stop_signal)
        return self.wait(seconds)

    def kill(self):
        self._child.kill()
        self._child.wait()

    def close(self):
        try:
            self.stop()
        except AssertionError:
            self.kill()
        if self._child.stdin:
            self._child.stdin.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
