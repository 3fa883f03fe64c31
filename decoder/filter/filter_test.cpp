#include <vutrace/filter/filter.h>
#include <vutrace/session/testing/session_builder.h>
#include <vutrace/virtio/split_ring.h>

#include <gtest/gtest.h>

namespace vutrace::filter {
namespace {

using session::testing::BlockSession;
using session::testing::SessionBuilder;
using Request = protocol::FrontEndRequest;

Filter compiled(const std::string& expression) {
    auto filter = Filter::compile(expression);
    EXPECT_TRUE(filter) << filter.error().text;
    return filter ? *filter : Filter();
}

// The numbers of the entries that match.
std::vector<std::uint64_t> matching(const std::vector<trace::Record>& records, const std::string& expression,
                                    std::optional<std::uint32_t> device = std::nullopt) {
    const Filter filter = compiled(expression);
    std::vector<std::uint64_t> found;
    explain::Annotator annotator(device);
    for (const trace::Record& record : records) {
        const explain::Annotation& annotation = annotator.annotate(record);
        for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
            if (filter.matches(annotation, entry)) {
                found.push_back(record.sequence + entry);
            }
        }
    }
    return found;
}

using Found = std::vector<std::uint64_t>;

// Ten kicks of queues 0 to 9, a microsecond apart.
std::vector<trace::Record> kicks() {
    SessionBuilder builder;
    for (std::uint16_t queue = 0; queue < 10; ++queue) {
        builder.add(trace::EventRecord{trace::EventRecord::Kind::kick, queue, std::uint64_t{queue} * 1024});
    }
    return builder.records();
}

std::vector<trace::Record> one_message(Request request, const Bytes& payload) {
    SessionBuilder builder;
    builder.request(request, payload);
    return builder.records();
}

TEST(Filter, EmptyMatchesEverything) {
    EXPECT_EQ(matching(kicks(), " \t\n").size(), 10U);
    EXPECT_EQ(matching(kicks(), "").size(), 10U);
}

TEST(Filter, KnowsEveryPartOfMemory) {
    using Part = trace::MemoryRecord::Part;
    SessionBuilder builder;
    for (unsigned part = 0; part <= static_cast<unsigned>(trace::MemoryRecord::last_part); ++part) {
        builder.add(trace::MemoryRecord{static_cast<Part>(part), trace::Proof::late, trace::no_queue, 0, {}});
    }
    EXPECT_EQ(matching(builder.records(), "part == log"), Found{6});
    EXPECT_EQ(matching(builder.records(), "part in {region, inflight}"), (Found{1, 5}));
}

TEST(Filter, ComparesNumbers) {
    EXPECT_EQ(matching(kicks(), "queue == 3"), Found{4});
    EXPECT_EQ(matching(kicks(), "queue != 3").size(), 9U);
    EXPECT_EQ(matching(kicks(), "queue < 2"), (Found{1, 2}));
    EXPECT_EQ(matching(kicks(), "queue <= 2"), (Found{1, 2, 3}));
    EXPECT_EQ(matching(kicks(), "queue > 8"), Found{10});
    EXPECT_EQ(matching(kicks(), "queue >= 8"), (Found{9, 10}));
    EXPECT_EQ(matching(kicks(), "queue == 0x3"), Found{4});
    EXPECT_EQ(matching(kicks(), "queue == \"3\""), Found{4});
}

TEST(Filter, ComparesAtTheEndsOfTheRange) {
    EXPECT_TRUE(matching(kicks(), "queue < 0").empty());
    EXPECT_TRUE(matching(kicks(), "queue > 18446744073709551615").empty());
    EXPECT_EQ(matching(kicks(), "queue <= 18446744073709551615").size(), 10U);
    EXPECT_EQ(matching(kicks(), "queue >= 0").size(), 10U);
}

TEST(Filter, KnowsSetsAndRanges) {
    EXPECT_EQ(matching(kicks(), "queue in {1, 5, 3}"), (Found{2, 4, 6}));
    EXPECT_EQ(matching(kicks(), "queue in 3..5"), (Found{4, 5, 6}));
    EXPECT_EQ(matching(kicks(), "queue in {7..8, 0, 1..3, 2..4}"), (Found{1, 2, 3, 4, 5, 8, 9}));
    EXPECT_EQ(matching(kicks(), "queue not in 1..9"), Found{1});
    EXPECT_EQ(matching(kicks(), "fd in {kick, call}").size(), 10U);
}

TEST(Filter, KnowsUnits) {
    EXPECT_EQ(matching(kicks(), "count == 4K"), Found{5});
    EXPECT_EQ(matching(kicks(), "count >= 8.5KiB"), Found{10});
    EXPECT_EQ(matching(kicks(), "elapsed > 7.5us"), (Found{9, 10}));
    EXPECT_EQ(matching(kicks(), "elapsed in 1µs..2µs"), (Found{2, 3}));
    EXPECT_EQ(matching(kicks(), "elapsed >= 9000"), Found{10});
    EXPECT_TRUE(matching(kicks(), "elapsed > 1min").empty());
}

TEST(Filter, KnowsTimes) {
    // The first record is of 2023-11-14 22:13:20 UTC.
    EXPECT_EQ(matching(kicks(), "time == 2023-11-14T22:13:20Z"), Found{1});
    EXPECT_EQ(matching(kicks(), "time > \"2023-11-14 22:13:20.000008\""), Found{10});
    EXPECT_EQ(matching(kicks(), "time <= 1700000000000001000"), (Found{1, 2}));
    EXPECT_EQ(matching(kicks(), "time > 2023-11-14").size(), 10U);
    EXPECT_TRUE(matching(kicks(), "time > 2023-11-14T22:14").empty());
}

TEST(Filter, BindsNotBeforeAndBeforeOr) {
    EXPECT_EQ(matching(kicks(), "queue == 1 or queue == 2 and queue == 3"), Found{2});
    EXPECT_EQ(matching(kicks(), "(queue == 1 or queue == 2) and queue == 2"), Found{3});
    EXPECT_EQ(matching(kicks(), "not queue == 1 and queue < 3"), (Found{1, 3}));
    EXPECT_EQ(matching(kicks(), "not (queue == 1 and queue < 3)").size(), 9U);
    EXPECT_EQ(matching(kicks(), "!(queue>1)&&!queue==0||queue==9"), (Found{2, 10}));
    EXPECT_EQ(matching(kicks(), "not not not queue > 0"), Found{1});
    EXPECT_EQ(matching(kicks(), "NOT (queue > 1 OR (queue == 0 AND NOT fd == call))"), Found{2});
}

TEST(Filter, TakesAComparisonWithAFieldThatIsNotThereForFalse) {
    EXPECT_TRUE(matching(kicks(), "head == 0").empty());
    EXPECT_TRUE(matching(kicks(), "head != 0").empty());
    EXPECT_TRUE(matching(kicks(), "head not in {1, 2}").empty());
    EXPECT_TRUE(matching(kicks(), "count(fds) == 0").empty());
    EXPECT_TRUE(matching(kicks(), "count(fds) != 7").empty());
    EXPECT_EQ(matching(kicks(), "not head == 0").size(), 10U);
    EXPECT_EQ(matching(kicks(), "has queue and not exists head").size(), 10U);
}

TEST(Filter, FindsRequestsByEveryNameTheyEverHad) {
    const auto records = one_message(Request::SET_BACKEND_REQ_FD, {});
    for (const std::string name : {"SET_BACKEND_REQ_FD", "set_slave_req_fd", "VHOST_USER_SET_SLAVE_REQ_FD",
                                   "vhost_user_set_backend_req_fd", "\"SET_BACKEND_REQ_FD\""}) {
        EXPECT_EQ(matching(records, "request == " + name), Found{1}) << name;
    }
    EXPECT_EQ(matching(records, "request contains req_FD"), Found{1});
    EXPECT_TRUE(matching(records, "request == UNKNOWN").empty());
    EXPECT_EQ(matching(one_message(Request{4242}, {}), "request == UNKNOWN and code == 4242"), Found{1});
}

TEST(Filter, FindsFeaturesByNameAndBit) {
    const auto records = one_message(Request::SET_FEATURES, protocol::serialise_u64(0x100000201));
    for (const std::string flag : {"VERSION_1", "VIRTIO_F_VERSION_1", "version_1", "32", "0", "9"}) {
        EXPECT_EQ(matching(records, "payload.features has " + flag), Found{1}) << flag;
    }
    EXPECT_TRUE(matching(records, "payload.features has RING_PACKED").empty());
    EXPECT_EQ(matching(records, "payload.features == 0x100000201"), Found{1});
    EXPECT_EQ(matching(records, "payload.features_names in {RING_PACKED, VERSION_1}"), Found{1});
    EXPECT_EQ(matching(records, "payload.features_names contains version"), Found{1});
}

TEST(Filter, NamesDeviceFeaturesAsTheDeviceDoes) {
    const auto records = one_message(Request::SET_FEATURES, protocol::serialise_u64(0x201));  // bits 0 and 9
    constexpr std::uint32_t net = 1;
    constexpr std::uint32_t block = 2;
    EXPECT_EQ(matching(records, "payload.features has FLUSH", block), Found{1});
    EXPECT_EQ(matching(records, "payload.features has VIRTIO_BLK_F_WCE", block), Found{1});
    EXPECT_TRUE(matching(records, "payload.features has FLUSH", net).empty());
    EXPECT_TRUE(matching(records, "payload.features has FLUSH").empty()) << "nothing proves the device";
    EXPECT_EQ(matching(records, "payload.features has CSUM", net), Found{1});
    EXPECT_TRUE(matching(records, "payload.features has VIRTIO_NET_F_CSUM", block).empty());
    EXPECT_EQ(matching(records, "payload.features_names == \"bit 9\""), Found{1});
}

TEST(Filter, FindsProtocolFeaturesByOldNames) {
    const auto records = one_message(Request::SET_PROTOCOL_FEATURES, protocol::serialise_u64(1U << 5U));
    EXPECT_EQ(matching(records, "payload.protocol_features has SLAVE_REQ"), Found{1});
    EXPECT_EQ(matching(records, "payload.protocol_features has VHOST_USER_PROTOCOL_F_BACKEND_REQ"), Found{1});
    EXPECT_TRUE(matching(records, "payload.protocol_features has MQ").empty());
}

TEST(Filter, TakesMeaningsForNumbers) {
    SessionBuilder builder;
    builder.reply(Request::SET_OWNER, protocol::serialise_u64(0));
    builder.reply(Request::SET_OWNER, protocol::serialise_u64(7));
    builder.request(Request::SET_STATUS, protocol::serialise_u64(0x0f));
    EXPECT_EQ(matching(builder.records(), "payload.value == success"), Found{1});
    EXPECT_EQ(matching(builder.records(), "payload.value == failure"), Found{2});
    EXPECT_EQ(matching(builder.records(), "payload.value has DRIVER_OK"), Found{3});
    EXPECT_TRUE(matching(builder.records(), "payload.value has FAILED").empty());
    EXPECT_EQ(matching(builder.records(), "payload.value in {0, 7}"), (Found{1, 2}));
}

TEST(Filter, LetsAnyValueOfAListMatch) {
    const Bytes regions = protocol::serialise_regions(BlockSession::regions(), false);  // 640K and 63.25M
    SessionBuilder builder;
    builder.request(Request::SET_MEM_TABLE, regions, {1, 2});
    const auto& records = builder.records();
    EXPECT_EQ(matching(records, "payload.regions.memory_size == 640K"), Found{1});
    EXPECT_EQ(matching(records, "payload.regions.memory_size > 1M"), Found{1});
    EXPECT_TRUE(matching(records, "payload.regions.memory_size != 640K").empty()) << "other than all of them";
    EXPECT_TRUE(matching(records, "all payload.regions.memory_size > 1M").empty());
    EXPECT_EQ(matching(records, "all payload.regions.memory_size > 1K"), Found{1});
    EXPECT_EQ(matching(records, "count(payload.regions) == 2 and count(fds) in 1..2"), Found{1});
    EXPECT_EQ(matching(records, "all fds.kind == other"), Found{1});
    EXPECT_EQ(matching(records, "has payload.regions and has fds and has payload"), Found{1});
}

TEST(Filter, JudgesEveryEntryOfAChainRecordByItself) {
    SessionBuilder builder;
    BlockSession::start(builder);
    const std::uint64_t first =
        builder.chains(0, {BlockSession::write_request(0, 0, 2048, 0x10000, Bytes(512)),
                           session::testing::used_entry(0, 0, session::testing::literal(Bytes(1)))});
    const auto& records = builder.records();
    EXPECT_EQ(matching(records, "state == available"), Found{first});
    EXPECT_EQ(matching(records, "state == used"), Found{first + 1});
    EXPECT_EQ(matching(records, "request.sector in 2040..2050").size(), 2U);
    EXPECT_EQ(matching(records, "request.type == out and request.status == OK"), Found{first + 1});
    EXPECT_EQ(matching(records, "descriptors.writable and not all descriptors.writable").size(), 2U);
    EXPECT_EQ(matching(records, "has ring"), Found{first});
    EXPECT_EQ(matching(records, "content >= late").size(), 2U);
    EXPECT_EQ(matching(records, "available == " + std::to_string(first)), Found{first + 1});
}

TEST(Filter, SearchesTextsInAnyCase) {
    SessionBuilder builder;
    builder.add(trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, "Came too LATE"});
    EXPECT_EQ(matching(builder.records(), "text contains \"too late\""), Found{1});
    EXPECT_EQ(matching(builder.records(), "text contains late and severity >= warning"), Found{1});
    EXPECT_TRUE(matching(builder.records(), "text == \"came too late\"").empty());
    EXPECT_EQ(matching(builder.records(), "text in {'Came too LATE', x}"), Found{1});
}

