// What became of every descriptor that was passed, and of the memory regions, over a whole trace: what the state after
// one record cannot tell, because it lies ahead of it or is gone.
#pragma once

#include <vutrace/base/side.h>
#include <vutrace/session/timeline.h>
#include <vutrace/trace/records.h>

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace vutrace::session {

enum class DescriptorUse : std::uint8_t { other, memory, kick, call, err };

// Why a descriptor is in use no more, as far as messages tell it. Nobody sees a peer close one.
enum class DescriptorEnd : std::uint8_t {
    none,            // still in use where the trace ends
    replaced,        // the next one of its kind was passed, or a memory table without it
    removed,         // REM_MEM_REG
    refused,         // the answer to its ADD_MEM_REG was a failure
    queue_stopped,   // GET_VRING_BASE was answered: back-ends give up kick and call descriptors with it
    session_closed,  // with the connection
};

struct DescriptorLife {
    std::uint32_t session{0};
    trace::Descriptor descriptor;
    Channel channel{Channel::front_end};
    Side sender{Side::front_end};
    std::uint32_t request{0};  // code on its channel; 0 where the message's beginning was never seen
    DescriptorUse use{DescriptorUse::other};
    std::optional<std::uint32_t> queue;  // of kick, call and err
    std::uint64_t passed{0};             // number of the record that carried it
    DescriptorEnd end{DescriptorEnd::none};
    std::uint64_t ended{0};  // number of the record that shows its end; 0 without one

    // After record `sequence`.
    [[nodiscard]] bool in_use(std::uint64_t sequence) const noexcept {
        return passed <= sequence && (ended == 0 || ended > sequence);
    }
};

// The memory regions from one record to the one before the next epoch's.
struct MemoryEpoch {
    std::uint32_t session{0};
    std::uint64_t number{0};  // as DeviceState::epoch
    std::uint64_t first{0};   // number of the record that made it
    std::uint64_t regions{0};
};

// Takes the records of a trace in order. Memory is bounded: beyond `most_descriptors` and `most_epochs` none are added,
// and `whole` is false. One thread.
class History {
  public:
    static constexpr std::size_t most_descriptors = 100000;
    static constexpr std::size_t most_epochs = 100000;

    void take(const trace::Record& record);

    [[nodiscard]] const std::vector<DescriptorLife>& descriptors() const noexcept { return lives_; }  // as passed
    // Null where it is not known. `id` is that of the trace's descriptor.
    [[nodiscard]] const DescriptorLife* find(std::uint32_t session, std::uint32_t id) const noexcept;
    [[nodiscard]] const std::vector<MemoryEpoch>& epochs() const noexcept { return epochs_; }  // as they came
    [[nodiscard]] bool whole() const noexcept { return whole_; }

  private:
    // Where at most one descriptor can be at a time: what a new one replaces.
    struct Place {
        std::uint32_t session{0};
        DescriptorUse use{DescriptorUse::other};
        std::uint32_t number{0};  // the queue; of other uses the request's code
        auto operator<=>(const Place&) const = default;
    };
    // What is looked at before and after a message.
    struct Before {
        std::uint64_t epoch{0};
        std::set<std::uint32_t> regions;  // ids of their descriptors
        std::set<std::uint32_t> started;  // queues
    };

    void take(const trace::Record& record, const trace::MessageRecord& message);
    [[nodiscard]] Before look(std::uint32_t session, std::uint32_t code) const;
    void add(const trace::Record& record, const trace::MessageRecord& message, std::uint32_t code);
    void end_regions(const trace::Record& record, const Before& before, std::uint32_t code);
    void end_queues(const trace::Record& record, const Before& before);
    void take_place(const Place& place, std::optional<std::size_t> life, const trace::Record& record);
    void end(std::size_t life, DescriptorEnd how, std::uint64_t sequence);

    Tracker tracker_{MemoryTracking::off};
    std::vector<DescriptorLife> lives_;
    std::vector<MemoryEpoch> epochs_;
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::size_t> by_id_;  // session, id
    std::map<Place, std::size_t> places_;
    bool whole_{true};
};

}  // namespace vutrace::session
