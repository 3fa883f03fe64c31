// Reads a trace file front to back, or on from a position met before. Never modifies the file.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vutrace::trace {

// A place in a file at which a record begins, with the count that its number needs.
struct Position {
    std::uint64_t offset{0};         // byte offset of the pcap record
    std::uint64_t next_sequence{1};  // number that the next record gets
    std::int64_t time{0};            // of the record before it: no record from here on is given an earlier one
    bool operator==(const Position&) const = default;
};

// Why a file ended, and what was passed over on the way. All empty for a whole, known trace.
struct ReadProblems {
    // The file ends inside a record, or is damaged so that no further record can be found (bad_input): what came
    // before it was given.
    std::optional<Error> torn;
    std::uint64_t unknown_records{0};  // of a type or version this reader does not know
    std::uint64_t foreign_packets{0};  // packets that are not vutrace records (mergecap of other traffic)
    std::vector<Error> bad_records;    // not decodable, with offsets; the first 100
    std::uint64_t bad_record_count{0};
};

class Reader {
  public:
    // Opens a trace; a file that ends in ".zst" or begins with zstd's magic is decompressed on the fly (no seeking
    // then). A file that ends inside its first 24 bytes is a torn trace without records. Errors: system (cannot open),
    // bad_input (no pcap file, other link type).
    [[nodiscard]] static Result<Reader> open(const std::string& path);
    Reader(Reader&&) noexcept;
    Reader& operator=(Reader&&) noexcept;
    ~Reader();

    // The next record; empty at the end, where `problems()` says whether it was torn. A record that cannot be decoded
    // is counted in `problems()` and passed over. Error: system (read error).
    [[nodiscard]] Result<std::optional<Record>> next();

    // During `next`: told of each record that is passed over, with the number that it has. Errors: unsupported (a type
    // or version that this reader does not know), bad_input; the offset is that of its first packet in the file.
    using PassedOver = std::function<void(std::uint64_t sequence, const Error& error)>;
    void watch_passed_over(PassedOver told);

    // Where the next record begins, and going there. The offset counts decompressed bytes. Only positions that this
    // reader gave are records' beginnings; what is met again is counted again in `problems()`, and a torn end is
    // forgotten. Error: usage (offset outside the file, compressed file, pipe), system.
    [[nodiscard]] Position position() const noexcept;
    [[nodiscard]] Status seek(const Position& position);

    [[nodiscard]] const ReadProblems& problems() const noexcept;
    // Bytes now, compressed ones of a compressed file; 0 for a pipe.
    [[nodiscard]] std::uint64_t file_size() const noexcept;

  private:
    struct State;
    explicit Reader(std::unique_ptr<State> state) noexcept;
    std::unique_ptr<State> state_;
};

}  // namespace vutrace::trace