TEST(Filter, ReadsAttributesByAnyKey) {
    SessionBuilder builder;
    builder.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"front-end.pid", "42"}}});
    EXPECT_EQ(matching(builder.records(), "attributes.front-end.pid == 42"), Found{1});
    EXPECT_TRUE(matching(builder.records(), "has attributes.back-end.pid").empty());
}

TEST(Filter, FindsBytes) {
    Bytes payload{std::byte{0x12}, std::byte{0x34}, std::byte{0x56}};
    const auto records = one_message(Request{4242}, payload);
    EXPECT_EQ(matching(records, "raw == 123456"), Found{1});
    EXPECT_EQ(matching(records, "raw contains 0x3456"), Found{1});
    EXPECT_TRUE(matching(records, "raw contains 2345").empty()) << "between two bytes";
    EXPECT_TRUE(matching(records, "raw contains 12345678").empty());
}

TEST(Filter, DoesNotMatchEntriesThatAreNotThere) {
    const Filter filter = compiled("");
    const auto records = kicks();
    explain::Annotator annotator;
    EXPECT_FALSE(filter.matches(annotator.annotate(records[0]), 1));
    explain::Annotation bare;  // a chain that nobody annotated
    const trace::Record chain{1, 0, 1, trace::ChainRecord{0, {}, {trace::ChainEntry{}}}};
    bare.record = &chain;
    EXPECT_FALSE(filter.matches(bare, 0));
}

