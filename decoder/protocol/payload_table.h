// Look-ups in the payload table, usable at compile time.
#pragma once

#include "payload_layouts.h"
#include "private_layouts.h"

#include <algorithm>

namespace vutrace::protocol {

constexpr const PayloadLayout* find_layout(PayloadKind kind) noexcept {
    for (const std::span<const PayloadLayout> part :
         {std::span<const PayloadLayout>(layouts::vhost_user), std::span<const PayloadLayout>(layouts::others)}) {
        for (const PayloadLayout& layout : part) {
            if (layout.kind == kind) {
                return &layout;
            }
        }
    }
    return nullptr;
}

// A payload of `kind` is laid out as `instead` where it is at most `size_max` bytes long, or begins with `first_u64`.
struct Alternative {
    PayloadKind kind;
    PayloadKind instead;
    std::uint32_t size_max{0};
    std::optional<std::uint64_t> first_u64{};
};
inline constexpr std::uint64_t crypto_asymmetric_session = 0x404;  // VIRTIO_CRYPTO_AKCIPHER_CREATE_SESSION
inline constexpr Alternative alternatives[] = {
    {PayloadKind::crypto_session, PayloadKind::crypto_session_old, 1071, {}},
    {PayloadKind::crypto_session, PayloadKind::crypto_session_asymmetric, 0, crypto_asymmetric_session},
    {PayloadKind::memory_table_reply, PayloadKind::acknowledgement, 8, {}},
};

// One payload serves requests that mean different things by a number in it: what `field` is in messages of a request.
struct MeaningByRequest {
    Channel channel;
    std::uint32_t request;
    bool reply;
    std::string_view field;
    std::string_view meaning;
};
inline constexpr std::string_view stop_meaning = "base: ring index at which the queue stopped";
inline constexpr std::string_view not_used = "not used";
constexpr MeaningByRequest number_of(FrontEndRequest request, bool reply, std::string_view meaning) {
    return {Channel::front_end, static_cast<std::uint32_t>(request), reply, "num", meaning};
}
constexpr MeaningByRequest number_of(BackEndRequest request, std::string_view meaning) {
    return {Channel::back_end, static_cast<std::uint32_t>(request), false, "num", meaning};
}
inline constexpr MeaningByRequest meanings_by_request[] = {
    number_of(FrontEndRequest::SET_VRING_NUM, false, "size: descriptors of the queue"),
    number_of(FrontEndRequest::SET_VRING_BASE, false, "base: ring index at which the queue starts"),
    number_of(FrontEndRequest::GET_VRING_BASE, false, not_used),
    number_of(FrontEndRequest::GET_VRING_BASE, true, stop_meaning),
    number_of(FrontEndRequest::SET_VRING_ENABLE, false, "1 enables the queue, 0 disables it"),
    number_of(FrontEndRequest::SET_VRING_ENDIAN, false, "byte order: 0 is little-endian, 1 is big-endian"),
    number_of(FrontEndRequest::VRING_KICK, false, not_used),
    number_of(FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN, false, not_used),
    number_of(FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN, true, stop_meaning),
    number_of(BackEndRequest::VRING_CALL, not_used),
    number_of(BackEndRequest::VRING_ERR, not_used),
};

struct SizeRange {
    std::uint32_t min{0};
    std::uint32_t max{0};
    [[nodiscard]] constexpr bool holds(std::uint64_t size) const noexcept { return size >= min && size <= max; }
};

constexpr SizeRange sizes_of(PayloadKind kind) noexcept {
    const PayloadLayout& layout = *find_layout(kind);
    SizeRange range{layout.size_min, layout.size_max};
    for (const Alternative& alternative : alternatives) {
        if (alternative.kind == kind) {
            const PayloadLayout& other = *find_layout(alternative.instead);
            range = {std::min(range.min, other.size_min), std::max(range.max, other.size_max)};
        }
    }
    return range;
}

// The layout of a payload of this size, where the size alone decides.
constexpr const PayloadLayout& layout_by_size(PayloadKind kind, std::uint64_t size) noexcept {
    for (const Alternative& alternative : alternatives) {
        if (alternative.kind == kind && size <= alternative.size_max) {
            return *find_layout(alternative.instead);
        }
    }
    return *find_layout(kind);
}

inline const PayloadLayout& layout_of(PayloadKind kind, ByteView payload) noexcept {
    for (const Alternative& alternative : alternatives) {
        if (alternative.kind == kind && alternative.first_u64 && payload.size() > alternative.size_max &&
            load<std::uint64_t>(payload) == *alternative.first_u64 &&
            layout_by_size(kind, payload.size()).kind == kind) {
            return *find_layout(alternative.instead);
        }
    }
    return layout_by_size(kind, payload.size());
}

constexpr std::uint32_t element_size(const TailLayout& tail, const PayloadContext& context) noexcept {
    return tail.element_size + (context.xen_mmap ? tail.xen_extra : 0);
}

// Bytes that the count of elements does not explain, for layouts whose elements are all of one size.
constexpr bool whole_elements(const PayloadLayout& layout, std::uint64_t size, const PayloadContext& context) noexcept {
    const TailLayout& tail = layout.tail;
    if (tail.rule == CountRule::one) {
        return size == layout.fixed_size + element_size(tail, context);
    }
    return tail.element_size == 0 || size < layout.fixed_size ||
           (size - layout.fixed_size) % element_size(tail, context) == 0;
}

}  // namespace vutrace::protocol
