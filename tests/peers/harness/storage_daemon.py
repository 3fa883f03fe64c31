"""qemu-storage-daemon exporting an image as a vhost-user-blk back-end."""

from .case import require
from .process import Process

START_SECONDS = 10


def storage_daemon_arguments(image, socket, queues=2, shared=False):
    """`shared`: another daemon may have the image, too, as in a migration."""
    locking = ",locking=off" if shared else ""
    return [require("qemu-storage-daemon", "qemu-system-common"),
            "--blockdev", f"driver=file,node-name=disk,filename={image}{locking}",
            "--export", f"type=vhost-user-blk,id=export,node-name=disk,addr.type=unix,addr.path={socket},"
                        f"writable=on,num-queues={queues}"]


class StorageDaemon(Process):
    """Listens on `socket` when the constructor returns."""

    def __init__(self, workspace, image, queues=2, name="storage-daemon", socket=None, shared=False):
        self.socket = socket or workspace.socket(name)
        self.socket.unlink(missing_ok=True)
        super().__init__(workspace, name, storage_daemon_arguments(image, self.socket, queues, shared))
        self.wait_for(self.socket.exists, "its socket", START_SECONDS)
