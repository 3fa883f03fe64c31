// H. Device requests: lengths of all of them, and block devices.
#include "request_evidence.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vutrace::check {
namespace {

using virtio::block::Request;
using virtio::block::RequestType;

constexpr unsigned RO = 5, DISCARD_FEATURE = 13, WRITE_ZEROES_FEATURE = 14;

RequestType type_of(const Request& request) noexcept {
    return RequestType{request.type & ~virtio::block::barrier_flag};
}

// VU107.
class RequestLength final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (sight.used()) {
            return;
        }
        const bool files = files_.is_file_system(sight);
        if (!is_walked(sight)) {
            return;
        }
        if (is_block(sight)) {
            judge_block(sight);
        } else if (is_network(sight)) {
            judge_network(sight);
        } else if (files) {
            judge_file_system(sight);
        }
    }

  private:
    void judge(const ChainSight& sight, const char* part, std::uint64_t length, std::uint64_t needed,
               std::string_view what) const {
        if (length < needed && is_certain(sight)) {
            report(sight, fmt::format("{}: {}, {} needs {}", head_of(sight),
                                      count_text(length, fmt::format("{} byte", part)), what, needed));
        }
    }
    void judge_block(const ChainSight& sight) const {
        judge(sight, "readable", sight.known.readable_total, virtio::block::request_header_size, "a block request");
        if (!sight.known.block) {
            return judge(sight, "writable", sight.known.writable_total, 1, "the status");
        }
        const RequestType type = type_of(*sight.known.block);
        std::uint64_t answer = 1;
        answer += type == RequestType::GET_ID ? 20 : 0;
        answer += type == RequestType::GET_LIFETIME ? 6 : 0;
        answer += type == RequestType::ZONE_APPEND ? 8 : 0;
        judge(sight, "writable", sight.known.writable_total, answer, virtio::block::name_of(type));
        const bool has_segments =
            type == RequestType::DISCARD || type == RequestType::WRITE_ZEROES || type == RequestType::SECURE_ERASE;
        if (has_segments) {
            judge(sight, "readable", sight.known.readable_total, virtio::block::request_header_size + 16,
                  virtio::block::name_of(type));
        }
    }
    void judge_network(const ChainSight& sight) const {
        const std::uint64_t header =
            virtio::network::header_size(sight.before.has_feature(protocol::feature::VERSION_1),
                                         sight.before.has_feature(virtio::network::MRG_RXBUF),
                                         sight.before.has_feature(virtio::network::HASH_REPORT));
        if (virtio::network::is_transmit(sight.chain.queue)) {
            judge(sight, "readable", sight.known.readable_total, header, "the header of a packet");
        } else if (sight.known.readable_total == 0) {
            judge(sight, "writable", sight.known.writable_total, header, "the header of a packet");
        }
    }
    void judge_file_system(const ChainSight& sight) const {
        if (sight.known.readable_total == 0) {
            return;  // of a notification queue
        }
        judge(sight, "readable", sight.known.readable_total, virtio::file_system::request_header_size,
              "a FUSE request");
        const auto bytes = readable_bytes<virtio::file_system::request_header_size>(sight);
        const auto header = bytes ? virtio::file_system::parse_request_header(*bytes) : std::nullopt;
        if (header && virtio::file_system::has_answer(header->opcode)) {
            judge(sight, "writable", sight.known.writable_total, virtio::file_system::answer_header_size,
                  fmt::format("the answer to FUSE request {}", header->opcode));
        }
    }

    FileSystemEvidence files_;
};

std::optional<std::uint64_t> capacity_of(const session::DeviceState& device) noexcept {
    return virtio::block::looks_like_configuration(device.configuration())
               ? std::optional(load<std::uint64_t>(device.configuration(), 0))
               : std::nullopt;
}

bool is_beyond(std::uint64_t sector, std::uint64_t sectors, std::uint64_t capacity) noexcept {
    return sectors > capacity || sector > capacity - sectors;
}

