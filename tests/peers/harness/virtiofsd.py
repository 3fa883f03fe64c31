"""virtiofsd, the vhost-user-fs back-end of QEMU 7.2."""

from .case import require
from .process import Process

START_SECONDS = 10


class VirtioFsDaemon(Process):
    """Shares `folder`; listens on `socket` when the constructor returns. It ends with its session."""

    def __init__(self, workspace, folder, name="virtiofsd"):
        self.socket = workspace.socket(name)
        super().__init__(workspace, name, [
            require("/usr/lib/qemu/virtiofsd", "qemu-system-common"), f"--socket-path={self.socket}",
            "-o", f"source={folder}", "-o", "sandbox=chroot"])
        self.wait_for(self.socket.exists, "its socket", START_SECONDS)