// Where a filter says that a record need not be explained, one that nobody explained gives the same.
TEST(Filter, NeedsNoExplanationOfWhatTheRecordSays) {
    SessionBuilder builder;
    BlockSession::start(builder);
    builder.chains(0, {BlockSession::write_request(0, 0, 0, 0x100000, Bytes(512))});
    builder.chains(0, {session::testing::used_entry(0, 0, session::testing::literal(Bytes(1)))});
    builder.add(trace::EventRecord{trace::EventRecord::Kind::kick, 1, 1});
    std::size_t compared = 0;
    for (const FieldDescription& field : fields()) {
        const Filter filter = compiled("has " + std::string(field.name));
        explain::Annotator annotator;
        for (const trace::Record& record : builder.records()) {
            const explain::Annotation& explained = annotator.annotate(record);
            if (filter.needs_explanation(trace::type_of(record.body))) {
                continue;
            }
            explain::Annotation bare;
            bare.record = &record;
            bare.start_time = explained.start_time;
            bare.entries.resize(trace::sequence_count(record));
            for (std::size_t entry = 0; entry < bare.entries.size(); ++entry) {
                EXPECT_EQ(filter.matches(bare, entry), filter.matches(explained, entry)) << field.name;
                ++compared;
            }
        }
    }
    EXPECT_GT(compared, fields().size());
}

