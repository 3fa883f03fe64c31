"""Small sessions of real peers, for samples/make: each a function of a stack that ends its programs, a workspace and the
trace's path."""

from harness import vutrace
from harness.ground_truth import qemu_messages
from harness.open_vswitch import OpenVSwitch
from harness.qemu_guest import (QemuGuest, SeaBiosGuest, block_device, filesystem_device, network_device,
                                translated_network_device)
from harness.storage_daemon import StorageDaemon
from harness.testpmd import TestPmd, TestPmdBackEnd, TestPmdFrontEnd, TestPmdSwitchedPair, virtio_user, write_frames
from harness.virtiofsd import VirtioFsDaemon

MIB = 1 << 20
STATION = bytes([0x52, 0x54, 0, 0x12, 0x34, 0x56])  # QEMU's first network device
REAL_PEERS = {}


def real_peers(name):
    def register(function):
        REAL_PEERS[name] = function
        return function
    return register


def frames(fill, count):
    return [b"\xff" * 12 + b"\x08\x00" + bytes([fill, number]) * 24 for number in range(count)]


def storage(stack, workspace, trace, once=True, queues=2, datapath="relay"):
    """A disk of 8 MiB, and a capture before it."""
    daemon = stack.enter_context(StorageDaemon(workspace, workspace.image("disk.img", 8 * MIB), queues=queues))
    return daemon, stack.enter_context(vutrace.Capture(workspace, daemon.socket, trace=trace, once=once,
                                                       datapath=datapath))


@real_peers("qemu-7.2-seabios-blk")
def seabios(stack, workspace, trace):
    """SeaBIOS reads the boot sector from qemu-storage-daemon."""
    _, capture = storage(stack, workspace, trace)
    bios = stack.enter_context(SeaBiosGuest(workspace, block_device(capture.front_end, boot=True)))
    bios.wait_for_bios("not a bootable disk")
    bios.qmp().command("quit")
    bios.wait(20)
    capture.finish()


@real_peers("qemu-7.2-linux-blk")
def linux(stack, workspace, trace):
    """A Linux guest writes and reads a little on a disk of qemu-storage-daemon."""
    _, capture = storage(stack, workspace, trace)
    guest = stack.enter_context(QemuGuest(workspace, block_device(capture.front_end), """
echo "vutrace sample" | dd of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null
dd if=/dev/vda of=/dev/null bs=4k count=16 iflag=direct 2>/dev/null
"""))
    guest.wait_for_end()
    capture.finish()


@real_peers("qemu-7.2-blk-4-queues")
def four_queues(stack, workspace, trace):
    """A Linux guest of four processors, each of which writes and reads through a queue of its own; then it discards."""
    _, capture = storage(stack, workspace, trace, queues=4, datapath="shadow")
    guest = stack.enter_context(QemuGuest(workspace, block_device(capture.front_end, queues=4), """
for processor in 0 1 2 3; do
    echo "processor $processor" |
        taskset $((1 << processor)) dd of=/dev/vda bs=512 seek=$((processor * 2048)) conv=sync oflag=direct 2>/dev/null
    taskset $((1 << processor)) dd if=/dev/vda of=/dev/null bs=512 skip=$((processor * 2048)) count=2 iflag=direct 2>/dev/null
done
blkdiscard -o 1048576 -l 65536 /dev/vda
""", processors=4))
    guest.wait_for_end()
    capture.finish()


@real_peers("qemu-7.2-killed-blk")
def killed(stack, workspace, trace):
    """The back-end of a Linux guest's disk is killed while the guest writes as fast as it can, and another comes in its place:
    QEMU starts the queue where the used index stands, and the guest never knows."""
    daemon, capture = storage(stack, workspace, trace, once=False)
    guest = stack.enter_context(QemuGuest(workspace, block_device(capture.front_end, queues=1, reconnect=True), """
dd if=/dev/zero of=/dev/vda bs=512 count=8 oflag=direct 2>/dev/null
echo "writing"
number=0
while ! [ -e /tmp/enough ]; do
    dd if=/dev/zero of=/dev/vda bs=512 seek=$((number % 64)) count=1 oflag=direct 2>/dev/null
    number=$((number + 1))
    echo "written $number"
done &
read answer < /dev/ttyS1
touch /tmp/enough
wait
"""))
    guest.wait_for_output("written 10")
    daemon.kill()
    stack.enter_context(StorageDaemon(workspace, workspace.file("disk.img"), name="again", socket=daemon.socket))
    guest.wait_for(lambda: qemu_messages(guest.trace).count(("front-end", 3, 1)) == 2, "a second SET_OWNER", 30)
    done = guest.output().count("written")
    guest.wait_for_output("written", count=done + 10)
    guest.say("enough")
    guest.wait_for_end()
    capture.interrupt()


