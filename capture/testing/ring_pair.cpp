#include "ring_pair.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>

namespace vutrace::capture::testing {

namespace {

constexpr std::size_t ring_area = 1U << 20U;  // the parts of the ring lie in the first megabyte

}  // namespace

RingPair::RingPair(std::uint32_t size) : file_(::memfd_create("guest", MFD_CLOEXEC)) {
    layout_ = {size, guest_address, guest_address + 0x80000, guest_address + 0xa0000};
    if (::ftruncate(file_.number(), static_cast<off_t>(memory_size)) != 0) {
        throw std::runtime_error("ftruncate");
    }
    auto mapping = Mapping::create(file_, 0, memory_size, Mapping::Access::read_write);
    if (!mapping) {
        throw std::runtime_error(mapping.error().text);
    }
    mapping_ = std::move(*mapping);
}

FileDescriptor RingPair::file() const {
    return std::move(*file_.duplicate());
}

void RingPair::truncate(std::uint64_t size) {
    if (::ftruncate(file_.number(), static_cast<off_t>(size)) != 0) {
        throw std::runtime_error("ftruncate");
    }
}

session::KnownRegion RingPair::region(std::uint32_t descriptor_id) const {
    return {{guest_address, memory_size, user_address, 0}, descriptor_id};
}

void RingPair::write(std::uint64_t address, ByteView bytes) {
    std::memcpy(at<std::byte>(address), bytes.data(), bytes.size());
}

void RingPair::read(std::uint64_t address, MutableByteView bytes) const {
    std::memcpy(bytes.data(), at<const std::byte>(address), bytes.size());
}

void RingPair::copy_ring(std::uint64_t by) {
    std::memcpy(at<std::byte>(guest_address + by), at<std::byte>(guest_address), ring_area);
}

void RingPair::move_ring(std::uint64_t by) {
    layout_.descriptor += by;
    layout_.available += by;
    layout_.used += by;
}

void RingPair::describe(std::uint16_t index, const virtio::RingDescriptor& descriptor) {
    std::byte bytes[virtio::descriptor_size];
    virtio::serialise_descriptor(descriptor, bytes);
    write(layout_.descriptor + index * virtio::descriptor_size, bytes);
}

void RingPair::describe_chain(std::uint16_t head, const std::vector<Buffer>& chain) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const bool more = i + 1 < chain.size();
        const auto flags = static_cast<std::uint16_t>((chain[i].writable ? virtio::descriptor_write : 0) |
                                                      (more ? virtio::descriptor_next : 0));
        const auto index = static_cast<std::uint16_t>(head + i);
        describe(index, {chain[i].address, chain[i].length, flags,
                         static_cast<std::uint16_t>(more ? (index + 1U) % layout_.size : 0)});
    }
}

void RingPair::describe_indirect(std::uint16_t head, std::uint64_t table, const std::vector<Buffer>& chain) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const bool more = i + 1 < chain.size();
        std::byte bytes[virtio::descriptor_size];
        const auto flags = static_cast<std::uint16_t>((chain[i].writable ? virtio::descriptor_write : 0) |
                                                      (more ? virtio::descriptor_next : 0));
        virtio::serialise_descriptor(
            {chain[i].address, chain[i].length, flags, static_cast<std::uint16_t>(more ? i + 1 : 0)}, bytes);
        write(table + i * virtio::descriptor_size, bytes);
    }
    describe(head, {table, static_cast<std::uint32_t>(chain.size() * virtio::descriptor_size),
                    virtio::descriptor_indirect, 0});
}

void RingPair::offer(std::uint16_t head) {
    put<std::uint16_t>(layout_.available + layout_.available_slot(next_offer), head);
    put<std::uint16_t>(layout_.available + 2, ++next_offer);
}

void RingPair::set_indices(std::uint16_t index) {
    next_offer = next_take = next_use = next_reap = index;
    put<std::uint16_t>(layout_.available + 2, index);
    put<std::uint16_t>(layout_.used + 2, index);
}

std::optional<virtio::RingDescriptor> RingPair::reap() {
    if (get<std::uint16_t>(layout_.used + 2) == next_reap) {
        return std::nullopt;
    }
    const std::uint64_t slot = layout_.used + layout_.used_slot(next_reap++);
    virtio::RingDescriptor used;
    used.next = static_cast<std::uint16_t>(get<std::uint32_t>(slot));
    used.length = get<std::uint32_t>(slot + 4);
    return used;
}

std::optional<std::uint16_t> RingPair::take() {
    if (get<std::uint16_t>(layout_.available + 2) == next_take) {
        return std::nullopt;
    }
    return get<std::uint16_t>(layout_.available + layout_.available_slot(next_take++));
}

void RingPair::use(std::uint32_t id, std::uint32_t length) {
    const std::uint64_t slot = layout_.used + layout_.used_slot(next_use);
    put<std::uint32_t>(slot, id);
    put<std::uint32_t>(slot + 4, length);
    put<std::uint16_t>(layout_.used + 2, ++next_use);
}

}  // namespace vutrace::capture::testing
