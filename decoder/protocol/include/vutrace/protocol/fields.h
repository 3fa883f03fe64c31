// Payloads as named fields with their byte ranges: decoded once into values, rendered by whoever likes.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/error.h>
#include <vutrace/protocol/header.h>
#include <vutrace/protocol/problem.h>
#include <vutrace/protocol/requests.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace vutrace::protocol {

enum class FieldFormat : std::uint8_t {
    number,             // counts, sizes, indices: decimal
    address,            // 64-bit addresses and masks: "0x…"
    features,           // virtio feature bits: "0x…", and names
    protocol_features,  // "0x…", and names
    bytes,              // opaque: hex
    text,               // MAC address, UUID
    group,              // children only (memory regions)
};

struct Field {
    std::string_view name;  // as the JSON spells it: lower case with underscores, specification's word
    FieldFormat format{FieldFormat::number};
    std::uint32_t offset{0};  // of the first byte, from the start of the payload
    std::uint32_t size{0};    // bytes; 0 for a field made of bits of another one
    std::uint64_t number{0};  // number, address, features
    std::string text;         // text and bytes (hex), or the meaning of `number` in words, where it has one
    // A group is an object, except where its children have no names: then it is a list, whose elements are groups
    // (memory regions) or plain values. Elements at the end of a list of fixed length that are all zero are left out.
    std::vector<Field> children;
    std::string_view meaning;  // what the field is, one phrase, from the table
};

struct ValueName {
    std::uint64_t value;
    std::string_view name;
};

// A field that a payload may have, for who must know all of them before any message came (filters, help).
struct FieldInfo {
    std::string_view group{};  // the object or list that it is a part of; empty at the top
    std::string_view name{};   // empty for the plain elements of the list `group`
    FieldFormat format{FieldFormat::number};
    bool repeated{false};                 // a list, or a part of each of its elements
    bool masks{false};                    // of `values` a number may hold several
    std::span<const ValueName> values{};  // numbers that have a name
    std::string_view otherwise{};         // what any number is called that `values` does not name, where it is
    std::string_view meaning{};
};
// From the payload table: every layout's fields, so that a name comes as often as layouts have it.
[[nodiscard]] std::vector<FieldInfo> payload_fields();

struct DecodedPayload {
    std::vector<Field> fields;
    std::vector<Problem> problems;
};

struct PayloadContext {
    bool xen_mmap{false};  // XEN_MMAP negotiated: memory regions have 8 bytes more
    bool postcopy{false};  // between POSTCOPY_LISTEN and POSTCOPY_END: a second SET_MEM_TABLE acknowledges the reply
};

// Decodes the payload of a request or, where the side that answers on this channel sent it, a reply (whatever its REPLY
// flag says), as far as it goes. Never fails: what cannot be parsed is a problem, and fields that did parse are kept.
// Amount of work and memory is bounded by the payload's size.
[[nodiscard]] DecodedPayload decode_payload(Channel channel, Side sender, const Header& header, ByteView payload,
                                            const PayloadContext& context);

// What the table says is wrong with a message: version, reserved flags, size, number of descriptors, REPLY flag of the
// wrong side. `payload_size` and `descriptors` are what came, not what the header announces.
[[nodiscard]] std::vector<Problem> find_problems(Channel channel, Side sender, const Header& header,
                                                 std::uint64_t payload_size, std::size_t descriptors,
                                                 const PayloadContext& context);

// The same, and what only the bytes show against the descriptors: one descriptor for each memory region, exactly one
// where the payload does not say "no descriptor". What is wrong inside the payload itself is for `decode_payload`.
[[nodiscard]] std::vector<Problem> find_problems(Channel channel, Side sender, const Header& header, ByteView payload,
                                                 std::size_t descriptors, const PayloadContext& context);

}  // namespace vutrace::protocol
