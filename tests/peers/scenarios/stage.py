"""Where a scenario is played: a capture between two scripted ends. A scenario is a function that registers itself here."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Callable

from harness import vutrace
from harness.payloads import features, protocol_features
from harness.requests import PROTOCOL_FEATURES, REPLY_ACK, VERSION_1
from harness.scripted_pair import ScriptedBackEnd
from harness.scripted_session import ScriptedSession

SCENARIOS = {}


@dataclass(frozen=True)
class Scenario:
    name: str
    script: Callable
    datapath: str

    @property
    def about(self):
        """What happens in it, as its function says."""
        return " ".join(self.script.__doc__.split())


def scenario(datapath="off"):
    """Registers a function of a Stage under its name, with dashes. `datapath` is what capture sees of the rings."""
    def register(script):
        name = script.__name__.replace("_", "-")
        SCENARIOS[name] = Scenario(name, script, datapath)
        return script
    return register


class Stage:
    def __init__(self, path, listener):
        self._path, self._listener = path, listener
        self.sessions = []  # in the order of the trace

    def session(self):
        self.sessions.append(ScriptedSession(self._path, self._listener))
        return self.sessions[-1]


def play(name, workspace, trace=None):
    """Records a scenario: the trace's path, and its sessions with what was said in them."""
    chosen = SCENARIOS[name]
    with ExitStack() as stack:
        listener = stack.enter_context(ScriptedBackEnd(workspace.socket("back-end")))
        capture = stack.enter_context(vutrace.Capture(workspace, listener.path, trace=trace, datapath=chosen.datapath,
                                                      memory="none" if chosen.datapath == "off" else "buffers",
                                                      once=False))
        stage = Stage(capture.front_end, listener)
        chosen.script(stage)
        capture.interrupt()
        return capture.trace, stage.sessions


def negotiate(session, virtio=0, protocol=REPLY_ACK, virtio_offered=None):
    """What every modern session begins with. Everything offered is taken, unless `virtio_offered` says otherwise."""
    virtio |= VERSION_1 | PROTOCOL_FEATURES
    session.ask("GET_FEATURES", reply=features(virtio_offered or virtio))
    session.ask("GET_PROTOCOL_FEATURES", reply=protocol_features(protocol))
    session.request("SET_PROTOCOL_FEATURES", protocol_features(protocol))
    session.request("SET_OWNER")
    session.request("SET_FEATURES", features(virtio))


def back_end_channel(session):
    """Hands over the back-end's channel: BACKEND_REQ and REPLY_ACK are negotiated."""
    return session.open_channel("back-end", "SET_BACKEND_REQ_FD", need_reply=True)
