#include "memory_snapshot.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

namespace vutrace::capture {
namespace {

constexpr std::uint64_t step_bytes = 256U << 10U;
constexpr std::size_t record_bytes = 128U << 10U;  // literal bytes of one record
constexpr std::chrono::milliseconds retry_interval{5};

bool is_zero(ByteView page) noexcept {
    return std::all_of(page.begin(), page.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

// Front-ends send their table again and again while it changes, each time with new descriptors of the same files.
bool same_memory(const MappedRegion& a, const MappedRegion& b) noexcept {
    struct stat first {};
    struct stat second {};
    return a.region == b.region && ::fstat(a.file.number(), &first) == 0 && ::fstat(b.file.number(), &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

// A region's file by a description of our own where it can be opened again: SEEK_DATA moves the file position, and the
// one that we were given is shared with its owner. Without it all of the file counts as data.
struct MemorySnapshot::Reader {
    explicit Reader(const FileDescriptor& file) : shared(file) {
        if (size()) {  // opening what is no regular file may have effects: on a FIFO's writer, on a device
            own = FileDescriptor(
                ::open(fmt::format("/proc/self/fd/{}", file.number()).c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
        }
    }

    // Bytes of the file now; none where it is no regular file: a pipe or a device has nothing to read at an offset.
    [[nodiscard]] std::optional<std::uint64_t> size() const noexcept {
        struct stat status {};
        if (::fstat(shared.number(), &status) != 0 || !S_ISREG(status.st_mode)) {
            return std::nullopt;
        }
        return static_cast<std::uint64_t>(status.st_size);
    }

    // The next data at or behind `from`, as [first, second); first == `end` where there is none before it.
    [[nodiscard]] std::pair<std::uint64_t, std::uint64_t> next_data(std::uint64_t from, std::uint64_t end) const {
        if (!own) {
            return {from, end};
        }
        const off_t data = ::lseek(own.number(), static_cast<off_t>(from), SEEK_DATA);
        if (data < 0) {
            return errno == ENXIO ? std::pair{end, end} : std::pair{from, end};
        }
        const off_t hole = ::lseek(own.number(), data, SEEK_HOLE);
        const std::uint64_t stop = hole < 0 ? end : static_cast<std::uint64_t>(hole);
        return {std::min(static_cast<std::uint64_t>(data), end), std::min(stop, end)};
    }

    const FileDescriptor& shared;
    FileDescriptor own;
};

MemorySnapshot::MemorySnapshot(std::uint32_t session, Recorder& recorder)
    : session_(session), recorder_(recorder), buffer_(step_bytes) {
    thread_ = std::thread([this] { run(); });
}

MemorySnapshot::~MemorySnapshot() {
    finish(std::chrono::milliseconds{0});
}

void MemorySnapshot::add(std::shared_ptr<const MappedRegion> region) {
    {
        const std::lock_guard lock(mutex_);
        const bool waits = std::any_of(waiting_.begin(), waiting_.end(),
                                       [&](const auto& other) { return same_memory(*other, *region); });
        if (waits) {
            return;
        }
        waiting_.push_back(std::move(region));
    }
    wake_.notify_all();
}

void MemorySnapshot::pause(bool paused) {
    {
        const std::lock_guard lock(mutex_);
        paused_ = paused;
    }
    wake_.notify_all();
}

void MemorySnapshot::finish(std::chrono::milliseconds patience) {
    if (!thread_.joinable()) {
        return;
    }
    {
        std::unique_lock lock(mutex_);
        finishing_ = true;
        wake_.notify_all();
        // Paused, it would wait in vain.
        (void)wake_.wait_for(lock, paused_ ? std::chrono::milliseconds{0} : patience,
                             [this] { return idle_ && waiting_.empty(); });
        giving_up_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void MemorySnapshot::run() {
    for (;;) {
        std::shared_ptr<const MappedRegion> region;
        {
            std::unique_lock lock(mutex_);
            idle_ = true;
            wake_.notify_all();
            wake_.wait(lock, [this] { return finishing_ || (!waiting_.empty() && !paused_); });
            if (waiting_.empty()) {
                break;
            }
            idle_ = false;
            region = std::move(waiting_.front());
            waiting_.pop_front();
        }
        record_region(*region);
    }
    if (skipped_bytes_ != 0) {
        recorder_.lost(session_, {trace::no_queue, 0, 0, skipped_bytes_,
                                  "the session ended before all guest memory was recorded"});
    }
}

bool MemorySnapshot::may_go_on() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return !paused_ || giving_up_; });
    return !giving_up_;
}

void MemorySnapshot::record_region(const MappedRegion& region) {
    const std::uint64_t begin = region.region.mmap_offset;
    std::uint64_t end = 0;
    if (!region.file || __builtin_add_overflow(begin, region.region.size, &end) ||
        end > static_cast<std::uint64_t>(INT64_MAX)) {
        return;  // said when the region came
    }
    const Reader reader(region.file);
    const auto size = reader.size();
    if (!size || *size < end) {
        (void)recorder_.record(
            session_,
            trace::NoteRecord{
                trace::NoteRecord::Severity::warning, trace::no_queue,
                fmt::format("the file of the memory region at {:#x} ends before the region: what is missing is not "
                            "recorded",
                            region.region.guest_address)});
    }
    end = std::min(end, size.value_or(0));  // behind the end of the file there is nothing, not zeros
    std::uint64_t at = begin;
    while (at < end) {
        if (!may_go_on()) {
            skipped_bytes_ += end - at;
            break;
        }
        auto [data, stop] = reader.next_data(at, end);
        // Extents end where the file's pages do; pages here count from the begin of the region.
        data = data >= end ? end : data - (data - begin) % PageHashes::page_size;
        data = std::max(data, at);
        if (data > at) {
            add_zeros(region.region.guest_address + (at - begin), data - at);
        }
        stop = std::min(end, stop + (begin - stop) % PageHashes::page_size);
        stop = std::min(stop, data + step_bytes);
        if (data < stop && !record_data(region, reader, data, stop)) {
            break;
        }
        at = std::max(data, stop);
    }
    flush();
}

// False where the file ends or cannot be read: the rest of the region is not known.
bool MemorySnapshot::record_data(const MappedRegion& region, const Reader& reader, std::uint64_t from,
                                 std::uint64_t to) {
    const std::uint64_t address = region.region.guest_address + (from - region.region.mmap_offset);
    const int number = reader.own ? reader.own.number() : reader.shared.number();
    std::size_t filled = 0;
    while (filled < to - from) {
        const ssize_t count =
            ::pread(number, buffer_.data() + filled, to - from - filled, static_cast<off_t>(from + filled));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count <= 0) {
            break;
        }
        filled += static_cast<std::size_t>(count);
    }
    const ByteView bytes = ByteView(buffer_).first(filled);
    for (std::size_t at = 0; at < filled; at += PageHashes::page_size) {
        add_page(address + at, bytes.subspan(at, std::min<std::size_t>(PageHashes::page_size, filled - at)));
    }
    return filled == to - from;
}

void MemorySnapshot::add_page(std::uint64_t address, ByteView page) {
    if (is_zero(page)) {
        add_zeros(address, page.size());
        return;
    }
    if (hashes_.update(address, PageHashes::usable(XXH3_64bits(page.data(), page.size())))) {
        begin_at(address);
        record_.content.add_literal(page);
    }
    if (record_.content.literal().size() >= record_bytes) {
        flush();
    }
}

void MemorySnapshot::add_zeros(std::uint64_t address, std::uint64_t length) {
    if (hashes_.update_zeros(address, length)) {
        begin_at(address);
        record_.content.add_zeros(length);
    }
}

// Content is contiguous: pages that were passed over begin a new record.
void MemorySnapshot::begin_at(std::uint64_t address) {
    if (!record_.content.empty() && record_.address + record_.content.size() != address) {
        flush();
    }
    if (record_.content.empty()) {
        record_.address = address;
    }
}

void MemorySnapshot::flush() {
    if (record_.content.empty()) {
        return;
    }
    trace::RecordBody body(std::move(record_));
    auto& record = std::get<trace::MemoryRecord>(body);
    // Half the queue stays for the session itself.
    const std::size_t needed = record.content.literal().size() + 4 * recorder_.largest_record();
    while (recorder_.free_bytes() < needed && !giving_up_) {
        std::unique_lock lock(mutex_);
        (void)wake_.wait_for(lock, retry_interval, [this] { return giving_up_.load(); });
    }
    if (recorder_.free_bytes() >= needed || !giving_up_) {
        (void)recorder_.record(session_, body);
    } else {
        skipped_bytes_ += record.content.size();
    }
    record_ = std::move(record);
    record_.content.clear();
}

}  // namespace vutrace::capture
