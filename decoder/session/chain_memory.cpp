#include "chain_memory.h"

#include <algorithm>
#include <array>

namespace vutrace::session {
namespace {

using virtio::Access;

constexpr std::uint64_t flags_at = 0;
constexpr std::uint64_t index_at = 2;

template <PlainInteger T>
void write_integer(SparseMemory& memory, std::uint64_t address, T value) {
    std::array<std::byte, sizeof(T)> bytes{};
    store(bytes, 0, value);
    memory.write(address, bytes);
}

// A table that descriptors are written to: the ring's, or an indirect one.
struct Table {
    std::uint64_t address{0};
    std::uint64_t entries{0};
    bool indirect{false};
};

void write_descriptor(ChainMemory& memory, const Table& table, std::uint16_t index,
                      const trace::ChainDescriptor& descriptor) {
    const std::uint64_t offset = virtio::descriptor_size * std::uint64_t{index};
    if (index >= table.entries || table.address > UINT64_MAX - offset - virtio::descriptor_size) {
        return;
    }
    std::array<std::byte, virtio::descriptor_size> bytes{};
    virtio::serialise_descriptor({descriptor.address, descriptor.length, descriptor.flags, descriptor.next}, bytes);
    if (table.indirect) {
        memory.write(table.address + offset, bytes, Access::read);
    } else {
        memory.guest().write(table.address + offset, bytes);
    }
}

// Gives the content piece by piece, as long as the buffers ask for. Memory ends where the address space does, and with
// it the part of a buffer that would wrap.
class ContentCursor {
  public:
    explicit ContentCursor(const trace::Content& content) noexcept : content_(content) {}

    void copy_to(ChainMemory& memory, std::uint64_t address, std::uint64_t length, Access needed) {
        bool wrapped = false;
        while (length != 0 && run_ < content_.runs().size()) {
            const trace::Run& run = content_.runs()[run_];
            const std::uint64_t part = std::min(length, run.length - done_);
            const ByteView bytes = take(run, part);
            if (!wrapped && run.kind == trace::RunKind::literal) {
                memory.write(address, bytes, needed);
            } else if (!wrapped && run.kind == trace::RunKind::zeros) {
                memory.zero(address, part, needed);
            }
            wrapped = wrapped || part > UINT64_MAX - address;
            address += part;
            length -= part;
        }
    }

  private:
    // Goes on by `part` bytes of a run, and gives them where they are literal.
    ByteView take(const trace::Run& run, std::uint64_t part) noexcept {
        ByteView bytes;
        if (run.kind == trace::RunKind::literal) {
            bytes = content_.literal().subspan(literal_, static_cast<std::size_t>(part));
            literal_ += bytes.size();
        }
        done_ += part;
        if (done_ == run.length) {
            ++run_;
            done_ = 0;
        }
        return bytes;
    }

