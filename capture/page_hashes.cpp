#include "page_hashes.h"

#include <algorithm>

namespace vutrace::capture {

std::uint64_t* PageHashes::page(std::uint64_t address) {
    auto found = chunks_.find(address / chunk_size);
    if (found == chunks_.end()) {
        if (chunks_.size() >= most_chunks) {
            return nullptr;
        }
        found = chunks_.try_emplace(address / chunk_size).first;
    }
    Chunk& chunk = found->second;
    if (chunk.pages == nullptr) {
        if (detailed_ >= most_detailed) {
            return nullptr;
        }
        chunk.pages = std::make_unique<std::array<std::uint64_t, pages_per_chunk>>();
        chunk.pages->fill(chunk.uniform);
        ++detailed_;
    }
    return &(*chunk.pages)[address % chunk_size / page_size];
}

bool PageHashes::update(std::uint64_t address, std::uint64_t hash) {
    const std::lock_guard lock(mutex_);
    // Regions need not begin at a page: the position in the page is part of what is compared.
    hash = hash == zero_page && address % page_size == 0 ? hash : usable(hash + address % page_size);
    std::uint64_t* const known = page(address);
    if (known == nullptr) {
        chunks_.erase(address / chunk_size);  // what is beyond the bounds is not known
        return true;
    }
    if (*known == hash) {
        return false;
    }
    *known = hash;
    return true;
}

bool PageHashes::update_zeros(std::uint64_t address, std::uint64_t length) {
    bool changed = false;
    if (address % page_size != 0 || length / chunk_size > most_chunks) {
        forget(address, length);
        return true;
    }
    while (length != 0) {
        const std::uint64_t in_chunk = std::min(length, chunk_size - address % chunk_size);
        if (in_chunk < chunk_size) {
            const std::uint64_t step = std::min(in_chunk, page_size);
            // Part of a page, at the end of a region, is not taken for the page.
            changed = update(address, step == page_size ? zero_page : usable(step)) || changed;
            address += step;
            length -= step;
            continue;
        }
        const std::lock_guard lock(mutex_);
        const bool known = chunks_.contains(address / chunk_size);
        if (!known && chunks_.size() >= most_chunks) {
            changed = true;
        } else if (Chunk& chunk = chunks_[address / chunk_size]; chunk.pages != nullptr || chunk.uniform != zero_page) {
            detailed_ -= chunk.pages != nullptr ? 1U : 0U;
            chunk.pages.reset();
            chunk.uniform = zero_page;
            changed = true;
        }
        address += chunk_size;
        length -= chunk_size;
    }
    return changed;
}

void PageHashes::forget(std::uint64_t address, std::uint64_t length) {
    const std::lock_guard lock(mutex_);
    if (length == 0) {
        return;
    }
    const std::uint64_t last = length - 1 > UINT64_MAX - address ? UINT64_MAX : address + (length - 1);
    if ((last - address) / chunk_size > chunks_.size()) {
        std::erase_if(chunks_, [&](const auto& entry) {
            const bool inside = entry.first >= address / chunk_size && entry.first <= last / chunk_size;
            detailed_ -= inside && entry.second.pages != nullptr ? 1U : 0U;
            return inside;
        });
        return;
    }
    for (std::uint64_t at = address - address % page_size;; at += page_size) {
        if (chunks_.contains(at / chunk_size)) {
            if (std::uint64_t* const known = page(at); known != nullptr) {
                *known = 0;
            } else {
                chunks_.erase(at / chunk_size);
            }
        }
        if (last - at < page_size) {
            return;
        }
    }
}

}  // namespace vutrace::capture
