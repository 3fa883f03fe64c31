#include "vutrace/gui/models/sample_traces.h"

#include <QFileInfo>

namespace vutrace::gui {

// The bugs come first: what the window is for is seen with them.
const QList<SampleTrace>& SampleTraces::known() {
    static const QList<SampleTrace> samples{
        {"bug-call-never-sent.pcap.zst", QT_TR_NOOP("Bug: the guest waits, and the back-end has answered"),
         QT_TR_NOOP("The second read is done, and no call says so.")},
        {"bug-used-twice.pcap.zst", QT_TR_NOOP("Bug: a request is done twice, another never"),
         QT_TR_NOOP("The used ring names one chain two times; the next one waits for ever.")},
        {"bug-kick-before-enable.pcap.zst", QT_TR_NOOP("Bug: the first request after a reconnect is never served"),
         QT_TR_NOOP("A kick comes before SET_VRING_ENABLE and is thrown away.")},
        {"bug-memory-table-leaves-a-ring-outside.pcap.zst", QT_TR_NOOP("Bug: a queue dies when memory is plugged"),
         QT_TR_NOOP("SET_MEM_TABLE leaves a running ring in no region.")},
        {"bug-iotlb-deadlock.pcap.zst", QT_TR_NOOP("Bug: both sides wait for each other"),
         QT_TR_NOOP("GET_VRING_BASE on one channel, a missing translation on the other.")},
        {"qemu-7.2-linux-blk.pcap.zst", QT_TR_NOOP("A disk: QEMU, Linux 6.1 and qemu-storage-daemon"),
         QT_TR_NOOP("Indirect tables, event index, and how long each request took.")},
        {"qemu-7.2-killed-blk.pcap.zst", QT_TR_NOOP("A disk whose back-end is killed"),
         QT_TR_NOOP("One request is left without an answer, and done again by the next back-end.")},
        {"qemu-7.2-migration-blk.pcap.zst", QT_TR_NOOP("A guest that moves to another QEMU"),
         QT_TR_NOOP("Two sessions: the dirty log is set, and the second goes on where the first ended.")},
        {"qemu-7.2-virtiofsd-shadow.pcap.zst", QT_TR_NOOP("A shared folder: QEMU and virtiofsd"),
         QT_TR_NOOP("FUSE requests by name: a small tree is copied, renamed, removed.")},
        {"dpdk-22.11-split-shadow.pcap.zst", QT_TR_NOOP("Network frames: DPDK polls split rings"),
         QT_TR_NOOP("Both sides poll; twelve frames each way, shown as packets.")},
        {"qemu-7.2-dpdk-22.11-packed.pcap.zst", QT_TR_NOOP("Network frames in packed rings: QEMU and DPDK"),
         QT_TR_NOOP("Wrap counters and descriptors in the ring view.")},
        {"ovs-3.1-dpdk-22.11-shadow.pcap.zst", QT_TR_NOOP("A port of Open vSwitch"),
         QT_TR_NOOP("Rings of 16 entries, so that every frame is seen.")},
    };
    return samples;
}

QString SampleTraces::path_in(const QString& folder, const QString& file) {
    const QFileInfo there(folder + QLatin1Char('/') + file);
    return !folder.isEmpty() && there.isFile() ? there.absoluteFilePath() : QString();
}

SampleTraces::SampleTraces(const QString& folder, QObject* parent) : QAbstractListModel(parent), folder_(folder) {
    for (const SampleTrace& sample : known()) {
        if (!path_in(folder_, QLatin1String(sample.file)).isEmpty()) {
            there_.push_back(sample);
        }
    }
}

int SampleTraces::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(there_.size());
}

QVariant SampleTraces::data(const QModelIndex& index, int role) const {
    if (!checkIndex(index, CheckIndexOption::IndexIsValid)) {
        return {};
    }
    const SampleTrace& sample = there_[index.row()];
    switch (role) {
        case Qt::DisplayRole:
            return tr(sample.title);
        case seen:
            return tr(sample.seen);
        case path:
        case Qt::ToolTipRole:
            return path_in(folder_, QLatin1String(sample.file));
        case Qt::AccessibleTextRole:
            return tr("%1. %2").arg(tr(sample.title), tr(sample.seen));
        default:
            return {};
    }
}

}  // namespace vutrace::gui
