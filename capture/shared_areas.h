// Shared memory that belongs to neither guest nor rings: the in-flight area (GET_INFLIGHT_FD, SET_INFLIGHT_FD) and the
// dirty log (SET_LOG_BASE). Read with pread, never through a mapping: its owner may shrink the file at any time.
//
// Recorded when the descriptor arrives, when a GET_VRING_BASE is answered and when the session ends, unless it is as it
// was; the dirty log also at a pace while it is in use. On the data path's thread.
#pragma once

#include <vutrace/capture/data_path.h>
#include <vutrace/capture/recorder.h>
#include <vutrace/system/file_descriptor.h>
#include <vutrace/trace/records.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace vutrace::capture {

class SharedAreas {
  public:
    static constexpr std::uint64_t most_inflight_bytes = std::uint64_t{1} << 20U;
    static constexpr std::uint64_t most_log_bytes = std::uint64_t{4} << 20U;  // of a guest of 128 GiB

    using Clock = std::chrono::steady_clock;
    // Of looks at the dirty log, at least; longer where a look takes more than a hundredth of it.
    static constexpr std::chrono::milliseconds log_interval{50};

    // `recorder` outlives this.
    SharedAreas(std::uint32_t session, Recorder& recorder) noexcept : session_(session), recorder_(recorder) {}

    // A message that was just forwarded. Takes over the descriptor of an area.
    void forwarded(ForwardedMessage& message);
    // What is there now; for the end of a session, too.
    void record();
    // After each look at the rings while writes are logged. The front-end takes marks out of the log all the time, so
    // that those that are there in the end are the last few alone.
    void look_at_log() {
        if (log_.file && Clock::now() >= next_log_look_) {
            record_log_at_a_pace();
        }
    }

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
    void record_log_at_a_pace();
    void record_pieces(const Area& area, ByteView bytes);
    void give_up(Area& area, const std::string& why);

    std::uint32_t session_;
    Recorder& recorder_;
    Area inflight_{trace::MemoryRecord::Part::inflight, most_inflight_bytes, {}, 0, 0, {}};
    Area log_{trace::MemoryRecord::Part::log, most_log_bytes, {}, 0, 0, {}};
    Clock::time_point next_log_look_{};
};

}  // namespace vutrace::capture
