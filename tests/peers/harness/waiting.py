"""Waiting for a condition with a deadline: nothing in the harness sleeps for a fixed time and hopes."""

import threading
import time

POLL_SECONDS = 0.02


class DeadlineExceeded(AssertionError):
    """A condition did not come true in time; the text says which."""


def wait_until(condition, what, seconds):
    """Calls `condition` until it returns something true, which is returned."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise DeadlineExceeded(f"waited {seconds} s for {what}")
        pause.wait(POLL_SECONDS)
