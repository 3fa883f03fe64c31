#include "vutrace/virtio/iotlb.h"

#include <algorithm>
#include <iterator>

namespace vutrace::virtio {

// Afterwards no entry holds both `address` and the byte before it.
void Iotlb::split_at(std::uint64_t address) {
    const auto after = entries_.lower_bound(address);
    if (after == entries_.begin()) {
        return;
    }
    const auto before = std::prev(after);
    if (before->second.last < address) {
        return;
    }
    Entry rest = before->second;
    rest.target += address - before->first;
    before->second.last = address - 1;
    entries_.emplace_hint(after, address, rest);
}

void Iotlb::update(std::uint64_t address, std::uint64_t length, std::uint64_t target, Access permission) {
    if (length == 0 || length - 1 > UINT64_MAX - address || length - 1 > UINT64_MAX - target) {
        return;
    }
    const std::uint64_t last = address + (length - 1);
    split_at(address);
    if (last != UINT64_MAX) {
        split_at(last + 1);
    }
    const auto target_of = [&](std::uint64_t at) { return target + (at - address); };
    // What was there gives way where it is aged or says the same; otherwise nobody knows.
    std::uint64_t next = address;
    bool done = false;
    for (auto it = entries_.lower_bound(address); it != entries_.end() && it->first <= last; ++it) {
        Entry& entry = it->second;
        if (it->first > next) {
            entries_.emplace_hint(it, next, Entry{it->first - 1, target_of(next), permission});
        }
        const bool agrees = entry.aged || (!entry.disputed && entry.target == target_of(it->first));
        entry = {entry.last, target_of(it->first), permission, false, !agrees};
        done = entry.last == last;
        next = entry.last + 1;
    }
    if (!done) {
        entries_.insert_or_assign(next, Entry{last, target_of(next), permission});
    }
    if (entries_.size() > most_entries) {
        entries_.clear();
    }
}

void Iotlb::invalidate(std::uint64_t address, std::uint64_t length) {
    if (length == 0 && address != 0) {
        return;
    }
    const std::uint64_t last = length - 1 > UINT64_MAX - address ? UINT64_MAX : address + (length - 1);
    split_at(address);
    if (last != UINT64_MAX) {
        split_at(last + 1);
    }
    entries_.erase(entries_.lower_bound(address), entries_.upper_bound(last));
}

void Iotlb::age() noexcept {
    for (auto& [first, entry] : entries_) {
        entry.aged = true;
    }
}

Iotlb::Piece Iotlb::find(std::uint64_t address, std::uint64_t length) const noexcept {
    const auto after = entries_.upper_bound(address);
    if (after != entries_.begin()) {
        const auto& [first, entry] = *std::prev(after);
        if (address <= entry.last) {
            const std::uint64_t more = std::min(length - 1, entry.last - address);
            return {entry.target + (address - first), more + 1, entry.disputed ? Access::none : entry.permission};
        }
    }
    const std::uint64_t hole = after == entries_.end() ? length : after->first - address;
    return {0, std::min(length, hole), Access::none};
}

IovaSpace::Piece IovaSpace::translate(std::uint64_t address, std::uint64_t length, Access needed) const noexcept {
    const Iotlb::Piece piece = iotlb_->find(address, length);
    if (needed == Access::none || !allows(piece.permission, needed)) {
        return {std::nullopt, piece.length};
    }
    const Region* region =
        guest_targets_ ? regions_->find_guest(piece.target, 1) : regions_->find_user(piece.target, 1);
    if (region == nullptr) {
        return {std::nullopt, piece.length};
    }
    const std::uint64_t offset = piece.target - (guest_targets_ ? region->guest_address : region->user_address);
    // A region may wrap on the guest's side: nothing is behind the end of the address space.
    const std::uint64_t to_end = UINT64_MAX - region->guest_address;
    if (offset > to_end) {
        return {std::nullopt, piece.length};
    }
    const std::uint64_t here = std::min(region->size - 1 - offset, to_end - offset);
    return {region->guest_address + offset, std::min(piece.length - 1, here) + 1};
}

std::optional<std::uint64_t> IovaSpace::translate_whole(std::uint64_t address, std::uint64_t length,
                                                        Access needed) const noexcept {
    std::optional<std::uint64_t> begin;
    std::uint64_t next = 0;
    bool together = true;
    std::size_t budget = most_pieces_of_chain;
    const bool whole = for_each_piece(*this, address, length, needed, budget, [&](const Piece& piece) {
        together = together && piece.guest_address && (!begin || *piece.guest_address == next);
        begin = begin ? begin : piece.guest_address;
        next = piece.guest_address.value_or(0) + piece.length;
    });
    const bool found = whole && together && begin && regions_->find_guest(*begin, length) != nullptr;
    return found ? begin : std::nullopt;
}

bool DescriptorMemory::read(std::uint64_t address, MutableByteView out) const noexcept {
    if (!space_) {
        return physical_.read(address, out);
    }
    std::size_t budget = most_pieces_of_chain;
    bool readable = true;
    const bool whole =
        for_each_piece(*space_, address, out.size(), needed_, budget, [&](const IovaSpace::Piece& piece) {
            const MutableByteView part = out.first(static_cast<std::size_t>(piece.length));
            readable = readable && piece.guest_address && physical_.read(*piece.guest_address, part);
            out = out.subspan(part.size());
        });
    return readable && whole;
}

}  // namespace vutrace::virtio
