#include "table.h"

#include <vutrace/base/hex.h>

#include <arpa/inet.h>

#include <algorithm>

namespace vutrace::virtio {
namespace {

constexpr std::size_t most_elements = 256;

std::uint64_t load_integer(ByteView bytes, bool big_endian) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        value = (value << 8U) | std::to_integer<std::uint64_t>(bytes[big_endian ? i : bytes.size() - 1 - i]);
    }
    return value;
}

std::string text_until_nul(ByteView bytes) {
    const auto end = std::find(bytes.begin(), bytes.end(), std::byte{0});
    return {reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(end - bytes.begin())};
}

std::string address_text(ByteView bytes, Form form) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = form == Form::ipv4 ? AF_INET : AF_INET6;
    (void)::inet_ntop(family, bytes.data(), text.data(), text.size());
    return text.data();
}

std::string uuid_text(ByteView bytes) {
    std::string text;
    std::size_t at = 0;
    for (const std::size_t part : {4U, 2U, 2U, 2U, 6U}) {
        text.append(text.empty() ? "" : "-").append(hex(bytes.subspan(at, part)));
        at += part;
    }
    return text;
}

std::string text_of(const FieldInfo& info, ByteView bytes) {
    switch (info.form) {
        case Form::mac:
            return hex(bytes, ":");
        case Form::ipv4:
        case Form::ipv6:
            return address_text(bytes, info.form);
        case Form::uuid:
            return uuid_text(bytes);
        default:
            break;
    }
    return info.kind == FieldKind::bytes ? std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())
                                         : text_until_nul(bytes);
}

}  // namespace

std::uint64_t LayoutReader::remaining() const noexcept {
    return part_.total - std::min(part_.total, offset_);
}

ByteView LayoutReader::peek(std::size_t size) const noexcept {
    if (failed_ || offset_ >= part_.bytes.size()) {
        return {};
    }
    const ByteView rest = part_.bytes.subspan(static_cast<std::size_t>(offset_));
    return rest.first(static_cast<std::size_t>(std::min<std::uint64_t>({rest.size(), size, remaining()})));
}

bool LayoutReader::skip(std::uint64_t size, std::string_view field) {
    if (failed_ || size > remaining()) {
        if (!failed_) {
            out_.lacks(name_, field, Lack::too_short);
        }
        failed_ = true;
        return false;
    }
    offset_ += size;
    return true;
}

std::optional<ByteView> LayoutReader::take(std::uint64_t size, std::string_view field) {
    const ByteView piece = peek(static_cast<std::size_t>(std::min<std::uint64_t>(size, SIZE_MAX)));
    if (failed_ || piece.size() < size) {
        if (!failed_) {
            out_.lacks(name_, field,
                       size > remaining() ? Lack::too_short
                       : part_.shortened  ? Lack::shortened
                                          : Lack::not_captured);
        }
        failed_ = true;
        return std::nullopt;
    }
    offset_ += size;
    return piece;
}

bool LayoutReader::read(const Layout& layout) {
    return std::all_of(layout.begin(), layout.end(), [this](const FieldInfo& info) { return read_field(info); });
}

bool LayoutReader::read_field(const FieldInfo& info) {
    if (failed_) {
        return false;
    }
    if (out_.full()) {
        out_.lacks(name_, info.name, Lack::shortened);
        failed_ = true;
        return false;
    }
    if (info.extent == Extent::aligned) {
        const std::uint64_t over = offset_ % info.size;
        offset_ += over == 0 ? 0 : std::min<std::uint64_t>(info.size - over, remaining());
        return true;
    }
    switch (info.kind) {
        case FieldKind::group:
            out_.open(info);
            (void)read(info.parts);
            out_.close();
            return !failed_;
        case FieldKind::list:
            return read_list(info);
        case FieldKind::text:
        case FieldKind::bytes:
            return read_text(info);
        default:
            return info.name.empty() && info.kind == FieldKind::number && info.extent == Extent::fixed && !in_list_
                       ? skip(info.size, "padding")
                       : read_integer(info);
    }
}

bool LayoutReader::read_integer(const FieldInfo& info) {
    if (info.extent == Extent::length_of_rest) {
        (void)out_.add(info, remaining());
        return true;
    }
    const auto bytes = take(info.size, info.name);
    if (!bytes) {
        return false;
    }
    const bool big = info.form == Form::big_endian || info.form == Form::selector_big_endian;
    std::uint64_t value = load_integer(*bytes, big != swapped_);
    if (info.form == Form::halved) {
        value >>= 1U;
    } else if (info.form == Form::negative_errno) {
        value = 0U - static_cast<std::uint32_t>(value);  // a positive one becomes a number without a name
        value &= UINT32_MAX;
    }
    if (info.form == Form::selector || info.form == Form::selector_big_endian) {
        select(info, value);
    } else if (info.kind == FieldKind::name) {
        out_.add_named(info, value);
    } else {
        (void)out_.add(info, value);
    }
    return true;
}

void LayoutReader::select(const FieldInfo& info, std::uint64_t code) {
    row_ = find_row(rows_, code);
    out_.add_name(info, code, row_ == nullptr ? unknown_value : row_->name);
}

// How many bytes a text has; empty where its end was not captured.
std::optional<std::uint64_t> LayoutReader::size_of(const FieldInfo& info) const noexcept {
    const RequestField* count = nullptr;
    switch (info.extent) {
        case Extent::until_nul: {
            const ByteView rest = peek(SIZE_MAX);
            const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
            if (end != rest.end()) {
                return static_cast<std::uint64_t>(end - rest.begin()) + 1;
            }
            return rest.size() == remaining() && !rest.empty() ? std::optional(remaining()) : std::nullopt;
        }
        case Extent::counted:
            count = out_.find(info.count);
            return count == nullptr ? 0 : count->number;
        case Extent::rest:
            return remaining();
        default:
            return info.size;
    }
}

bool LayoutReader::read_text(const FieldInfo& info) {
    const auto size = size_of(info);
    const bool partial_will_do = info.extent == Extent::rest;
    if (partial_will_do && *size > peek(SIZE_MAX).size()) {
        const ByteView there = peek(SIZE_MAX);
        if (!there.empty()) {
            out_.add(info).text = text_of(info, there);
        }
    }
    const auto bytes = take(size.value_or(peek(SIZE_MAX).size() + 1), info.name);
    if (!bytes) {
        return false;
    }
    out_.add(info).text = text_of(info, *bytes);
    return true;
}

bool LayoutReader::read_list(const FieldInfo& info) {
    const RequestField* count = info.count.empty() ? nullptr : out_.find(info.count);
    const bool to_the_end = info.count.empty();
    const std::uint64_t wanted = count == nullptr ? 0 : count->number;
    const bool plain = info.parts.size() == 1 && info.parts.begin()->name.empty();
    out_.open(info);
    for (std::uint64_t i = 0; !failed_ && (to_the_end ? remaining() > 0 : i < wanted); ++i) {
        if (i == most_elements) {
            out_.lacks(name_, info.name, Lack::shortened);
            failed_ = true;
            break;
        }
        if (plain) {
            in_list_ = true;
            (void)read_field(*info.parts.begin());
            in_list_ = false;
            continue;
        }
        const std::uint64_t before = offset_;
        out_.open(element_field());
        (void)read(info.parts);
        out_.close();
        if (offset_ == before) {
            break;
        }
    }
    out_.close();
    return !failed_;
}

}  // namespace vutrace::virtio
