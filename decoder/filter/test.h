// One comparison of an expression, as evaluation wants it: no text is parsed and nothing is looked up any more.
#pragma once

#include "name_sets.h"

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::filter {

struct FieldRow;

// Numbers compare as unsigned 64 bits everywhere: those with a sign are moved up by 2^63 first.
[[nodiscard]] constexpr std::uint64_t ordered(std::int64_t value) noexcept {
    return static_cast<std::uint64_t>(value) ^ (std::uint64_t{1} << 63U);
}

struct Range {  // both ends belong to it
    std::uint64_t first{0};
    std::uint64_t last{0};
};

struct Test {
    enum class Kind : std::uint8_t {
        present,        // the field is there
        count,          // how many values there are is in `ranges`
        number,         // a value is in `ranges`, or is bytes and one of `texts`
        mask,           // a value has one of the bits of `mask`
        text,           // a value is one of `texts`
        text_contains,  // in any case: `texts` are in lower case
        text_word,      // one of the value's words, separated by blanks, is one of `texts`
        bytes,          // as `text` and `text_contains`; `texts` are lower-case hex digits, two a byte
        bytes_contain,
    };
    enum class Quantifier : std::uint8_t { any, none, all };

    const FieldRow* row{nullptr};
    Kind kind{Kind::present};
    Quantifier quantifier{Quantifier::any};
    std::vector<Range> ranges;  // ordered, apart
    std::vector<std::string> texts;
    DeviceMask mask;

    // Brings `ranges` into order.
    void order_ranges();
};

// Takes the values of one field of one record and holds each against a test. A getter stops where it is told that
// the outcome is known.
class Probe {
  public:
    Probe(const Test& test, std::uint32_t device) noexcept : test_(test), device_(device) {}

    // Each gives true where no further value is needed.
    bool number(std::uint64_t value) noexcept;
    bool signed_number(std::int64_t value) noexcept { return number(ordered(value)); }
    bool mask(std::uint64_t value) noexcept;  // a list of names, one for each bit
    bool text(std::string_view value) noexcept;
    bool hex(std::string_view value) noexcept;  // bytes as lower-case hex digits
    bool bytes(ByteView value) noexcept;
    bool element() noexcept;     // something with parts of its own: there, and equal to nothing
    bool empty_list() noexcept;  // there, so that none of its elements is anything

    // After the last value.
    [[nodiscard]] bool outcome() const noexcept;

  private:
    bool take(bool match) noexcept;
    [[nodiscard]] bool in_ranges(std::uint64_t value) const noexcept;

    const Test& test_;
    std::uint32_t device_;
    bool seen_{false};
    bool listed_{false};  // there was a list without an element
    bool matched_{false};
    std::uint64_t count_{0};
};

}  // namespace vutrace::filter
