// What happened on the queues of a trace, counted: how many chains, how much, how fast, how deep, and what it took to
// notify each other.
//
// All times are those at which capture saw something. In `relay` and `shadow` that is when it happened; in `tap` it is
// when the tap looked, which may be later: latencies are then upper or lower by the pace of its looks.
#pragma once

#include <vutrace/explain/annotation.h>
#include <vutrace/statistics/histogram.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::statistics {

// Chains of one kind.
struct ChainStatistics {
    std::uint64_t available{0};
    std::uint64_t used{0};
    std::uint64_t readable_bytes{0};  // device-readable ones of the chains used; 0 of those whose offer was not seen
    std::uint64_t used_bytes{0};      // what the device says it wrote
    Histogram latency;                // nanoseconds from available to used
};

// Kicks or calls of one queue.
struct NotificationStatistics {
    std::uint64_t sent{0};
    // Sent although nothing was made available (used) between the one before and the one after. The kick with which
    // QEMU starts a ring is one of them.
    std::uint64_t superfluous{0};
    // Chains made available (used) while the ring said that no notification was wanted, by its flags or event index.
    std::uint64_t suppressed{0};
    Histogram chains;  // between two notifications; of a queue that is polled there are none
};

struct QueueStatistics {
    ChainStatistics all;
    // By the name of the device's request ("IN", "OUT"); empty where the device is not known.
    std::map<std::string, ChainStatistics, std::less<>> by_request;
    std::uint64_t lost{0};      // chains that gaps count
    bool lost_at_least{false};  // may have been more
    Histogram descriptors;      // of a chain
    Histogram depth;            // chains in flight, when one was made available, this one included
    double mean_depth{0};       // over time
    NotificationStatistics kicks;
    NotificationStatistics calls;
    // Nanoseconds from used to the call for it, of chains that were seen used before: by polling, by a look at another
    // occasion. Most are found because of the call: those are counted only.
    Histogram call_delay;
    std::uint64_t found_at_call{0};
    std::int64_t first_time{0};
    std::int64_t last_time{0};
};

struct SessionStatistics {
    std::uint32_t number{0};
    std::uint32_t device{0};  // virtio device type, 0 where not known
    std::string data_path;    // as capture said it: "relay"; empty where the session's beginning is not in the trace
    std::map<std::uint16_t, QueueStatistics> queues;
};

// Takes the annotations of a trace in order. Memory is bounded by the numbers of sessions, queues and kinds of request.
// One thread.
class Statistics {
  public:
    // Which entries of a record are counted; empty: all of them. In flight are all chains.
    using Selected = std::function<bool(std::size_t entry)>;
    void add(const explain::Annotation& annotation, const session::Tracker& tracker, const Selected& selected = {});
    // After the last record, before anything is asked.
    void finish();

    [[nodiscard]] const std::map<std::uint32_t, SessionStatistics>& sessions() const noexcept { return sessions_; }

  private:
    struct Direction {            // of notifications
        std::uint64_t chains{0};  // since the last one
        bool nothing_new{false};  // the last one came after nothing: superfluous, if nothing follows either
    };
    struct Progress {
        Direction kicks, calls;
        bool call_seen{false};              // and no look at the used ring since then
        std::vector<std::int64_t> waiting;  // times of chains used, whose call is to come
        double depth_time{0};               // chains times nanoseconds
        std::uint64_t depth{0};
        std::int64_t depth_since{0};
        bool began{false};
    };
    using Key = std::pair<std::uint32_t, std::uint16_t>;  // session, queue

    void add_chains(const explain::Annotation& annotation, const trace::ChainRecord& chain,
                    const session::SessionState& state, const Selected& selected);
    static void add_entry(QueueStatistics& queue, const explain::Annotation& annotation, std::size_t number);
    void add_event(const trace::Record& record, const trace::EventRecord& event);
    static void notify(NotificationStatistics& sum, Direction& direction, std::uint64_t count);
    static void flow(QueueStatistics& queue, Progress& progress, std::int64_t time, bool used);

    std::map<std::uint32_t, SessionStatistics> sessions_;
    std::map<Key, Progress> progress_;
};

}  // namespace vutrace::statistics