@real_peers("qemu-7.2-reconnect-blk")
def reconnect(stack, workspace, trace):
    """The back-end of a Linux guest's disk is killed, and QEMU goes on with another that comes in its place."""
    daemon, capture = storage(stack, workspace, trace, once=False)
    guest = stack.enter_context(QemuGuest(workspace, block_device(capture.front_end, queues=1, reconnect=True), """
echo before | dd of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null
echo waiting
read answer < /dev/ttyS1
echo after | dd of=/dev/vda bs=512 seek=8 conv=sync,fsync 2>/dev/null
"""))
    guest.wait_for_output("waiting")
    daemon.kill()
    stack.enter_context(StorageDaemon(workspace, workspace.file("disk.img"), name="again", socket=daemon.socket))
    guest.wait_for(lambda: qemu_messages(guest.trace).count(("front-end", 3, 1)) == 2, "a second SET_OWNER", 30)
    guest.say("go on")
    guest.wait_for_end()
    capture.interrupt()


@real_peers("qemu-7.2-virtiofsd")
def shared_folder(stack, workspace, trace):
    """A Linux guest reads and writes in a folder that virtiofsd shares."""
    folder = workspace.file("shared")
    folder.mkdir()
    (folder / "host").write_text("from the host\n")
    daemon = stack.enter_context(VirtioFsDaemon(workspace, folder))
    capture = stack.enter_context(vutrace.Capture(workspace, daemon.socket, trace=trace))
    guest = stack.enter_context(QemuGuest(workspace, filesystem_device(capture.front_end), """
mount -t virtiofs share /mnt
cat /mnt/host
mkdir /mnt/folder
echo "from the guest" > /mnt/folder/guest
umount /mnt
"""))
    guest.wait_for_end()
    capture.finish()


@real_peers("qemu-7.2-virtiofsd-shadow")
def shared_tree(stack, workspace, trace):
    """A Linux guest copies a small tree of files in a folder that virtiofsd shares, renames a file, finds one that is not
    there, and removes some."""
    folder = workspace.file("shared")
    (folder / "tree" / "branch").mkdir(parents=True)
    (folder / "tree" / "leaf").write_text("from the host\n")
    (folder / "tree" / "branch" / "leaf").write_text("further out\n" * 100)
    daemon = stack.enter_context(VirtioFsDaemon(workspace, folder))
    capture = stack.enter_context(vutrace.Capture(workspace, daemon.socket, trace=trace, datapath="shadow"))
    guest = stack.enter_context(QemuGuest(workspace, filesystem_device(capture.front_end), """
mount -t virtiofs share /mnt
cp -r /mnt/tree /mnt/copy
mv /mnt/copy/leaf /mnt/copy/leaf-of-the-copy
ln -s leaf-of-the-copy /mnt/copy/link
cat /mnt/copy/none 2>/dev/null || true
rm -r /mnt/copy/branch
umount /mnt
"""))
    guest.wait_for_end()
    capture.finish()


def small_ring(stack, workspace, trace, options, packed=False, sizes=(60,), count=12):
    """Two testpmd on a ring of 16 entries send each other frames, which take the sizes in turn; in mode shadow."""
    sent = [b"\xff" * 12 + b"\x08\x00" + bytes([number]) * (sizes[number % len(sizes)] - 14) for number in range(count)]
    into = [write_frames(workspace.file(f"{name}.pcap"), sent) for name in "ab"]
    back_end = stack.enter_context(TestPmdBackEnd(workspace, into[0]))
    capture = stack.enter_context(vutrace.Capture(workspace, back_end.socket, trace=trace, datapath="shadow"))
    front_end = stack.enter_context(TestPmd(
        workspace, "front-end", [virtio_user(0, capture.front_end, packed, more=f",queue_size=16{options}")], into[1],
        "0@1,1@1"))
    back_end.wait_for_queues(2)
    for end in (front_end, back_end):
        end.forward()
    for end in (front_end, back_end):
        end.wait_for_sent(1, count)
    front_end.finish()
    capture.finish()
    back_end.finish()