TEST(Filter, KnowsWhichRecordsHaveToBeExplained) {
    using Type = trace::RecordType;
    EXPECT_FALSE(compiled("state == used").needs_explanation(Type::chain));
    EXPECT_FALSE(compiled("queue == 1").needs_explanation(Type::event));
    EXPECT_TRUE(compiled("queue == 1").needs_explanation(Type::message));
    EXPECT_TRUE(compiled("latency > 1ms").needs_explanation(Type::chain));
    EXPECT_TRUE(compiled("seq == 1 or has request").needs_explanation(Type::message));
    EXPECT_FALSE(compiled("seq == 1 or has request").needs_explanation(Type::event));
}

TEST(Filter, KnowsOutsideWhichRowsNothingMatches) {
    const auto rows = [](const char* text) {
        const Filter::Rows found = compiled(text).rows();
        return std::pair(found.first, found.last);
    };
    constexpr std::pair<std::uint64_t, std::uint64_t> all(0, UINT64_MAX);
    EXPECT_EQ(rows(""), all);
    EXPECT_EQ(rows("state == used"), all);
    EXPECT_EQ(rows("not seq == 5"), all);
    EXPECT_EQ(rows("seq == 5 or state == used"), all);
    EXPECT_EQ(rows("seq in 5..9"), std::pair(std::uint64_t{5}, std::uint64_t{9}));
    EXPECT_EQ(rows("seq in 5..9 and state == used"), std::pair(std::uint64_t{5}, std::uint64_t{9}));
    EXPECT_EQ(rows("seq == 5 or seq == 9"), std::pair(std::uint64_t{5}, std::uint64_t{9}));
    const auto none = rows("seq == 5 and seq == 9");
    EXPECT_GT(none.first, none.second);
}