bool reads_or_writes(RequestType type) noexcept {
    return type == RequestType::IN || type == RequestType::OUT;
}

// What makes a request one that no driver may send. Empty where it is in order.
std::optional<std::string> fault_of_data(const ChainSight& sight, const Request& request) {
    if (!reads_or_writes(type_of(request))) {
        return std::nullopt;
    }
    if (request.data_length % virtio::block::sector_size != 0) {
        return fmt::format("{} of data, no multiple of {}", count_text(request.data_length, "byte"),
                           virtio::block::sector_size);
    }
    const auto capacity = capacity_of(sight.before);
    const std::uint64_t sectors = request.data_length / virtio::block::sector_size;
    if (capacity && is_beyond(request.sector, sectors, *capacity)) {
        return fmt::format("{} sectors from {} on, the disk has {}", sectors, request.sector, *capacity);
    }
    if (type_of(request) == RequestType::OUT && sight.before.has_feature(RO)) {
        return std::string("a write, the disk is read-only (RO is negotiated)");
    }
    return std::nullopt;
}

// Where the configuration space has the limits of requests made of segments. 0 in it: no limit that is known.
struct SegmentLimits {
    RequestType type;
    unsigned feature;
    std::size_t sectors_offset, segments_offset;
};
constexpr std::array segment_limits{
    SegmentLimits{RequestType::DISCARD, DISCARD_FEATURE, 36, 40},
    SegmentLimits{RequestType::WRITE_ZEROES, WRITE_ZEROES_FEATURE, 48, 52},
};

std::optional<std::string> fault_of_segments(const ChainSight& sight, const Request& request) {
    const RequestType type = type_of(request);
    const auto* const limits = std::find_if(segment_limits.begin(), segment_limits.end(),
                                            [type](const SegmentLimits& row) { return row.type == type; });
    if (limits == segment_limits.end()) {
        return std::nullopt;
    }
    constexpr std::uint64_t segment_size = 16;
    const std::uint64_t count = request.data_length / segment_size;
    if (request.data_length % segment_size != 0) {
        return fmt::format("{}: no whole number of segments", count_text(request.data_length, "byte"));
    }
    const Bytes& configuration = sight.before.configuration();
    const bool bounded = sight.before.has_feature(limits->feature);
    const auto most_segments = bounded ? load<std::uint32_t>(configuration, limits->segments_offset) : 0;
    if (most_segments != 0 && count > most_segments) {
        return fmt::format("{} segments, the device takes {}", count, most_segments);
    }
    const auto most_sectors = bounded ? load<std::uint32_t>(configuration, limits->sectors_offset) : 0;
    const auto capacity = capacity_of(sight.before);
    for (const virtio::block::Segment& segment : request.segments) {
        if (most_sectors != 0 && segment.num_sectors > most_sectors) {
            return fmt::format("a segment of {} sectors, the device takes {}", segment.num_sectors, most_sectors);
        }
        if (capacity && is_beyond(segment.sector, segment.num_sectors, *capacity)) {
            return fmt::format("a segment of {} sectors from {} on, the disk has {}", segment.num_sectors,
                               segment.sector, *capacity);
        }
        const std::uint32_t allowed = type == RequestType::WRITE_ZEROES ? 1 : 0;
        if ((segment.flags & ~allowed) != 0) {
            return fmt::format("a segment with flags 0x{:x}", segment.flags);
        }
    }
    return std::nullopt;
}

// VU108.
class BlockRequest final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (sight.used() || !sight.known.block || !is_walked(sight)) {
            return;
        }
        const Request& request = *sight.known.block;
        auto fault = fault_of_data(sight, request);
        fault = fault ? fault : fault_of_segments(sight, request);
        if (fault && is_certain(sight)) {
            report(sight, fmt::format("{}, {}: {}", head_of(sight), virtio::block::name_of(type_of(request)), *fault));
        } else if (type_of(request) == RequestType::FLUSH && request.sector != 0 && is_certain(sight)) {
            Finding made =
                finding(sight, fmt::format("{}, FLUSH: sector {} instead of 0", head_of(sight), request.sector));
            made.severity = Severity::warning;
            report(std::move(made));
        }
    }
};

