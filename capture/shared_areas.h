// Shared memory that belongs to neither guest nor rings: the in-flight area (GET_INFLIGHT_FD, SET_INFLIGHT_FD) and the
// dirty log (SET_LOG_BASE). Read with pread, never through a mapping: its owner may shrink the file at any time.
//
// Recorded when the descriptor arrives, when a GET_VRING_BASE is answered and when the session ends, unless it is as it
// was. On the data path's thread.
#pragma once

#include <vutrace/capture/data_path.h>
#include <vutrace/capture/recorder.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <optional>
#include <string>

namespace vutrace::capture {

class SharedAreas {
  public:
    static constexpr std::uint64_t most_inflight_bytes = std::uint64_t{1} << 20U;
    static constexpr std::uint64_t most_log_bytes = std::uint64_t{4} << 20U;  // of a guest of 128 GiB

    // `recorder` outlives this.
    SharedAreas(std::uint32_t session, Recorder& recorder) noexcept : session_(session), recorder_(recorder) {}

    // A message that was just forwarded. Takes over the descriptor of an area.
    void forwarded(ForwardedMessage& message);
    // What is there now; for the end of a session, too.
    void record();

  private:
    struct Area {
        trace::MemoryRecord::Part part;
        std::uint64_t most_bytes;
        FileDescriptor file;
        std::uint64_t offset{0};                // mmap_offset
        std::uint64_t size{0};                  // mmap_size
        std::optional<std::uint64_t> recorded;  // hash of what was recorded last
    };

    void take(Area& area, ForwardedMessage& message, std::uint64_t offset, std::uint64_t size);
    void record(Area& area);
    void record_pieces(const Area& area, ByteView bytes);
    void give_up(Area& area, const std::string& why);

    std::uint32_t session_;
    Recorder& recorder_;
    Area inflight_{trace::MemoryRecord::Part::inflight, most_inflight_bytes, {}, 0, 0, {}};
    Area log_{trace::MemoryRecord::Part::log, most_log_bytes, {}, 0, 0, {}};
};

}  // namespace vutrace::capture
