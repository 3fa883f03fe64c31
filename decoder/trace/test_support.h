// What the tests of this room share: one record of every kind with edge values, and files.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/trace/reader.h>
#include <vutrace/trace/records.h>
#include <vutrace/trace/writer.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vutrace::trace::test {

inline constexpr std::int64_t start_time = 1'700'000'000'123'456'789;

// A folder that goes with the object.
class TemporaryFolder {
  public:
    TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder();
    [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

  private:
    std::string path_;
};

// The largest piece of memory that `new` gave since `forget_allocations`, in bytes.
void forget_allocations() noexcept;
[[nodiscard]] std::size_t largest_allocation() noexcept;

[[nodiscard]] Bytes read_file(const std::string& path);
void write_file(const std::string& path, ByteView bytes);

// Bytes that differ from their neighbours.
[[nodiscard]] Bytes pattern(std::size_t size, std::uint8_t first = 1);

// Bodies of every type: empty ones, usual ones, largest values.
[[nodiscard]] std::vector<RecordBody> sample_bodies();

[[nodiscard]] Bytes encode(const RecordBody& body);

// Writes the bodies 1000 ns apart from `start_time`, all of session 1; fails the test where that does not work.
void write_trace(const std::string& path, const std::vector<RecordBody>& bodies);

struct Contents {
    std::vector<Record> records;
    std::vector<Position> positions;  // before each record
    Position end;
    ReadProblems problems;
};
// All of a file; fails the test where it cannot be opened or read.
[[nodiscard]] Contents read_trace(const std::string& path);

// A packet as the file has it, for files that no writer would write.
struct RawRecord {
    std::uint8_t version{1};
    std::uint8_t type{7};
    std::uint32_t session{1};
    std::uint32_t body_length{0};
    std::uint32_t fragment_offset{0};
    Bytes piece;
    std::uint32_t seconds{1'700'000'000};
    std::uint32_t cut_from{0};  // original length of the packet, where larger
};
[[nodiscard]] Bytes raw_file_header();
void append_raw(Bytes& file, const RawRecord& record);
void append_packet(Bytes& file, ByteView packet, std::uint32_t seconds = 1'700'000'000, std::uint32_t cut_from = 0);

}  // namespace vutrace::trace::test
