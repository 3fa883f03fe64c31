#include "vutrace/replay/comparison.h"

#include "reply_differences.h"

#include <vutrace/base/hex.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/virtio/devices/block.h>
#include <vutrace/virtio/split_ring.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace vutrace::replay {
namespace {

using protocol::FrontEndRequest;

constexpr ReplyRule row(FrontEndRequest request, ReplyStrictness strictness, std::string_view reason,
                        std::uint32_t mask_begin = 0, std::uint32_t mask_end = 0) {
    return {static_cast<std::uint32_t>(request), strictness, mask_begin, mask_end, reason};
}

constexpr std::array rules{
    row(FrontEndRequest::GET_VRING_BASE, ReplyStrictness::ring_position,
        "chains in flight may or may not have been taken when the queue stops"),
    row(FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN, ReplyStrictness::ring_position,
        "chains in flight may or may not have been taken when the queue stops"),
    row(FrontEndRequest::SET_LOG_BASE, ReplyStrictness::tolerant,
        "some back-ends answer with left-over bytes of the request, some with nothing"),
    row(FrontEndRequest::GET_INFLIGHT_FD, ReplyStrictness::masked,
        "size and offset of the buffer are the back-end's own business", 0, 16),
    row(FrontEndRequest::CREATE_CRYPTO_SESSION, ReplyStrictness::tolerant, "session numbers are given out anew"),
    row(FrontEndRequest::SET_MEM_TABLE, ReplyStrictness::tolerant,
        "in postcopy it holds addresses of the back-end's process"),
    row(FrontEndRequest::POSTCOPY_ADVISE, ReplyStrictness::tolerant, "the descriptor is what counts"),
    row(FrontEndRequest::GET_SHARED_OBJECT, ReplyStrictness::tolerant, "the descriptor is what counts"),
};
constexpr ReplyRule exact_rule{0, ReplyStrictness::exact, 0, 0, ""};

constexpr std::size_t shown_bytes = 32;

std::string shown(ByteView bytes) {
    const std::string text = hex(bytes.first(std::min(bytes.size(), shown_bytes)));
    return bytes.size() > shown_bytes ? text + fmt::format("... ({} bytes)", bytes.size()) : text;
}

// With the payload from its first difference on.
std::string show_reply(const protocol::Header& header, ByteView payload, std::size_t from) {
    from = std::min(from, payload.size());
    return fmt::format("{} flags {:#x} size {} payload from byte {}: {}",
                       protocol::request_name(Channel::front_end, header.request), header.flags, header.size, from,
                       shown(payload.subspan(from)));
}

bool payloads_agree(const ReplyRule& rule, ByteView expected, ByteView actual) {
    if (expected.size() != actual.size()) {
        return false;
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
        const bool masked = rule.strictness == ReplyStrictness::masked && i >= rule.mask_begin && i < rule.mask_end;
        if (!masked && expected[i] != actual[i]) {
            return false;
        }
    }
    return true;
}

constexpr std::uint32_t compared_flags = protocol::version_mask | protocol::reply_flag;

// Without those that the rule allows.
std::vector<std::string> differences(const ReplyRule& rule, const protocol::Header& expected, ByteView expected_payload,
                                     const Message& actual, std::uint32_t device_type) {
    Bytes payload = actual.payload;
    if (rule.strictness == ReplyStrictness::masked) {
        for (std::size_t i = rule.mask_begin; i < std::min<std::size_t>(rule.mask_end, payload.size()); ++i) {
            payload[i] = i < expected_payload.size() ? expected_payload[i] : payload[i];
        }
    }
    protocol::Header header = actual.header;
    header.flags = (header.flags & compared_flags) | (expected.flags & ~compared_flags);
    return describe_differences(expected, expected_payload, header, payload, device_type);
}

// The bytes from `offset` on in what a device wrote into a chain.
class WrittenBytes {
  public:
    WrittenBytes(const std::vector<trace::ChainDescriptor>& descriptors, const BufferMemory& memory) : memory_(memory) {
        virtio::for_each_buffer(descriptors, true, [this](std::uint64_t address, std::uint32_t length) {
            buffers_.emplace_back(address, length);
            size_ += length;
        });
    }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

    bool read(std::uint64_t offset, MutableByteView out) const {
        for (const auto& [address, length] : buffers_) {
            if (offset >= length) {
                offset -= length;
                continue;
            }
            const std::size_t size = std::min<std::uint64_t>(out.size(), length - offset);
            if (!memory_.read(address + offset, out.first(size))) {
                return false;
            }
            out = out.subspan(size);
            offset = 0;
            if (out.empty()) {
                return true;
            }
        }
        return out.empty();
    }

