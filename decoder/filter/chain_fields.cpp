// The fields of chains: the chain itself, the rings.
#include "getters.h"

#include <vutrace/virtio/packed_ring.h>
#include <vutrace/virtio/split_ring.h>

#include <algorithm>

namespace vutrace::filter {
namespace {

// Each buffer of a chain, until the outcome is known.
template <class Give>
constexpr FieldRow::Getter each_buffer(Give) {
    return [](const Subject& subject, const FieldRow&, Probe& probe) noexcept {
        const auto& buffers = known_chain(subject).buffers;
        (void)std::any_of(buffers.begin(), buffers.end(),
                          [&](const trace::ChainDescriptor& buffer) { return Give{}(buffer, probe); });
    };
}
// Both rings' fields stand with a record's first entry.
template <class Give>
constexpr FieldRow::Getter of_ring(Give) {
    return [](const Subject& subject, const FieldRow&, Probe& probe) noexcept {
        if (subject.entry == 0) {
            Give{}(body<trace::ChainRecord>(subject).fields, probe);
        }
    };
}

std::vector<FieldRow> ring_rows() {
    using T = FieldType;
    using F = const trace::RingFields&;
    std::vector<FieldRow> rows{
        row("ring", T::group, chain_kind, of_ring([](F, Probe& probe) { probe.element(); }),
            "both rings' fields, with a record's first entry"),
        row("ring.available_index", T::number, chain_kind,
            of_ring([](F f, Probe& probe) { probe.number(f.available_index); }), "idx of the available ring"),
        row("ring.available_flags", T::number, chain_kind,
            of_ring([](F f, Probe& probe) { probe.number(f.available_flags); }), "flags of the available ring"),
        row("ring.used_event", T::number, chain_kind, of_ring([](F f, Probe& probe) { probe.number(f.used_event); }),
            "where the driver wants a call"),
        row("ring.used_index", T::number, chain_kind, of_ring([](F f, Probe& probe) { probe.number(f.used_index); }),
            "idx of the used ring"),
        row("ring.used_flags", T::number, chain_kind, of_ring([](F f, Probe& probe) { probe.number(f.used_flags); }),
            "flags of the used ring"),
        row("ring.available_event", T::number, chain_kind,
            of_ring([](F f, Probe& probe) { probe.number(f.available_event); }), "where the device wants a kick"),
    };
    for (FieldRow& each : rows) {
        each = told(std::move(each));
    }
    return rows;
}

}  // namespace

std::vector<FieldRow> chain_rows() {
    using T = FieldType;
    using B = const trace::ChainDescriptor&;
    std::vector<FieldRow> rows{
        told(row("head", T::number, chain_kind, number_of([](S s) { return chain(s).head; }),
                 "first descriptor; in a packed ring the buffer id")),
        row("index", T::number, chain_kind, number_of([](S s) {
                return known_chain(s).packed ? virtio::PackedPosition::parse(chain(s).index).offset : chain(s).index;
            }),
            "free-running ring index of its slot; in a packed ring its place"),
        row(
            "wrap", T::boolean, chain_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept {
                if (known_chain(s).packed) {
                    probe.number(virtio::PackedPosition::parse(chain(s).index).wrap ? 1 : 0);
                }
            },
            "wrap counter there, in a packed ring"),
        told(named("state", chain_kind, number_of([](S s) { return as_number(chain(s).state); }), chain_state_names(),
                   "made available by the driver, or used by the device")),
        list(row("descriptors", T::group, chain_kind, each_buffer([](B, Probe& probe) { return probe.element(); }),
                 "buffers of the chain")),
        list(row("descriptors.address", T::address, chain_kind,
                 each_buffer([](B b, Probe& probe) { return probe.number(b.address); }), "where a buffer begins")),
        list(row("descriptors.length", T::number, chain_kind,
                 each_buffer([](B b, Probe& probe) { return probe.number(b.length); }), "bytes of a buffer")),
        list(row("descriptors.writable", T::boolean, chain_kind, each_buffer([](B b, Probe& probe) {
                     return probe.number((b.flags & virtio::descriptor_write) != 0 ? 1 : 0);
                 }),
                 "the device writes it")),
        row(
            "indirect", T::boolean, chain_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept {
                if (known_chain(s).descriptors_known) {
                    probe.number(known_chain(s).indirect ? 1 : 0);
                }
            },
            "went through an indirect table"),
        told(row(
            "used_length", T::number, chain_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept {
                if (is_used(s)) {
                    probe.number(chain(s).used_length);
                }
            },
            "bytes that the device says it wrote")),
        row(
            "available", T::number, chain_kind,
            [](S s, const FieldRow&, Probe& probe) noexcept {
                if (is_used(s) && known_chain(s).context.available_sequence != 0) {
                    probe.number(known_chain(s).context.available_sequence);
                }
            },
            "seq of the entry that made a used chain available"),
    };
    append(rows, request_rows());
    append(rows, ring_rows());
    return rows;
}

}  // namespace vutrace::filter
