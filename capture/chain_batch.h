// The entries of one pass over one queue, on their way into one chain record. Entries and their memory are reused: a
// queue in steady state allocates nothing.
#pragma once

#include <vutrace/capture/recorder.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace vutrace::capture {

class ChainBatch {
  public:
    static constexpr std::size_t most_entries = 128;

    ChainBatch(std::uint16_t queue, std::size_t largest_record);

    [[nodiscard]] trace::ChainEntry& add();  // an empty entry; the reference is valid until the next call
    [[nodiscard]] trace::ChainEntry& entry(std::size_t index) { return record().entries[index]; }
    [[nodiscard]] std::size_t size() const noexcept { return std::get<trace::ChainRecord>(body_).entries.size(); }
    [[nodiscard]] bool empty() const noexcept { return size() == 0; }
    [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }  // of the record, at the most

    // Bytes of content that one more entry with so many descriptors may bring.
    [[nodiscard]] std::size_t room(std::size_t descriptors) const noexcept;
    // Should an entry of this size wait for the next record? Never, where it would be the first.
    [[nodiscard]] bool is_full_for(std::size_t descriptors, std::uint64_t content) const noexcept;
    // After the last added entry got its descriptors and content.
    void account() noexcept;

    // Hands the entries to the recorder and begins anew; the recorder counts what it has to drop.
    // `translations` as the record has them.
    void flush(Recorder& recorder, std::uint32_t session, const trace::RingFields& fields,
               std::optional<std::uint64_t> translations = std::nullopt) noexcept;

  private:
    [[nodiscard]] trace::ChainRecord& record() noexcept { return std::get<trace::ChainRecord>(body_); }

    std::size_t largest_record_;
    std::size_t soft_limit_;
    std::size_t bytes_{0};
    trace::RecordBody body_;
    std::vector<trace::ChainEntry> spare_;
};

}  // namespace vutrace::capture
