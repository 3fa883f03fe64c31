// Which pages of guest memory are in the trace as they are: so that a page that did not change is not written again.
// Any thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace vutrace::capture {

class PageHashes {
  public:
    static constexpr std::uint64_t page_size = 4096;
    static constexpr std::uint64_t zero_page = 1;  // the hash of a page of zeros and of a hole

    // A hash that `update` takes, from any 64-bit hash of a page that is not zero.
    [[nodiscard]] static constexpr std::uint64_t usable(std::uint64_t hash) noexcept { return hash < 2 ? 2 : hash; }

    // Notes what is being written for the page that begins at `address` (whole, or the end of a region). True where
    // that is not known to be in the trace already: write it.
    bool update(std::uint64_t address, std::uint64_t hash);
    // The same for zeros in [address, address + length); true where any of it must be written. 64 GiB are cheap.
    bool update_zeros(std::uint64_t address, std::uint64_t length);
    // Something else wrote to these bytes in the trace (a chain).
    void forget(std::uint64_t address, std::uint64_t length);

  private:
    static constexpr std::uint64_t pages_per_chunk = 512;
    static constexpr std::uint64_t chunk_size = page_size * pages_per_chunk;
    // Bounds of the memory spent: 32 MiB of hashes stand for 16 GiB of pages that are not zero, a million chunks for
    // 2 TiB. Pages beyond are written each time.
    static constexpr std::size_t most_detailed = 8192;
    static constexpr std::size_t most_chunks = 1U << 20U;

    struct Chunk {
        std::uint64_t uniform{0};  // of every page while there is no `pages`; 0 = not known
        std::unique_ptr<std::array<std::uint64_t, pages_per_chunk>> pages;
    };
    std::uint64_t* page(std::uint64_t address);  // null beyond the bounds

    std::mutex mutex_;
    std::unordered_map<std::uint64_t, Chunk> chunks_;  // by address / chunk_size
    std::size_t detailed_{0};
};

}  // namespace vutrace::capture