TEST(Filter, ListsItsFields) {
    const auto all = fields();
    const auto find = [&](std::string_view name) {
        return std::find_if(all.begin(), all.end(), [&](const FieldDescription& field) { return field.name == name; });
    };
    ASSERT_NE(find("queue"), all.end());
    EXPECT_EQ(find("queue")->records, "message, event, chain, memory, gap, note");
    EXPECT_EQ(find("seq")->records, "all");
    EXPECT_EQ(find("payload.regions.memory_size")->type, "number");
    EXPECT_TRUE(find("payload.regions.memory_size")->repeated);
    for (const FieldDescription& field : all) {
        EXPECT_FALSE(field.meaning.empty()) << field.name;
        EXPECT_TRUE(Filter::compile("has " + std::string(field.name))) << field.name;
    }
}

// An in-flight area of 70 queues of one entry each, of which the last two have a chain in flight; then one that nobody
// has written to.
std::vector<trace::Record> inflight_areas() {
    constexpr std::size_t queues = 70, stride = 32;
    Bytes area(queues * stride);
    for (std::size_t queue = 0; queue < queues; ++queue) {
        store<std::uint16_t>(area, queue * stride + 8, 1);
        store<std::uint16_t>(area, queue * stride + 10, 1);
        store<std::uint8_t>(area, queue * stride + 16, queue >= queues - 2 ? 1 : 0);
        store<std::uint64_t>(area, queue * stride + 24, queue);
    }
    SessionBuilder builder;
    builder.request(Request::SET_INFLIGHT_FD, protocol::serialise(protocol::Inflight{area.size(), 0, queues, 1}));
    for (const Bytes& bytes : {area, Bytes(area.size())}) {
        trace::MemoryRecord memory{trace::MemoryRecord::Part::inflight, trace::Proof::late, trace::no_queue, 0, {}};
        memory.content.add_literal(bytes);
        builder.add(std::move(memory));
    }
    return builder.records();
}

TEST(Filter, LooksAtEveryQueueOfAnInflightArea) {
    EXPECT_EQ(matching(inflight_areas(), "inflight.queues.queue == 69"), Found{2});
    EXPECT_EQ(matching(inflight_areas(), "inflight.queues.heads.counter == 68"), Found{2});
    EXPECT_EQ(matching(inflight_areas(), "count(inflight.queues) == 70"), Found{2});
    EXPECT_EQ(matching(inflight_areas(), "count(inflight.queues.heads) == 2"), Found{2});
    EXPECT_EQ(matching(inflight_areas(), "all inflight.queues.count == 0"), Found{});
    EXPECT_EQ(matching(inflight_areas(), "part == inflight and not inflight.queues.cut"), (Found{2, 3}));
}

TEST(Filter, AListWithNothingInItIsThere) {
    EXPECT_EQ(matching(inflight_areas(), "has inflight.queues"), (Found{2, 3}));
    EXPECT_EQ(matching(inflight_areas(), "has inflight.queues.queue"), Found{2});
    EXPECT_EQ(matching(inflight_areas(), "part == inflight and count(inflight.queues) == 0"), Found{3});
    EXPECT_EQ(matching(inflight_areas(), "part == inflight and count(inflight.queues) != 0"), Found{2});
}

}  // namespace
}  // namespace vutrace::filter
