// Whole guest memory in the trace (memory mode `full`): a thread of its own reads the regions' files with pread, never
// through a mapping, so that holes stay holes, and waits for room in the recorder rather than lose a page.
//
// The guest runs meanwhile, so what is recorded is `late`. Holes and zero pages become zero runs; a page that is in the
// trace already, unchanged, is not written again.
#pragma once

#include "guest_mappings.h"
#include "page_hashes.h"

#include <vutrace/capture/recorder.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace vutrace::capture {

class MemorySnapshot {
  public:
    MemorySnapshot(std::uint32_t session, Recorder& recorder);
    MemorySnapshot(const MemorySnapshot&) = delete;
    MemorySnapshot& operator=(const MemorySnapshot&) = delete;
    ~MemorySnapshot();  // `finish` without patience

    // Session's thread. What is the memory of a region that waits already is recorded with it.
    void add(std::shared_ptr<const MappedRegion> region);
    // Postcopy: memory is not touched until it is over.
    void pause(bool paused);
    // A chain's bytes went into the trace.
    void forget(std::uint64_t address, std::uint64_t length) { hashes_.forget(address, length); }
    // Ends when all that was added is recorded, or `patience` is over: the rest is told as a gap. Once.
    void finish(std::chrono::milliseconds patience);

  private:
    struct Reader;

    void run();
    void record_region(const MappedRegion& region);
    bool record_data(const MappedRegion& region, const Reader& reader, std::uint64_t from, std::uint64_t to);
    void add_page(std::uint64_t address, ByteView page);
    void add_zeros(std::uint64_t address, std::uint64_t length);
    void begin_at(std::uint64_t address);
    void flush();
    // False when it is time to give up. Waits while paused.
    bool may_go_on();

    const std::uint32_t session_;
    Recorder& recorder_;
    PageHashes hashes_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<const MappedRegion>> waiting_;
    bool paused_{false};
    bool finishing_{false};
    std::atomic<bool> giving_up_{false};
    bool idle_{true};

    // The snapshot's thread.
    trace::MemoryRecord record_;
    std::uint64_t skipped_bytes_{0};
    Bytes buffer_;
    std::thread thread_;
};

}  // namespace vutrace::capture
