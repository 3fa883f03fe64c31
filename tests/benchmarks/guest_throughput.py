#!/usr/bin/env python3
"""What each data path mode costs the devices of a Linux guest, as the guest's own clock has it.

    tests/benchmarks/guest_throughput.py [--pairs N] [--modes 'tap' 'shadow' ...] [--devices fs blk]

A guest on QEMU reads and writes files in a folder that virtiofsd shares, and a disk of qemu-storage-daemon. A pair is a guest
without capture and one with it, one after the other; printed are the median of the pairs' ratios of time (without to with:
1 is no cost), and what the traces hold. The guest's processor is emulated, as in the tests, so that its own share of the
time is large: block_throughput and network_throughput.py, which have no guest, are harder on capture.
"""
import argparse
import re
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "peers"))
from harness import vutrace  # noqa: E402
from harness.qemu_guest import QemuGuest, block_device, filesystem_device  # noqa: E402
from harness.storage_daemon import StorageDaemon  # noqa: E402
from harness.virtiofsd import VirtioFsDaemon  # noqa: E402
from harness.workspace import Workspace  # noqa: E402

MIB = 1 << 20
FILE_MIB = 16
# Hundredths of a second since the guest's start, before and after.
TIMED = """
timed() {
    echo 3 > /proc/sys/vm/drop_caches
    began=$(cut -d' ' -f1 /proc/uptime)
    eval "$2" > /dev/null 2>&1
    echo "time $1: $began $(cut -d' ' -f1 /proc/uptime)"
}
"""
FILES = TIMED + f"""
mount -t virtiofs share /mnt
timed "fs: read {FILE_MIB} MiB" "for i in 1 2 3 4; do dd if=/mnt/large of=/dev/null bs=128k; echo 3 > /proc/sys/vm/drop_caches; done"
timed "fs: write {FILE_MIB} MiB" "for i in 1 2 3 4; do dd if=/dev/zero of=/mnt/out bs=128k count={FILE_MIB * 8}; done"
timed "fs: 100 small files" "for i in \\$(seq 100); do echo \\$i > /mnt/small; cat /mnt/small; rm /mnt/small; done"
umount /mnt
"""
DISK = TIMED + """
timed "blk: 3000 reads of 4 KiB" "dd if=/dev/vda of=/dev/null bs=4k count=3000 iflag=direct"
timed "blk: 3000 writes of 4 KiB" "dd if=/dev/zero of=/dev/vda bs=4k count=3000 oflag=direct"
timed "blk: 400 reads of 128 KiB" "dd if=/dev/vda of=/dev/null bs=128k count=400 iflag=direct"
"""


def shared_folder(workspace):
    folder = workspace.file("shared")
    folder.mkdir()
    (folder / "large").write_bytes(bytes(FILE_MIB * MIB))
    return VirtioFsDaemon(workspace, folder)


def disk(workspace):
    image = workspace.file("disk.img")
    image.write_bytes(b"vutrace " * (64 * MIB // 8))
    return StorageDaemon(workspace, image)


DEVICES = {"fs": (shared_folder, filesystem_device, FILES), "blk": (disk, block_device, DISK)}


def session(number, device, mode):
    """Seconds of each work, and the chains that the trace has and lacks."""
    back_end, front_end, script = DEVICES[device]
    workspace = Workspace(f"guest-throughput-{number}")
    with ExitStack() as stack:
        stack.callback(workspace.close, False)
        daemon = stack.enter_context(back_end(workspace))
        socket, capture = daemon.socket, None
        if mode:
            name, *options = mode.split()
            trace = Path("/dev/shm") / f"vutrace-guest-{number}.pcap"
            stack.callback(trace.unlink, missing_ok=True)
            capture = stack.enter_context(vutrace.Capture(workspace, socket, *options, datapath=name, trace=trace))
            socket = capture.front_end
        guest = stack.enter_context(QemuGuest(workspace, front_end(socket), script))
        output = guest.wait_for_end(300)
        times = {name: float(end) - float(begin)
                 for name, begin, end in re.findall(r"time (.+): ([\d.]+) ([\d.]+)", output)}
        counts = (0, 0)
        if capture:
            capture.finish(60)
            queues = [queue for one in vutrace.summary(workspace, trace)["sessions"] for queue in one["queues"]
                      if "chains_used" in queue]
            counts = sum(queue["chains_available"] for queue in queues), sum(queue["chains_lost"] for queue in queues)
        return times, counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--modes", nargs="+", default=["off", "tap", "tap --budget 100", "relay", "shadow"])
    parser.add_argument("--devices", nargs="+", choices=DEVICES, default=list(DEVICES))
    arguments = parser.parse_args()
    print(f"{arguments.pairs} pairs")
    print(f"{'mode':18} {'work':28} {'plain, s':>9} {'of plain':>9} {'least':>6} {'most':>6} {'chains seen':>12} {'lost':>7}")
    number = 0
    for device in arguments.devices:
        for mode in arguments.modes:
            ratios, plain_times, seen, lost = {}, {}, 0, 0
            for _ in range(arguments.pairs):
                plain, _none = session(number, device, None)
                captured, counts = session(number + 1, device, mode)
                number += 2
                seen, lost = seen + counts[0], lost + counts[1]
                for work, seconds in plain.items():
                    ratios.setdefault(work, []).append(seconds / max(captured[work], 0.01))
                    plain_times.setdefault(work, []).append(seconds)
            for work, values in ratios.items():
                print(f"{mode:18} {work:28} {statistics.median(plain_times[work]):9.2f} {statistics.median(values):9.3f} "
                      f"{min(values):6.2f} {max(values):6.2f} {seen:12,} {lost:7,}", flush=True)


if __name__ == "__main__":
    main()