    const trace::Content& content_;
    std::size_t run_{0};
    std::uint64_t done_{0};  // of that run
    std::size_t literal_{0};
};

}  // namespace

void ChainMemory::write(std::uint64_t address, ByteView bytes, Access needed) {
    if (!space_) {
        return guest_.write(address, bytes);
    }
    if (known_) {
        (void)virtio::for_each_piece(*space_, address, bytes.size(), needed, budget_,
                                     [&](const virtio::IovaSpace::Piece& piece) {
                                         const auto part = static_cast<std::size_t>(piece.length);
                                         if (piece.guest_address) {
                                             guest_.write(*piece.guest_address, bytes.first(part));
                                         }
                                         bytes = bytes.subspan(part);
                                     });
    }
}

void ChainMemory::zero(std::uint64_t address, std::uint64_t length, Access needed) {
    if (!space_) {
        return guest_.zero(address, length);
    }
    if (known_) {
        (void)virtio::for_each_piece(*space_, address, length, needed, budget_,
                                     [&](const virtio::IovaSpace::Piece& piece) {
                                         if (piece.guest_address) {
                                             guest_.zero(*piece.guest_address, piece.length);
                                         }
                                     });
    }
}

void write_available(ChainMemory& memory, const virtio::SplitRingLayout& ring, const trace::ChainEntry& entry) {
    Table table{ring.descriptor, ring.size};
    std::uint16_t index = entry.head;
    for (const trace::ChainDescriptor& descriptor : entry.descriptors) {
        write_descriptor(memory, table, index, descriptor);
        if ((descriptor.flags & virtio::descriptor_indirect) != 0) {
            table = {descriptor.address, descriptor.length / virtio::descriptor_size, true};
            index = 0;
        } else {
            index = descriptor.next;
        }
    }
    write_integer(memory.guest(), ring.available + ring.available_slot(entry.index), entry.head);
    write_integer(memory.guest(), ring.available + index_at, static_cast<std::uint16_t>(entry.index + 1));
}

void write_used(SparseMemory& memory, const virtio::SplitRingLayout& ring, const trace::ChainEntry& entry) {
    const std::uint64_t slot = ring.used + ring.used_slot(entry.index);
    write_integer(memory, slot, std::uint32_t{entry.head});
    write_integer(memory, slot + 4, entry.used_length);
    write_integer(memory, ring.used + index_at, static_cast<std::uint16_t>(entry.index + 1));
}

void write_fields(SparseMemory& memory, const virtio::SplitRingLayout& ring, const trace::RingFields& fields) {
    write_integer(memory, ring.available + flags_at, fields.available_flags);
    write_integer(memory, ring.available + index_at, fields.available_index);
    write_integer(memory, ring.available + ring.used_event(), fields.used_event);
    write_integer(memory, ring.used + flags_at, fields.used_flags);
    write_integer(memory, ring.used + index_at, fields.used_index);
    write_integer(memory, ring.used + ring.available_event(), fields.available_event);
}

void write_available(ChainMemory& memory, const virtio::PackedRingLayout& ring, const trace::ChainEntry& entry) {
    const auto begin = virtio::PackedPosition::parse(entry.index);
    const std::uint32_t slots = std::min(virtio::slots_of(entry.descriptors), ring.size);
    std::uint32_t number = 0;
    for (const trace::ChainDescriptor& descriptor : entry.descriptors) {
        std::array<std::byte, virtio::descriptor_size> bytes{};
        virtio::serialise_packed_descriptor({descriptor.address, descriptor.length, descriptor.flags, descriptor.next},
                                            bytes);
        if (number < slots) {
            memory.guest().write(ring.descriptor + ring.slot(begin.plus(number, ring.size).offset), bytes);
        } else {  // of the table that the first refers to
            const std::uint64_t table = entry.descriptors.front().address;
            const std::uint64_t offset = virtio::descriptor_size * (std::uint64_t{number} - slots);
            if (table <= UINT64_MAX - offset - virtio::descriptor_size) {
                memory.write(table + offset, bytes, Access::read);
            }
        }
        ++number;
    }
}

void write_used(SparseMemory& memory, const virtio::PackedRingLayout& ring, const trace::ChainEntry& entry) {
    const auto at = virtio::PackedPosition::parse(entry.index);
    if (at.offset >= ring.size) {
        return;
    }
    // The address stays, and whether WRITE was set is not in the trace: it follows from the length.
    const std::uint64_t slot = ring.descriptor + ring.slot(at.offset);
    const unsigned written = entry.used_length != 0 ? virtio::descriptor_write : 0U;
    write_integer(memory, slot + 8, entry.used_length);
    write_integer(memory, slot + virtio::packed_id_at, entry.head);
    write_integer(memory, slot + virtio::packed_flags_at,
                  static_cast<std::uint16_t>(virtio::used_flags(at.wrap) | written));
}

void write_fields(SparseMemory& memory, const virtio::PackedRingLayout& ring, const trace::RingFields& fields) {
    write_integer(memory, ring.driver_event, fields.used_event);
    write_integer(memory, ring.driver_event + 2, fields.available_flags);
    write_integer(memory, ring.device_event, fields.available_event);
    write_integer(memory, ring.device_event + 2, fields.used_flags);
}

void write_buffers(ChainMemory& memory, const std::vector<trace::ChainDescriptor>& descriptors, bool writable,
                   const trace::Content& content) {
    ContentCursor cursor(content);
    virtio::for_each_buffer(descriptors, writable, [&](std::uint64_t address, std::uint64_t length) {
        cursor.copy_to(memory, address, length, writable ? Access::write : Access::read);
    });
}

}  // namespace vutrace::session
