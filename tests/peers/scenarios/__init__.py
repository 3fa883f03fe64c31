"""Sessions of scripted ends, each a short function: what no real peer can be made to send, and bugs played again."""

from . import bugs, bugs_on_rings, every_request, qemu_2017  # noqa: F401 (each registers its scenarios)
from .stage import SCENARIOS, play

__all__ = ["SCENARIOS", "play"]
