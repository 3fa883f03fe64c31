#include "shared_areas.h"

#include "region_file.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <xxhash.h>

#include <algorithm>
#include <limits>
#include <utility>

namespace vutrace::capture {
namespace {

using protocol::FrontEndRequest;

// Bytes of one record: an area in pieces of this size never fills the recorder's queue.
constexpr std::size_t piece_bytes = 256U << 10U;

bool is_regular(const FileDescriptor& file) noexcept {
    struct stat status {};
    return ::fstat(file.number(), &status) == 0 && S_ISREG(status.st_mode);
}

bool ends_a_queue(const ForwardedMessage& message) noexcept {
    const auto request = static_cast<FrontEndRequest>(message.header.request);
    return message.sender == Side::back_end &&
           (request == FrontEndRequest::GET_VRING_BASE || request == FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN);
}

}  // namespace

void SharedAreas::forwarded(ForwardedMessage& message) {
    const auto request = static_cast<FrontEndRequest>(message.header.request);
    const bool from_front_end = message.sender == Side::front_end;
    if (from_front_end && request == FrontEndRequest::SET_LOG_BASE) {
        if (const auto log = protocol::parse_log(message.payload)) {
            take(log_, message, log->mmap_offset, log->mmap_size);
            record(log_);
        }
    } else if (from_front_end ? request == FrontEndRequest::SET_INFLIGHT_FD
                              : request == FrontEndRequest::GET_INFLIGHT_FD) {
        if (const auto area = protocol::parse_inflight(message.payload); area && area->mmap_size != 0) {
            take(inflight_, message, area->mmap_offset, area->mmap_size);
            record(inflight_);
        }
    } else if (ends_a_queue(message)) {
        record();
    }
}

void SharedAreas::record() {
    record(inflight_);
    record(log_);
}

void SharedAreas::record_log_at_a_pace() {
    constexpr int share = 100;
    const Clock::time_point began = Clock::now();
    record(log_);
    const Clock::time_point ended = Clock::now();
    next_log_look_ = ended + std::max<Clock::duration>(log_interval, (ended - began) * share);
}

// A message without a descriptor leaves nothing to read: what was there before is no longer what the sides use.
void SharedAreas::take(Area& area, ForwardedMessage& message, std::uint64_t offset, std::uint64_t size) {
    area.file = message.descriptors != nullptr && message.descriptors->size() == 1
                    ? std::move(message.descriptors->front())
                    : FileDescriptor{};
    area.offset = offset;
    area.size = size;
    area.recorded.reset();
    if (!area.file) {
        return;
    }
    if (offset > static_cast<std::uint64_t>(std::numeric_limits<off_t>::max()) - area.most_bytes) {
        give_up(area, "it lies beyond the end of every file");
    } else if (!is_regular(area.file)) {
        give_up(area, "its file is no regular one");
    } else if (const Status readable = check_region_file(area.file); !readable) {
        give_up(area, readable.error().text);
    }
}

void SharedAreas::record(Area& area) {
    if (!area.file || area.size == 0) {
        return;
    }
    const std::uint64_t wanted = std::min(area.size, area.most_bytes);
    const Bytes bytes = read_region_file(area.file, area.offset, static_cast<std::size_t>(wanted));
    const std::uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
    if (area.recorded != hash) {
        area.recorded = hash;
        record_pieces(area, bytes);
    }
}

// The in-flight area in one record, which the decoder reads as a whole; zeros and what is missing cost nothing.
void SharedAreas::record_pieces(const Area& area, ByteView bytes) {
    const bool whole = area.part == trace::MemoryRecord::Part::inflight;
    const std::size_t most = whole ? std::max(bytes.size(), std::size_t{1}) : piece_bytes;
    const std::uint64_t missing = area.size - bytes.size();
    std::size_t done = 0;
    do {
        const std::size_t size = std::min(most, bytes.size() - done);
        trace::MemoryRecord record{area.part, trace::Proof::late, trace::no_queue, done, {}};
        record.content.add_compacted(bytes.subspan(done, size));
        done += size;
        if (done == bytes.size()) {
            record.content.add_missing(missing);
        }
        (void)recorder_.record(session_, record);
    } while (done < bytes.size());
}

void SharedAreas::give_up(Area& area, const std::string& why) {
    area.file.reset();
    const char* name = area.part == trace::MemoryRecord::Part::log ? "dirty log" : "in-flight area";
    (void)recorder_.record(session_, trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue,
                                                       fmt::format("the {} is not recorded: {}", name, why)});
}

}  // namespace vutrace::capture