// VU109.
class BlockAnswer final : public Rule {
  public:
    void chain(const ChainSight& sight) override {
        if (!sight.used() || !sight.known.block || !is_walked(sight) || sight.known.context.available_sequence == 0) {
            return;
        }
        const Request& request = *sight.known.block;
        const auto text = [&](std::string_view what) {
            return fmt::format("{}, {} of record {}: {}", head_of(sight), virtio::block::name_of(type_of(request)),
                               sight.known.context.available_sequence, what);
        };
        if (!request.status) {
            judge_short(sight, request, text);
        } else if (sight.entry.proof == trace::Proof::verified) {
            judge_status(sight, request, *request.status, text);
        }
    }

  private:
    // The status stands behind the data: a length that ends before it says that it was never written.
    template <class Text>
    void judge_short(const ChainSight& sight, const Request& request, const Text& text) {
        const bool reads = type_of(request) == RequestType::IN;
        if (!reads || sight.entry.used_length >= sight.known.writable_total || sight.known.writable_total == 0) {
            return;
        }
        bool* said = said_.of(sight.chain.queue);
        if (said == nullptr || std::exchange(*said, true)) {
            return;
        }
        Finding made =
            finding(sight, text(fmt::format("{} of {} writable bytes are said to be written, the status behind them "
                                            "is not among them; later ones of this queue are not told",
                                            sight.entry.used_length, sight.known.writable_total)));
        made.severity = Severity::info;
        report(std::move(made));
    }
    template <class Text>
    void judge_status(const ChainSight& sight, const Request& request, std::uint8_t status, const Text& text) const {
        constexpr std::uint8_t unsupported = 2;
        const RequestType type = type_of(request);
        if (virtio::block::status_name(status) == "UNKNOWN") {
            report(sight, text(fmt::format("status {} has no meaning", status)));
        } else if (virtio::block::name_of(type) == "UNKNOWN" && status != unsupported) {
            report(sight, text(fmt::format("request type {} is answered with {}, expected UNSUPP", request.type,
                                           virtio::block::status_name(status))));
        } else if (status == virtio::block::status_ok && reads_or_writes(type)) {
            if (const auto fault = fault_of_data(sight, request)) {
                report(sight, text(fmt::format("answered with OK, but {}", *fault)));
            }
        }
    }

    ByQueue<bool> said_;
};

constexpr std::array rows{
    RuleRow{{"VU107", Severity::error, Violator::driver,
             "Both parts of a chain are as long as its request and the answer need.", "virtio, Device Types",
             "Checked for block devices, file systems (known by their FUSE_INIT, or by --device fs) and network "
             "devices. A device has no place to say that such a request is wrong, if there is none for its status.",
             ""},
            make_rule<RequestLength>,
            wants_chains},
    RuleRow{{"VU108", Severity::error, Violator::driver,
             "A block request is made of whole sectors, inside the disk and the limits of the device.", block_section,
             "The disk's size and limits are those of the last GET_CONFIG answer. FLUSH with a sector is a warning: "
             "devices ignore it. A guest that reads past the end is often one with a wrong partition table.",
             ""},
            make_rule<BlockRequest>,
            wants_chains},
    RuleRow{{"VU109", Severity::error, Violator::back_end, "A block request is answered with the status it deserves.",
             block_section,
             "OK only for what can be done, UNSUPP for unknown types. The status is the last writable byte and "
             "recorded where the length of the used element covers it: a shorter one, as some devices report for "
             "reads that failed, is a note, once for each queue. yc-libvhost-server always reports the full length.",
             ""},
            make_rule<BlockAnswer>,
            wants_chains},
};

}  // namespace

RuleRows block_request_rules() noexcept {
    return rows;
}

}  // namespace vutrace::check
