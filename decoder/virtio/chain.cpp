#include "vutrace/virtio/chain.h"

#include "chain_walk.h"

#include <array>

namespace vutrace::virtio {
namespace {

constexpr std::uint64_t most_bytes = UINT32_MAX;  // used lengths have 32 bits

constexpr std::array<const char*, 16> problem_names{
    "none",
    "head out of range",
    "next out of range",
    "too long or a loop",
    "INDIRECT together with NEXT",
    "INDIRECT inside an indirect table",
    "bad length of an indirect table",
    "indirect table too long",
    "descriptor table not readable",
    "indirect table not readable",
    "readable descriptor after a writable one",
    "address and length wrap",
    "buffer outside guest memory",
    "lengths add up to more than 32 bits",
    "a later descriptor is not marked available",
    "INDIRECT behind direct descriptors",
};

}  // namespace

RingDescriptor parse_descriptor(ByteView bytes) noexcept {
    return {load<std::uint64_t>(bytes, 0), load<std::uint32_t>(bytes, 8), load<std::uint16_t>(bytes, 12),
            load<std::uint16_t>(bytes, 14)};
}

void serialise_descriptor(const RingDescriptor& descriptor, MutableByteView out) noexcept {
    store(out, 0, descriptor.address);
    store(out, 8, descriptor.length);
    store(out, 12, descriptor.flags);
    store(out, 14, descriptor.next);
}

const char* name_of(ChainProblem problem) noexcept {
    const auto number = static_cast<std::size_t>(problem);
    return number < problem_names.size() ? problem_names[number] : "unknown problem";
}

void Chain::clear() noexcept {
    descriptors.clear();
    problem = ChainProblem::none;
    readable_bytes = 0;
    writable_bytes = 0;
}

bool ChainNotes::add_buffer(const RingDescriptor& descriptor) noexcept {
    if (descriptor.address > UINT64_MAX - descriptor.length) {
        stop(ChainProblem::address_overflow);
        return false;
    }
    if ((descriptor.flags & descriptor_write) != 0) {
        chain_.writable_bytes += descriptor.length;
    } else {
        chain_.readable_bytes += descriptor.length;
        if (seen_writable_) {
            note(ChainProblem::readable_after_writable);
        }
    }
    seen_writable_ = seen_writable_ || (descriptor.flags & descriptor_write) != 0;
    if (chain_.readable_bytes + chain_.writable_bytes > most_bytes) {
        note(ChainProblem::length_overflow);
    }
    return true;
}

bool ChainNotes::check_table(const RingDescriptor& descriptor, std::uint32_t queue_size,
                             std::uint32_t& entries) noexcept {
    entries = static_cast<std::uint32_t>(descriptor.length / descriptor_size);
    const ChainProblem problem = descriptor.length == 0 || descriptor.length % descriptor_size != 0
                                     ? ChainProblem::indirect_bad_length
                                 : entries > max_indirect_descriptors(queue_size)      ? ChainProblem::indirect_too_long
                                 : descriptor.address > UINT64_MAX - descriptor.length ? ChainProblem::address_overflow
                                                                                       : ChainProblem::none;
    if (problem != ChainProblem::none) {
        stop(problem);
        return false;
    }
    if (chain_.table.size() < descriptor.length) {
        chain_.table.resize(descriptor.length);
    }
    return true;
}

}  // namespace vutrace::virtio