  private:
    const BufferMemory& memory_;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> buffers_;
    std::uint64_t size_{0};
};

// Walks the known bytes of a content in pieces.
template <class Visit>
void for_each_known_piece(const trace::Content& content, Visit visit) {
    static constexpr std::array<std::byte, 4096> zeros{};
    std::uint64_t offset = 0;
    std::size_t literal = 0;
    for (const trace::Run& run : content.runs()) {
        for (std::uint64_t done = 0; run.kind != trace::RunKind::missing && done < run.length;) {
            const std::size_t size = std::min<std::uint64_t>(zeros.size(), run.length - done);
            const bool is_literal = run.kind == trace::RunKind::literal;
            if (!visit(offset + done,
                       is_literal ? content.literal().subspan(literal, size) : ByteView(zeros).first(size))) {
                return;
            }
            literal += is_literal ? size : 0;
            done += size;
        }
        offset += run.length;
    }
}

struct Difference {
    std::uint64_t offset{0};
    std::string expected;
    std::string actual;
};

// The first known byte before `end` that differs.
std::optional<Difference> find_difference(const trace::Content& expected, const WrittenBytes& written,
                                          std::uint64_t end, std::uint64_t& compared) {
    std::optional<Difference> difference;
    Bytes actual;
    for_each_known_piece(expected, [&](std::uint64_t offset, ByteView piece) {
        if (offset >= end) {
            return false;
        }
        piece = piece.first(std::min<std::uint64_t>(piece.size(), end - offset));
        actual.assign(piece.size(), std::byte{0});
        if (!written.read(offset, actual)) {
            difference = Difference{offset, shown(piece), "outside the guest's memory"};
            return false;
        }
        compared += piece.size();
        const auto [at, other] = std::mismatch(piece.begin(), piece.end(), actual.begin());
        if (at == piece.end()) {
            return true;
        }
        const auto index = static_cast<std::size_t>(at - piece.begin());
        difference = Difference{offset + index, shown(piece.subspan(index)), shown(ByteView(actual).subspan(index))};
        return false;
    });
    return difference;
}

std::string show_status(std::uint8_t status) {
    return fmt::format("{} ({})", status, virtio::block::status_name(status));
}

}  // namespace

const ReplyRule& reply_rule(std::uint32_t request) noexcept {
    const auto* const found =
        std::find_if(rules.begin(), rules.end(), [request](const ReplyRule& rule) { return rule.request == request; });
    return found == rules.end() ? exact_rule : *found;
}

std::optional<Divergence> compare_replies(const protocol::Header& expected, ByteView expected_payload,
                                          const Message& actual, bool position_uncertain, std::uint32_t device_type) {
    const ReplyRule& rule = reply_rule(expected.request);
    const bool loose = rule.strictness == ReplyStrictness::tolerant ||
                       (rule.strictness == ReplyStrictness::ring_position && position_uncertain);
    const bool headers_agree = expected.request == actual.header.request &&
                               (expected.flags & compared_flags) == (actual.header.flags & compared_flags);
    if (headers_agree && (loose || payloads_agree(rule, expected_payload, actual.payload))) {
        return std::nullopt;
    }
    Divergence divergence;
    divergence.kind = Divergence::Kind::reply;
    const auto [first, other] =
        std::mismatch(expected_payload.begin(), expected_payload.end(), actual.payload.begin(), actual.payload.end());
    const auto from = static_cast<std::size_t>(first - expected_payload.begin());
    divergence.expected = show_reply(expected, expected_payload, from);
    divergence.actual = show_reply(actual.header, actual.payload, from);
    divergence.differences = differences(rule, expected, expected_payload, actual, device_type);
    return divergence;
}

UsedComparison compare_used(const trace::ChainEntry& expected, std::uint32_t actual_length,
                            const std::vector<trace::ChainDescriptor>& descriptors, const BufferMemory& memory,
                            bool is_block) {
    UsedComparison comparison;
    const auto add = [&](Divergence::Kind kind, std::string wanted, std::string got) {
        Divergence divergence;
        divergence.kind = kind;
        divergence.expected = std::move(wanted);
        divergence.actual = std::move(got);
        comparison.divergences.push_back(std::move(divergence));
    };
    if (expected.used_length != actual_length) {
        add(Divergence::Kind::used_length, fmt::format("{}", expected.used_length), fmt::format("{}", actual_length));
    }
    const WrittenBytes written(descriptors, memory);
    std::uint64_t end = written.size();
    std::array<std::byte, 1> expected_status{};
    std::array<std::byte, 1> actual_status{};
    if (is_block && end != 0 && expected.proof == trace::Proof::verified &&
        expected.content.read(end - 1, expected_status) && written.read(end - 1, actual_status)) {
        --end;
        ++comparison.bytes_compared;
        if (expected_status != actual_status) {
            add(Divergence::Kind::status, show_status(std::to_integer<std::uint8_t>(expected_status[0])),
                show_status(std::to_integer<std::uint8_t>(actual_status[0])));
        }
    }
    const auto difference = find_difference(expected.content, written, end, comparison.bytes_compared);
    if (difference && expected.proof == trace::Proof::verified) {
        add(Divergence::Kind::bytes, fmt::format("{} at offset {}", difference->expected, difference->offset),
            fmt::format("{} at offset {}", difference->actual, difference->offset));
    }
    comparison.doubtful = difference.has_value() && expected.proof != trace::Proof::verified;
    return comparison;
}

}  // namespace vutrace::replay
