#include <vutrace/explain/annotation.h>
#include <vutrace/session/testing/session_builder.h>
#include <vutrace/virtio/devices/network.h>
#include <vutrace/virtio/testing/device_samples.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace vutrace::explain {
namespace {

using session::testing::SessionBuilder;
using virtio::testing::DeviceSample;

constexpr std::uint32_t file_system = 26;

DeviceSample sample_of(std::uint32_t device, std::string_view type) {
    const auto samples = virtio::testing::device_samples();
    return *std::find_if(samples.begin(), samples.end(),
                         [&](const DeviceSample& sample) { return sample.device == device && sample.type == type; });
}

trace::ChainEntry entry_of(const DeviceSample& sample, bool used) {
    trace::ChainEntry entry;
    entry.state = used ? trace::ChainEntry::State::used : trace::ChainEntry::State::available;
    entry.proof = trace::Proof::verified;
    entry.content.add_literal(used ? sample.written : sample.readable);
    entry.used_length = used ? static_cast<std::uint32_t>(sample.written.size()) : 0;
    if (!used) {
        entry.descriptors = {{0x1000, static_cast<std::uint32_t>(sample.readable.size()), 0, 1},
                             {0x2000, static_cast<std::uint32_t>(sample.written.size()), virtio::descriptor_write, 0}};
    }
    return entry;
}

// A chain goes to the device and comes back.
void pass(SessionBuilder& session, const DeviceSample& sample) {
    session.chains(0, {entry_of(sample, false)});
    session.chains(0, {entry_of(sample, true)});
}

// The request types that an annotator sees in the chains of some records, "-" where there is none.
std::string types_in(const std::vector<trace::Record>& records, std::optional<std::uint32_t> device = std::nullopt) {
    Annotator annotator(device);
    std::string types;
    for (const trace::Record& record : records) {
        for (const EntryAnnotation& entry : annotator.annotate(record).entries) {
            types += types.empty() ? "" : " ";
            types += entry.request ? entry.request->fields.front().name : "-";
        }
    }
    return types;
}

// FUSE_INIT as a driver of version 7.38 sends it.
DeviceSample initialisation() {
    DeviceSample sample = sample_of(file_system, "INIT");
    store<std::uint32_t>(sample.readable, 0, static_cast<std::uint32_t>(sample.readable.size()));
    store<std::uint32_t>(sample.readable, 40, 7);
    return sample;
}

TEST(DeviceOfASession, IsAFileSystemFromItsInitialisationOn) {
    SessionBuilder session;
    session.chains(1, {entry_of(sample_of(file_system, "LOOKUP"), false)});
    session.chains(1, {entry_of(initialisation(), false), entry_of(initialisation(), true)});
    session.set(SessionBuilder::Request::SET_VRING_NUM, 0, 16);
    session.chains(1, {entry_of(sample_of(file_system, "LOOKUP"), false)});
    EXPECT_EQ(types_in(session.records()), "- INIT INIT LOOKUP");
    Annotator annotator;
    std::string reason;
    for (const trace::Record& record : session.records()) {
        reason = annotator.annotate(record).device_reason;
    }
    EXPECT_NE(reason.find("FUSE_INIT"), std::string::npos);
}

TEST(DeviceOfASession, IsNotGuessedFromWhatOnlyLooksLikeAFileSystem) {
    for (const std::size_t changed : {0U, 4U, 40U}) {  // length, operation, version
        DeviceSample sample = initialisation();
        sample.readable[changed] ^= std::byte{1};
        SessionBuilder session;
        session.chains(1, {entry_of(sample, false)});
        EXPECT_EQ(types_in(session.records()), "-") << changed;
    }
}

TEST(DeviceOfASession, IsWhatWasToldWhateverItLooksLike) {
    SessionBuilder session;
    session.chains(0, {entry_of(initialisation(), false)});
    EXPECT_EQ(types_in(session.records(), 4), "-") << "a device that only writes";
    EXPECT_EQ(types_in(session.records(), file_system), "INIT");
}

TEST(DecodedRequest, OfAUsedChainHasWhatWasAskedAndWhatWasAnswered) {
    SessionBuilder session;
    const DeviceSample sample = sample_of(file_system, "LOOKUP");
    session.chains(1, {entry_of(sample, false)});
    session.chains(1, {entry_of(sample, true)});
    Annotator annotator(file_system);
    for (const trace::Record& record : session.records()) {
        const EntryAnnotation& entry = annotator.annotate(record).entries.front();
        ASSERT_TRUE(entry.request);
        EXPECT_EQ(entry.role.name, "request");
        const auto has = [&](std::string_view name) {
            return std::any_of(entry.request->fields.begin(), entry.request->fields.end(),
                               [&](const virtio::RequestField& field) { return field.info->name == name; });
        };
        EXPECT_TRUE(has("name"));
        EXPECT_EQ(has("status"), record.sequence == 2);
        EXPECT_EQ(has("attributes"), record.sequence == 2);
    }
}

TEST(DecodedRequest, SaysWhereItsBytesWereNotCaptured) {
    SessionBuilder session;
    trace::ChainEntry entry = entry_of(sample_of(file_system, "LOOKUP"), false);
    const auto whole = entry.content.size();
    entry.content.clear();
    entry.content.add_literal(Bytes(8, std::byte{1}));
    entry.content.add_missing(whole - 8);
    session.chains(1, {entry});
    Annotator annotator(file_system);
    const EntryAnnotation& out = annotator.annotate(session.records().front()).entries.front();
    ASSERT_TRUE(out.request);
    const virtio::RequestField& last = out.request->fields.back();
    EXPECT_EQ(last.info->name, "reason");
    EXPECT_EQ(last.name, "not-captured");
    EXPECT_EQ((&last)[-1].text, "unique");
}

// Of what comes behind a loss nobody knows whether it begins a packet: what cannot is no header.
TEST(DecodedRequest, TheRestOfAPacketWhoseBeginningWasLostIsNoPacket) {
    DeviceSample rest;
    rest.written = Bytes(100, std::byte{'x'});
    DeviceSample packet;
    packet.written.resize(12 + 60);
    store<std::uint16_t>(packet.written, 10, 1);  // num_buffers
    for (const std::uint16_t lost_of : {std::uint16_t{0}, std::uint16_t{2}, trace::no_queue}) {
        SessionBuilder session;
        session.set(SessionBuilder::Request::SET_FEATURES, 1ULL << virtio::network::MRG_RXBUF);
        pass(session, packet);
        session.add(trace::GapRecord{lost_of, 1, 0, 0, "seen too late"});
        for (const DeviceSample* sample : {&rest, &rest, &packet, &rest}) {
            pass(session, *sample);
        }
        EXPECT_EQ(types_in(session.records(), virtio::network::device_id),
                  lost_of == 2 ? "- PACKET - PACKET - CONTINUATION - CONTINUATION - CONTINUATION"
                               : "- PACKET - CONTINUATION - CONTINUATION - PACKET - PACKET");
    }
}

// With a short --snaplen.
TEST(DecodedRequest, APacketBehindALossIsOneWhereItsBytesWereNotCaptured) {
    DeviceSample packet;
    packet.written.resize(12 + 60);
    SessionBuilder session;
    session.set(SessionBuilder::Request::SET_FEATURES, 1ULL << virtio::network::MRG_RXBUF);
    session.add(trace::GapRecord{0, 1, 0, 0, "seen too late"});
    for (int i = 0; i < 2; ++i) {
        session.chains(0, {entry_of(packet, false)});
        trace::ChainEntry used = entry_of(packet, true);
        used.content = {};
        used.content.add_literal(ByteView(packet.written).first(4));
        used.content.add_missing(packet.written.size() - 4);
        session.chains(0, {used});
    }
    EXPECT_EQ(types_in(session.records(), virtio::network::device_id), "- PACKET - PACKET");
}

// A message that leaves the queue running (a translation, say) says nothing about its packets.
TEST(DecodedRequest, OfAPacketInSeveralChainsGoesOnOverMessages) {
    DeviceSample first;
    first.written.resize(12 + 60);
    store<std::uint16_t>(first.written, 10, 2);  // num_buffers
    DeviceSample rest;
    rest.written = Bytes(100, std::byte{'x'});
    using Request = SessionBuilder::Request;
    for (const bool stopped : {false, true}) {
        SessionBuilder session;
        session.set(Request::SET_FEATURES, 1ULL << virtio::network::MRG_RXBUF);
        session.set(Request::SET_VRING_KICK, 0);
        pass(session, first);
        if (stopped) {
            session.set(Request::GET_VRING_BASE, 0, 0);
            session.reply(Request::GET_VRING_BASE, protocol::serialise(protocol::VringState{0, 1}));
        } else {
            session.request(Request::GET_QUEUE_NUM);
        }
        const DeviceSample& next = stopped ? first : rest;
        pass(session, next);
        EXPECT_EQ(types_in(session.records(), virtio::network::device_id),
                  stopped ? "- PACKET - PACKET" : "- PACKET - CONTINUATION");
    }
}

TEST(DecodedRequest, OfTheFirstPacketOfAQueueMayBeTheRestOfOneThatWasLost) {
    DeviceSample rest;
    rest.written = Bytes(100, std::byte{'x'});
    SessionBuilder session;
    session.set(SessionBuilder::Request::SET_FEATURES, 1ULL << virtio::network::MRG_RXBUF);
    session.set(SessionBuilder::Request::SET_VRING_KICK, 0);
    session.add(trace::GapRecord{trace::no_queue, 1, 0, 0, "the disk was full"});
    pass(session, rest);
    EXPECT_EQ(types_in(session.records(), virtio::network::device_id), "- CONTINUATION");
}

TEST(DecodedRequest, BehindACompletionOfNothingThatWasSeenMayBeTheRestOfAPacket) {
    DeviceSample first;
    first.written.resize(12 + 60);
    store<std::uint16_t>(first.written, 10, 2);  // num_buffers
    DeviceSample rest;
    rest.written = Bytes(100, std::byte{'x'});
    SessionBuilder session;
    session.set(SessionBuilder::Request::SET_FEATURES, 1ULL << virtio::network::MRG_RXBUF);
    session.chains(0, {entry_of(first, true)});  // never made available, in the trace
    pass(session, rest);
    EXPECT_EQ(types_in(session.records(), virtio::network::device_id), "- - CONTINUATION");
}

TEST(DecodedRequest, OfAPacketInSeveralChainsEndsWithALoss) {
    DeviceSample first;
    first.written.resize(12 + 60);
    store<std::uint16_t>(first.written, 10, 3);  // num_buffers
    for (const bool lost : {false, true}) {
        SessionBuilder session;
        session.set(SessionBuilder::Request::SET_FEATURES, 1ULL << virtio::network::MRG_RXBUF);
        pass(session, first);
        if (lost) {
            session.add(trace::GapRecord{0, 1, 0, 0, "seen too late"});
        }
        pass(session, first);
        EXPECT_EQ(types_in(session.records(), virtio::network::device_id),
                  lost ? "- PACKET - PACKET" : "- PACKET - CONTINUATION");
    }
}

}  // namespace
}  // namespace vutrace::explain