@real_peers("dpdk-22.11-split-shadow")
def testpmd_split_shadow(stack, workspace, trace):
    """Two testpmd poll split rings of 16 entries and send each other twelve frames; one buffer for each."""
    small_ring(stack, workspace, trace, ",mrg_rxbuf=0,in_order=0")


@real_peers("dpdk-22.11-in-order")
def testpmd_in_order(stack, workspace, trace):
    """Two testpmd poll split rings of 16 entries with IN_ORDER and send each other twelve frames."""
    small_ring(stack, workspace, trace, ",mrg_rxbuf=0,in_order=1")


@real_peers("dpdk-22.11-mergeable")
def testpmd_mergeable(stack, workspace, trace):
    """Two testpmd poll split rings of 16 entries and send each other frames of up to 5000 bytes, which take one to three
    buffers of the receiver (MRG_RXBUF)."""
    small_ring(stack, workspace, trace, ",mrg_rxbuf=1,in_order=0", sizes=(60, 3000, 5000), count=6)


@real_peers("dpdk-22.11-packed-chains")
def testpmd_packed_chains(stack, workspace, trace):
    """Two testpmd poll packed rings of 16 entries and send each other frames of up to 16000 bytes: in indirect tables, as
    chains in the ring, and received in up to eight buffers."""
    small_ring(stack, workspace, trace, ",mrg_rxbuf=1,in_order=0", packed=True, sizes=(60, 3000, 16000), count=3)


def asking_guest(stack, workspace, back_end, capture, device, requests):
    """A Linux guest takes an address on its network device, waits for what testpmd sends, and asks for another address as
    often as it is told."""
    guest = stack.enter_context(QemuGuest(workspace, device, """
ip link set eth0 up
ip addr add 10.0.0.1/24 dev eth0
echo "up"
read answer < /dev/ttyS1
""" + "arping -c 1 -w 1 -I eth0 10.0.0.2 > /dev/null || true\n" * requests))
    guest.wait_for_output("up")
    back_end.wait_for_queues(2)
    back_end.forward()
    guest.say("go on")
    guest.wait_for_end()
    capture.finish()
    back_end.finish()


@real_peers("qemu-7.2-dpdk-22.11-packed")
def guest_packed(stack, workspace, trace):
    """A Linux guest with packed rings asks for an address on the network; testpmd sends it four frames."""
    into = write_frames(workspace.file("in.pcap"), [STATION + frame[6:] for frame in frames(1, 4)])
    back_end = stack.enter_context(TestPmdBackEnd(workspace, into))
    capture = stack.enter_context(vutrace.Capture(workspace, back_end.socket, trace=trace, datapath="shadow"))
    asking_guest(stack, workspace, back_end, capture, network_device(capture.front_end, more=",packed=on"), requests=1)


def between_testpmds(stack, workspace, trace, packed):
    count = 4
    into = [write_frames(workspace.file(f"{fill}.pcap"), frames(fill, count)) for fill in (1, 2)]
    back_end = stack.enter_context(TestPmdBackEnd(workspace, into[0]))
    capture = stack.enter_context(vutrace.Capture(workspace, back_end.socket, trace=trace))
    front_end = stack.enter_context(TestPmdFrontEnd(workspace, capture.front_end, into[1], packed=packed))
    front_end.forward()
    back_end.forward()
    back_end.wait_for_sent(1, count)
    front_end.wait_for_sent(1, count)
    front_end.finish()
    capture.finish()
    back_end.finish()


@real_peers("dpdk-22.11-split")
def testpmd_split(stack, workspace, trace):
    """Two testpmd poll their rings and send each other four frames; split rings."""
    between_testpmds(stack, workspace, trace, packed=False)


@real_peers("dpdk-22.11-packed")
def testpmd_packed(stack, workspace, trace):
    """Two testpmd poll their rings and send each other four frames; packed rings."""
    between_testpmds(stack, workspace, trace, packed=True)


