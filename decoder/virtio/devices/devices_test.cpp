// What holds of every device's decoder, tried with chains made from the tables.
#include <vutrace/virtio/testing/device_samples.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace vutrace::virtio {
namespace {

using testing::chain_of;
using testing::context_of;
using testing::device_samples;
using testing::DeviceSample;

std::optional<DeviceRequest> decode(const DeviceSample& sample, const ChainView& chain) {
    QueueMemory memory;
    return decode_request(context_of(sample), chain, memory);
}

const RequestField* find(const DeviceRequest& request, std::string_view path, std::size_t first = 0,
                         std::size_t last = SIZE_MAX) {
    const std::size_t dot = path.find('.');
    const RequestField* found = nullptr;
    (void)any_field(request.fields, first, last, [&](const RequestField& field, std::size_t at) {
        if (field.info->name.empty()) {
            found = find(request, path, at + 1, at + 1 + field.inside);
        } else if (field.info->name == path.substr(0, dot)) {
            found = dot == std::string_view::npos ? &field
                                                  : find(request, path.substr(dot + 1), at + 1, at + 1 + field.inside);
        }
        return found != nullptr;
    });
    return found;
}

std::string label(const DeviceSample& sample) {
    return "device " + std::to_string(sample.device) + ", queue " + std::to_string(sample.queue) + " (" +
           std::string(sample.role) + "), " + std::string(sample.type);
}

TEST(Devices, NameEveryRequestOfTheirTables) {
    std::size_t with_status = 0;
    for (const DeviceSample& sample : device_samples()) {
        ASSERT_FALSE(sample.role.empty()) << label(sample);
        const auto request = decode(sample, chain_of(sample, true));
        ASSERT_TRUE(request) << label(sample);
        const RequestField* type = find(*request, "type");
        ASSERT_NE(type, nullptr) << label(sample);
        EXPECT_EQ(type->name, sample.type) << label(sample);
        with_status += find(*request, "status") == nullptr ? 0U : 1U;
    }
    EXPECT_GT(with_status, 150U);
}

TEST(Devices, FindNothingMissingInWholeChains) {
    for (const DeviceSample& sample : device_samples()) {
        const auto request = decode(sample, chain_of(sample, true));
        const bool is_cut = sample.device == 26 && (sample.written.size() == 6 || sample.written.empty());
        if (!is_cut && sample.type != unknown_value) {
            EXPECT_EQ(find(*request, "incomplete"), nullptr) << label(sample);
        }
    }
}

// Every field that is announced comes at least once, and none comes that is not announced.
TEST(Devices, HaveTheFieldsThatTheyAnnounce) {
    std::set<std::string> announced, seen;
    for (const RequestFieldInfo& field : request_fields()) {
        announced.insert(field.path);
    }
    const auto note = [&](const auto& self, const DeviceRequest& request, std::size_t first, std::size_t last,
                          const std::string& path) -> void {
        (void)any_field(request.fields, first, last, [&](const RequestField& field, std::size_t at) {
            std::string name = path;
            if (!field.info->name.empty()) {
                name += (path.empty() ? "" : ".") + std::string(field.info->name);
                seen.insert(name);
            }
            self(self, request, at + 1, at + 1 + field.inside, name);
            return false;
        });
    };
    for (const DeviceSample& sample : device_samples()) {
        const auto request = decode(sample, chain_of(sample, true));
        note(note, *request, 0, request->fields.size(), "");
    }
    for (const std::string& path : announced) {
        EXPECT_EQ(seen.count(path), 1U) << path << " never came";
    }
    for (const std::string& path : seen) {
        EXPECT_EQ(announced.count(path), 1U) << path << " was not announced";
    }
}

// A filter has one type for a name, whatever device it is of.
TEST(Devices, AgreeOnTheTypeOfANameThatTheyShare) {
    const auto sort_of = [](const FieldInfo& info) {
        const bool numeric =
            info.kind == FieldKind::number || info.kind == FieldKind::hex || info.kind == FieldKind::flags;
        const bool has_parts = info.kind == FieldKind::group || info.kind == FieldKind::list;
        return numeric ? FieldKind::number : has_parts ? FieldKind::group : info.kind;
    };
    std::map<std::string, FieldKind> kinds;
    for (const RequestFieldInfo& field : request_fields()) {
        const auto [known, is_new] = kinds.emplace(field.path, sort_of(*field.info));
        EXPECT_EQ(known->second, sort_of(*field.info)) << field.path;
        if (!field.info->code.empty()) {
            const std::string code = field.path.substr(0, field.path.rfind('.') + 1) + std::string(field.info->code);
            const auto [number, added] = kinds.emplace(code, FieldKind::number);
            EXPECT_EQ(number->second, FieldKind::number) << code;
        }
    }
}

// Of what was captured only in part the beginning is decoded, and it is said where that ends.
TEST(Devices, DecodeAnyBeginningOfAChain) {
    for (const DeviceSample& sample : device_samples()) {
        for (const bool used : {false, true}) {
            const ChainView whole = chain_of(sample, used);
            const auto expected = decode(sample, whole);
            for (std::size_t size = 0; size < std::max(sample.readable.size(), sample.written.size()); ++size) {
                ChainView part = whole;
                part.readable.bytes = part.readable.bytes.first(std::min(size, part.readable.bytes.size()));
                part.written.bytes = part.written.bytes.first(std::min(size, part.written.bytes.size()));
                part.tail = {};
                const auto request = decode(sample, part);
                if (request && expected) {
                    EXPECT_LE(request->fields.size(), expected->fields.size() + 9) << label(sample) << " at " << size;
                }
            }
        }
    }
}

TEST(Devices, SurviveLengthsThatAreLies) {
    for (const DeviceSample& sample : device_samples()) {
        for (const std::uint64_t total : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{UINT64_MAX}}) {
            ChainView chain = chain_of(sample, true);
            chain.readable.total = chain.written.total = chain.writable_total = total;
            (void)decode(sample, chain);
        }
        ChainView chain = chain_of(sample, true);
        const Bytes readable(sample.readable.size(), std::byte{0xff}), written(sample.written.size(), std::byte{0xff});
        chain.readable.bytes = readable;
        (void)decode(sample, chain);
        chain.written.bytes = chain.tail = written;
        (void)decode(sample, chain);
    }
}

}  // namespace
}  // namespace vutrace::virtio
