// Writes a row of the catalogue in the words of the specification. What a row does not say is the rule: no payload, no
// descriptors, an acknowledgement where NEED_REPLY asks for it.
#pragma once

#include "payload_table.h"

#include <vutrace/protocol/features.h>

namespace vutrace::protocol {

class RequestRow {
  public:
    constexpr RequestRow(Channel channel, std::uint32_t code, std::string_view name, std::string_view meaning) {
        info_.channel = channel;
        info_.code = code;
        info_.name = name;
        info_.meaning = meaning;
        replies(ReplyRule::acknowledgement, PayloadKind::acknowledgement);
    }

    constexpr RequestRow& aliases(std::string_view names) {
        info_.aliases = names;
        return *this;
    }
    constexpr RequestRow& payload(PayloadKind kind) {
        info_.payload = kind;
        return sizes(sizes_of(kind).min, sizes_of(kind).max);
    }
    constexpr RequestRow& sizes(std::uint32_t min, std::uint32_t max) {
        info_.size_min = min;
        info_.size_max = max;
        return *this;
    }
    constexpr RequestRow& queue(PayloadKind kind) {
        info_.queue_index = kind == PayloadKind::vring_descriptor || kind == PayloadKind::vring_area
                                ? QueueIndex::low_byte_of_u64
                                : QueueIndex::first_u32;
        return payload(kind);
    }
    constexpr RequestRow& descriptors(std::uint8_t min, std::uint8_t max, std::string_view what) {
        info_.descriptors_min = min;
        info_.descriptors_max = max;
        info_.descriptors_what = what;
        return *this;
    }
    constexpr RequestRow& replies(PayloadKind kind) { return replies(ReplyRule::always, kind); }
    constexpr RequestRow& acknowledged_with(PayloadKind kind) { return replies(ReplyRule::acknowledgement, kind); }
    constexpr RequestRow& replies_with(unsigned protocol_bit, PayloadKind kind) {
        info_.reply_gate = static_cast<std::uint8_t>(protocol_bit);
        return replies(ReplyRule::with_feature, kind);
    }
    constexpr RequestRow& never_replies() { return replies(ReplyRule::never, PayloadKind::none); }
    constexpr RequestRow& reply_sizes(std::uint32_t min, std::uint32_t max) {
        info_.reply_size_min = min;
        info_.reply_size_max = max;
        return *this;
    }
    constexpr RequestRow& reply_descriptors(std::uint8_t min, std::uint8_t max) {
        info_.reply_descriptors_min = min;
        info_.reply_descriptors_max = max;
        return *this;
    }
    constexpr RequestRow& needs(unsigned protocol_bit) {
        info_.protocol_feature = static_cast<std::uint8_t>(protocol_bit);
        return *this;
    }
    constexpr RequestRow& needs_virtio(unsigned bit) {
        info_.virtio_feature = static_cast<std::uint8_t>(bit);
        return *this;
    }
    constexpr RequestRow& since(std::string_view version) {
        info_.since = version;
        return *this;
    }
    constexpr RequestRow& section(std::string_view heading) {
        info_.section = heading;
        return *this;
    }

    constexpr operator RequestInfo() const { return info_; }

  private:
    constexpr RequestRow& replies(ReplyRule rule, PayloadKind kind) {
        info_.reply = rule;
        info_.reply_payload = kind;
        return reply_sizes(sizes_of(kind).min, sizes_of(kind).max);
    }

    RequestInfo info_{};
};

}  // namespace vutrace::protocol
