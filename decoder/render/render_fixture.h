// Records built from typed values, for the tests of this room.
#pragma once

#include <vutrace/explain/annotation.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vutrace::render::test {

inline constexpr std::int64_t start_time = 1'700'000'000'000'000'000;

// Numbers records as the reader does, a microsecond apart.
class TraceBuilder {
  public:
    std::vector<trace::Record> records;

    trace::Record& add(trace::RecordBody body, std::uint32_t session = 1);
    trace::Record& message(Side sender, std::uint32_t code, std::uint32_t flags, const Bytes& payload,
                           std::vector<DescriptorKind> kinds = {});
    trace::Record& request(protocol::FrontEndRequest request, const Bytes& payload = {},
                           std::vector<DescriptorKind> kinds = {});
    trace::Record& reply(protocol::FrontEndRequest request, const Bytes& payload);
    trace::Record& chain(trace::ChainEntry entry, std::uint16_t queue = 0);

    // Everything a front-end says until queue 0 of a block device runs: 16 descriptors, descriptor table at 0x1000,
    // available ring at 0x2000, used ring at 0x3000, one region of 1 MiB at 0.
    void start_block_device();

  private:
    std::uint64_t next_sequence_{1};
    std::uint32_t next_descriptor_{1};
};

inline constexpr std::uint64_t user_base = 0x7f0000000000;

// A write of `data_length` bytes at `sector`: header, data, status.
[[nodiscard]] trace::ChainEntry block_write(std::uint16_t head, std::uint64_t sector, std::uint32_t data_length);
[[nodiscard]] trace::ChainEntry block_write_done(std::uint16_t head, std::uint8_t status);

// One line each of what `append_json` or a renderer gives for the records.
[[nodiscard]] std::vector<std::string> json_lines(const std::vector<trace::Record>& records, bool raw = false);
[[nodiscard]] std::string last_json(const std::vector<trace::Record>& records, bool raw = false);

}  // namespace vutrace::render::test