@real_peers("qemu-7.2-dpdk-22.11-iommu")
def translated_network(stack, workspace, trace):
    """A Linux guest behind an IOMMU sends two frames; testpmd asks for translations on the back-end's channel."""
    into = write_frames(workspace.file("in.pcap"), frames(1, 4))
    back_end = stack.enter_context(TestPmdBackEnd(workspace, into, translated=True))
    capture = stack.enter_context(vutrace.Capture(workspace, back_end.socket, trace=trace))
    guest = stack.enter_context(QemuGuest(workspace, translated_network_device(capture.front_end), """
ip link set eth0 up
ip addr add 10.0.0.1/24 dev eth0
echo "up"
for number in 1 2; do arping -c 1 -w 1 -I eth0 10.0.0.2 > /dev/null || true; done
"""))
    guest.wait_for_output("up")
    back_end.forward()
    guest.wait_for_end()
    capture.finish()
    back_end.finish()


@real_peers("qemu-7.2-dpdk-22.11-iommu-rings")
def translated_rings(stack, workspace, trace):
    """A Linux guest behind an IOMMU receives frames and asks for an address on the network; testpmd asks for translations
    of rings and buffers, and drops what it has no buffer for yet, so it gets the same frames again and again."""
    into = write_frames(workspace.file("in.pcap"), [STATION + frame[6:] for frame in frames(1, 4)] * 10_000)
    back_end = stack.enter_context(TestPmdBackEnd(workspace, into, translated=True))
    capture = stack.enter_context(vutrace.Capture(workspace, back_end.socket, trace=trace))
    asking_guest(stack, workspace, back_end, capture, translated_network_device(capture.front_end), requests=2)


@real_peers("qemu-7.2-migration-blk")
def migration(stack, workspace, trace):
    """A Linux guest moves from one QEMU to another, and its disk from one qemu-storage-daemon to another: the dirty log,
    LOG_ALL in mid-run, each queue started where the first stopped it."""
    image = workspace.image("disk.img", 8 * MIB)
    link, way = workspace.socket("back-end"), workspace.socket("way")
    capture = stack.enter_context(vutrace.Capture(workspace, link, trace=trace, once=False))
    guests = []
    for name in ("source", "target"):
        daemon = stack.enter_context(StorageDaemon(workspace, image, name=f"back-end-{name}", shared=True))
        link.unlink(missing_ok=True)
        link.symlink_to(daemon.socket)
        guest = stack.enter_context(QemuGuest(workspace, block_device(capture.front_end, queues=1), """
dd if=/dev/vda of=/dev/null bs=4k count=4 iflag=direct 2>/dev/null
echo "waiting"
read answer < /dev/ttyS1
echo "after" | dd of=/dev/vda bs=512 conv=sync,fsync 2>/dev/null
""", name=name, more=["-incoming", f"unix:{way}"] if name == "target" else []))
        guest.wait_for(lambda trace=guest.trace: qemu_messages(trace), "its first messages", 30)
        guests.append(guest)
    source, target = guests
    source.wait_for_output("waiting")
    source.qmp().command("migrate", uri=f"unix:{way}")
    source.wait_for(lambda: source.qmp().command("query-migrate")["status"] == "completed", "the migration's end", 60)
    target.say("go on")
    target.wait_for_end()
    source.qmp().command("quit")
    source.wait(20)
    capture.interrupt()


def at_a_switch(stack, workspace, trace, datapath, options=""):
    switch = stack.enter_context(OpenVSwitch(workspace))
    capture = stack.enter_context(vutrace.Capture(workspace, switch.add_listening_port("recorded"), trace=trace,
                                                  datapath=datapath))
    other = switch.add_listening_port("other")
    stations = [write_frames(workspace.file(f"{number}.pcap"),
                             [bytes([2, 0, 0, 0, 0, 1 - number, 2, 0, 0, 0, 0, number, 8, 0]) + bytes(50)] * 4)
                for number in range(2)]
    pair = stack.enter_context(TestPmdSwitchedPair(
        workspace, [virtio_user(0, capture.front_end, more=options), virtio_user(1, other)], stations))
    pair.wait_for_prompt()
    switch.wait_for_links("recorded", "other")
    pair.forward()
    for port in (1, 3):
        pair.wait_for_sent(port, 4)
    pair.finish_all()
    capture.finish()


@real_peers("ovs-3.1-dpdk-22.11")
def switch_port(stack, workspace, trace):
    """A testpmd at a port of Open vSwitch sends four frames to another port; the capture is before the first."""
    at_a_switch(stack, workspace, trace, "tap")


@real_peers("ovs-3.1-dpdk-22.11-shadow")
def switch_port_shadow(stack, workspace, trace):
    """The same with shadow rings of 16 entries."""
    at_a_switch(stack, workspace, trace, "shadow", ",queue_size=16")
