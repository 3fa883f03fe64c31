// A block device's session whose ring is driven entry by entry, for the tests of rules on rings.
#pragma once

#include "check_fixture.h"

#include <vutrace/protocol/features.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace vutrace::check::test {

inline constexpr std::int64_t one_second = 1'000'000'000;

struct RingSession {
    explicit RingSession(std::uint64_t more_features = 0, const char* datapath = "relay") {
        BlockSession::connect(session);
        session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", datapath}}});
        session.set(FrontEndRequest::SET_FEATURES, BlockSession::features | more_features);
        BlockSession::add_regions(session);
        BlockSession::start_queue(session);
    }

    // A write of one sector: header, data, status in descriptors head to head + 2.
    [[nodiscard]] trace::ChainEntry write(std::uint16_t head, std::uint64_t sector = 8) const {
        return BlockSession::write_request(head, available, sector, 0x200000, Bytes(512));
    }
    [[nodiscard]] trace::ChainEntry read(std::uint16_t head, std::uint64_t sector = 8) const {
        trace::ChainEntry entry = write(head, sector);
        entry.descriptors[1].flags |= virtio::descriptor_write;
        Bytes header(16);
        store<std::uint64_t>(header, 8, sector);
        entry.content = session::testing::literal(header);
        return entry;
    }
    [[nodiscard]] trace::ChainEntry request(std::uint16_t head, std::vector<trace::ChainDescriptor> descriptors,
                                            ByteView readable = {}) const {
        return session::testing::available_entry(head, available, std::move(descriptors),
                                                 session::testing::literal(readable));
    }
    [[nodiscard]] trace::ChainEntry done(std::uint16_t head, Bytes written = Bytes(1)) const {
        return session::testing::used_entry(head, used, session::testing::literal(written));
    }

    // One record. Fields as they are in the rings after it.
    std::uint64_t offer(trace::ChainEntry entry) {
        entry.index = available++;
        return add({std::move(entry)});
    }
    std::uint64_t use(trace::ChainEntry entry) {
        entry.index = used++;
        return add({std::move(entry)});
    }
    std::uint64_t complete(std::uint16_t head) { return use(done(head)); }
    std::uint64_t kick() { return session.add(trace::EventRecord{trace::EventRecord::Kind::kick, queue, 1}); }
    std::uint64_t call() { return session.add(trace::EventRecord{trace::EventRecord::Kind::call, queue, 1}); }
    std::uint64_t lose(std::uint64_t chains, std::uint64_t records, const char* reason = "queue full") {
        return session.add(trace::GapRecord{queue, chains, records, 0, reason});
    }
    std::uint64_t add(std::vector<trace::ChainEntry> entries) {
        fields.available_index = available;
        fields.used_index = used;
        return session.chains(queue, std::move(entries), fields);
    }

    [[nodiscard]] std::vector<std::string> said(const std::vector<std::string_view>& rules = {}) const {
        return texts(session, rules);
    }

    SessionBuilder session;
    trace::RingFields fields;
    std::uint16_t queue{0};
    std::uint16_t available{0}, used{0};  // indices of both rings
};

}  // namespace vutrace::check::test
