"""Open vSwitch with DPDK as a back-end: its own database and folders, no system service, no huge pages.

The bridge is of the switch's dummy kind: the same packet processing in user space, but its own port is no tap device,
which would need rights and outlive the switch.
"""

import shutil
import subprocess
from pathlib import Path

from .case import require
from .process import Process

SCHEMA = Path("/usr/share/openvswitch/vswitch.ovsschema")
SWITCH = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
PACKAGE = "openvswitch-switch-dpdk"
START_SECONDS = 30
COMMAND_SECONDS = 30

# Without --legacy-mem the switch adds --in-memory, which excludes --no-huge.
DPDK_OPTIONS = "--no-huge --legacy-mem --no-pci -m 512 --log-level=lib.vhost.config:debug"


class OpenVSwitch:
    """A switch with one empty bridge, ready when the constructor returns. `log` is what it says, DPDK's lines too."""

    def __init__(self, workspace, name="switch", processors="0x1"):
        switch = require(SWITCH, PACKAGE)
        self.folder = workspace.socket("x").parent / name
        self.folder.mkdir()
        self.bridge = "bridge"
        self._environment = {f"OVS_{what}": str(self.folder) for what in ("RUNDIR", "DBDIR", "LOGDIR", "SYSCONFDIR")}
        self._environment["RUNTIME_DIRECTORY"] = str(self.folder)  # DPDK's
        self._database_socket = self.folder / "db.sock"
        database = self.folder / "conf.db"
        self._run("ovsdb-tool", "create", database, SCHEMA)
        self._database = Process(workspace, f"{name}-database", [
            require("ovsdb-server", PACKAGE), f"--remote=punix:{self._database_socket}",
            f"--unixctl={self.folder}/database.ctl", "-vconsole:info", database], environment=self._environment)
        self._switch = None
        try:
            self._database.wait_for(self._database_socket.exists, "its socket", START_SECONDS)
            self._vsctl("--no-wait", "init")
            self._vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                        f"other_config:pmd-cpu-mask={processors}", f"other_config:dpdk-extra={DPDK_OPTIONS}",
                        # Some 20,000 buffers for each port, where all ports together would be given 262,144.
                        "other_config:per-port-memory=true")
            self._switch = Process(workspace, name, [
                switch, "--enable-dummy", f"unix:{self._database_socket}", f"--unixctl={self.folder}/switch.ctl",
                "-vconsole:info", "-vdpdk:console:dbg"], environment=self._environment)
            self._vsctl("add-br", self.bridge, "--", "set", "bridge", self.bridge, "datapath_type=dummy")
        except BaseException:
            self.close()
            raise

    @property
    def log(self):
        return self._switch.stderr

    def add_connecting_port(self, port, socket):
        """The switch connects to `socket`, again every second until somebody listens there."""
        self._add_port(port, "dpdkvhostuserclient", f"options:vhost-server-path={socket}")

    def add_listening_port(self, port):
        """Returns the socket on which the switch listens. Deprecated by the project, and still there in 3.1."""
        self._add_port(port, "dpdkvhostuser")
        return self.folder / port

    def wait_for_links(self, *ports):
        """Until a front-end is there and the port passes frames: before that they would be lost."""
        for port in ports:
            self._switch.wait_for(lambda port=port: self._vsctl("get", "interface", port, "link_state").strip() == "up",
                                  f"the link of port {port}", START_SECONDS)

    def _add_port(self, port, kind, *options):
        self._vsctl("add-port", self.bridge, port, "--", "set", "interface", port, f"type={kind}", *options)
        failure = self._vsctl("get", "interface", port, "error").strip()
        if failure != "[]":
            raise AssertionError(f"port {port}: {failure}")

    def _vsctl(self, *arguments):
        """It waits until the switch has taken the change over."""
        if self._switch is not None:
            self._switch.require_running()
        return self._run("ovs-vsctl", f"--db=unix:{self._database_socket}", f"--timeout={COMMAND_SECONDS}", *arguments)

    def _run(self, program, *arguments):
        done = subprocess.run([require(program, PACKAGE), *map(str, arguments)], capture_output=True, text=True,
                              env={**self._environment, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{program} {' '.join(map(str, arguments))}: {done.stderr.strip()}")
        return done.stdout

    def close(self):
        for process in (self._switch, self._database):
            if process is not None:
                process.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
