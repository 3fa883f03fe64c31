// Captured bytes as runs: literal bytes, zeros, and bytes that were not captured.
// docs/trace-format.md, section "Content".
#pragma once

#include <vutrace/base/bytes.h>

#include <cstdint>
#include <vector>

namespace vutrace::trace {

enum class RunKind : std::uint8_t {
    literal = 0,  // the bytes follow
    zeros = 1,    // all zero: a hole, a zero page
    missing = 2,  // not captured (snap length, unreadable memory, mode): never shown as zeros
};

struct Run {
    RunKind kind{RunKind::literal};
    std::uint64_t length{0};  // bytes, not 0
    bool operator==(const Run&) const = default;
};

// The most bytes that one content describes: what the trace has bits for. No guest has that much memory; what is
// added beyond it is left out.
inline constexpr std::uint64_t max_content_size = (std::uint64_t{1} << 56U) - 1;

// The shortest piece that `add_compacted` turns into zeros: below this a run of its own would save nothing.
inline constexpr std::size_t minimum_zeros = 64;

// The runs in order and the literal bytes of all of them, one after the other. Invariant: the lengths of the
// literal runs add up to `literal.size()`; neighbouring runs of one kind are merged.
class Content {
  public:
    void clear() noexcept;  // keeps the memory, so that one object serves many chains
    void add_literal(ByteView bytes);
    // Grows the content by `size` literal bytes and gives the place to write them to. The view is valid
    // until the next call that adds.
    [[nodiscard]] MutableByteView add_literal_space(std::size_t size);
    void add_zeros(std::uint64_t length);
    void add_missing(std::uint64_t length);
    // Adds bytes and turns each block of 4096 zero bytes, counted from the start of `bytes`, into zeros. The last block
    // may be shorter, down to `minimum_zeros`.
    void add_compacted(ByteView bytes);

    [[nodiscard]] const std::vector<Run>& runs() const noexcept { return runs_; }
    [[nodiscard]] ByteView literal() const noexcept { return literal_; }
    [[nodiscard]] std::uint64_t size() const noexcept { return size_; }  // all runs
    [[nodiscard]] std::uint64_t missing() const noexcept;
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    // Copies [offset, offset + out.size()) with missing bytes as zeros; false where any was missing or past the end.
    bool read(std::uint64_t offset, MutableByteView out) const noexcept;
    bool operator==(const Content&) const = default;

  private:
    // Gives how much of `length` was taken.
    std::uint64_t add_run(RunKind kind, std::uint64_t length);

    std::vector<Run> runs_;
    Bytes literal_;
    std::uint64_t size_{0};
};

}  // namespace vutrace::trace
