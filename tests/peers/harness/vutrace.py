"""The vutrace under test: its capture as a fixture, its other commands as functions."""

import json
import re
import signal

from .process import Process
from .workspace import BUILD_FOLDER

START_SECONDS = 20
COMMAND_SECONDS = 120


def executable():
    return BUILD_FOLDER / "bin" / "vutrace"


class Capture(Process):
    """Stands between `front_end` (the socket it listens on) and `back_end`; ready when the constructor returns.
    With `front_end`, a socket that the front-end listens on, it is the other way round: the back-end connects to
    `back_end`."""

    def __init__(self, workspace, back_end=None, *options, name="capture", trace=None, datapath="relay",
                 memory="buffers", once=True, front_end=None):
        self.front_end = front_end or workspace.socket(f"{name}-front-end")
        self.back_end = back_end or workspace.socket(f"{name}-back-end")
        self.trace = trace or workspace.file(f"{name}.pcap")
        self.datapath = datapath
        endpoints = [f"listen:{self.front_end}", f"connect:{self.back_end}"]
        if front_end:
            endpoints = [f"connect:{self.front_end}", f"listen:{self.back_end}"]
        super().__init__(workspace, name, [
            executable(), "capture", *endpoints, "-w", self.trace,
            f"--datapath={datapath}", f"--memory={memory}", *(["--once"] if once else []), *options],
            stop_signal=signal.SIGINT)
        mine = self.back_end if front_end else self.front_end
        self.wait_for(lambda: "ready" in self.stderr and mine.exists(), "its ready line", START_SECONDS)

    def memory_kib(self, field="RssAnon"):
        """Its own memory now (not the guest's, which it maps): a field of /proc/PID/status."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            found = re.search(rf"^{field}:\s+(\d+) kB", status.read(), re.MULTILINE)
        return int(found.group(1)) if found else 0

    def finish(self, seconds=20):
        """Waits for the end that --once brings, without asking for it. The status must be 0."""
        self._require_success(self.wait(seconds))

    def interrupt(self, seconds=20):
        """SIGINT, as a user ends it. The status must be 0."""
        self._require_success(self.stop(seconds))

    def _require_success(self, status):
        if status != 0:
            raise AssertionError(f"capture ended with status {status}: {self.stderr.strip()[-600:]}")


class Finished:
    """A command that has ended: its status and output."""

    def __init__(self, status, stdout, stderr):
        self.status, self.stdout, self.stderr = status, stdout, stderr


def run(workspace, name, *arguments, expect=0, seconds=COMMAND_SECONDS):
    """Runs a vutrace command to its end, with logs like any process; `expect` is the exit status it must have."""
    process = Process(workspace, name, [executable(), *arguments])
    with process:
        status = process.wait(seconds)
    if expect is not None and status != expect:
        raise AssertionError(f"vutrace {arguments[0]} ended with status {status}, expected {expect}: "
                             f"{process.stderr.strip()[-600:]}")
    return Finished(status, process.stdout, process.stderr)


def decode(workspace, trace, *options, name="decode"):
    """Every record of a trace as an object, in order."""
    text = run(workspace, name, "decode", trace, "--json", *options).stdout
    return [json.loads(line) for line in text.splitlines()]


def summary(workspace, trace, name="info"):
    """What `info` says of a trace."""
    return json.loads(run(workspace, name, "info", trace, "--json").stdout)


def findings(workspace, trace, name="check"):
    """All above a note."""
    done = run(workspace, name, "check", trace, "--json", "--severity", "warn", expect=None)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    if done.status != int(bool(found)):
        raise AssertionError(f"vutrace check ended with status {done.status}: {done.stdout[-600:]}{done.stderr}")
    return found


def require_healthy(workspace, trace, name="check", known=()):
    """What real peers say to each other breaks no rule, notes at most, but for those that a peer is known to break."""
    found = [finding for finding in findings(workspace, trace, name) if finding["rule"] not in known]
    if found:
        raise AssertionError(f"vutrace check found {len(found)}: {json.dumps(found[:5], indent=1)}")


def replay(workspace, trace, *options, name="replay", expect=0, seconds=COMMAND_SECONDS):
    """Replays and returns the report."""
    report = workspace.log(f"{name}.report")
    run(workspace, name, "replay", trace, "--report", report, *options, expect=expect, seconds=seconds)
    return json.loads(report.read_text())
