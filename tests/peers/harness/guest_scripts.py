"""Shell scripts for the guest, and how to read what they print."""

import re

# Prints "written SUM" and "read SUM", which must be equal, and "statistics …": the kernel's own counters of the disk.
DISK_WORK = """
dd if=/dev/urandom of=/tmp/data bs=1M count=4 2>/dev/null
disk=/dev/vda
# The daemon starts as "write through", in which Linux never flushes; this is a SET_CONFIG too.
echo "write back" > /sys/block/vda/cache_type

# Small synchronous writes, one after the other.
dd if=/tmp/data of=$disk bs=4k count=512 oflag=direct 2>/dev/null
# Four jobs at once, each with its own part and block size.
for job in 1 2 3 4; do
    dd if=/tmp/data of=$disk bs=$((job * 4))k seek=$((1024 / (job * 4) * job + 1)) count=$((64 / job)) \\
        oflag=direct 2>/dev/null &
done
wait
# Through the page cache, and flushed.
for part in 0 1 2 3; do
    dd if=/tmp/data of=$disk bs=64k skip=$((part * 16)) seek=$((128 + part * 16)) count=16 conv=fsync 2>/dev/null
done
# Back again, past the cache.
dd if=$disk of=/tmp/back bs=32k skip=256 count=128 iflag=direct 2>/dev/null
echo "written $(sha256sum < /tmp/data | cut -d' ' -f1)"
echo "read $(sha256sum < /tmp/back | cut -d' ' -f1)"
for count in $(seq 0 511); do
    dd if=$disk of=/dev/null bs=4k skip=$((count * 5)) count=1 iflag=direct 2>/dev/null
done
echo "statistics $(cat /sys/block/vda/stat)"
"""

READS, WRITES, FLUSHES = 0, 4, 15


def sums(output):
    """The two checksums of DISK_WORK."""
    return re.search(r"^written (\w+)$", output, re.M).group(1), re.search(r"^read (\w+)$", output, re.M).group(1)


def disk_requests(output):
    """Requests that the guest's kernel completed (Documentation/block/stat.rst), discards aside.

    A flush is an empty write to Linux and counted as both.
    """
    fields = [int(field) for field in re.search(r"^statistics (.*)$", output, re.M).group(1).split()]
    return {"reads": fields[READS], "writes": fields[WRITES] - fields[FLUSHES], "flushes": fields[FLUSHES]}
