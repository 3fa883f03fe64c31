#include "session_memory.h"

#include <algorithm>
#include <string>
#include <utility>

namespace vutrace::capture {

SessionMemory::SessionMemory(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                             const session::DeviceState& state)
    : options_(options),
      session_(session),
      recorder_(recorder),
      state_(state),
      snapshot_(options.memory == MemoryMode::full ? std::make_unique<MemorySnapshot>(session, recorder) : nullptr) {}

SessionMemory::~SessionMemory() {
    if (snapshot_ != nullptr) {
        snapshot_->finish(options_.snapshot_patience);
    }
}

RecordedRange SessionMemory::recorded_callback() {
    if (snapshot_ == nullptr) {
        return {};
    }
    return [this](std::uint64_t address, std::uint64_t length) { snapshot_->forget(address, length); };
}

bool SessionMemory::change(ForwardedMessage& message) {
    const bool map = options_.mode != DataPathMode::off;
    if (!map && snapshot_ == nullptr) {
        return false;
    }
    auto built = GuestMappings::next(mappings_.get(), state_.regions(), {message.descriptors, message.descriptor_ids},
                                     {map, snapshot_ != nullptr, options_.mode == DataPathMode::shadow});
    for (std::string& problem : built.problems) {
        (void)recorder_.record(
            session_, trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, std::move(problem)});
    }
    const auto previous = std::exchange(mappings_, std::move(built.mappings));
    if (snapshot_ != nullptr) {
        add_to_snapshot(previous.get());
    }
    return map;
}

void SessionMemory::pause(bool paused) {
    if (snapshot_ != nullptr) {
        snapshot_->pause(paused);
    }
}

void SessionMemory::end(bool without_memory) {
    if (snapshot_ == nullptr || mappings_ == nullptr) {
        return;
    }
    if (!without_memory) {
        return add_to_snapshot(nullptr);
    }
    std::uint64_t bytes = 0;
    for (const auto& region : mappings_->regions()) {
        bytes += region->region.size;
    }
    recorder_.lost(session_, {trace::no_queue, 0, 0, bytes,
                              "the session ended during postcopy: guest memory was not recorded again"});
}

// The regions that were not there before.
void SessionMemory::add_to_snapshot(const GuestMappings* previous) {
    if (mappings_ == nullptr) {
        return;
    }
    for (const auto& region : mappings_->regions()) {
        const bool known = previous != nullptr && std::find(previous->regions().begin(), previous->regions().end(),
                                                            region) != previous->regions().end();
        if (!known && region->file) {
            snapshot_->add(region);
        }
    }
}

}  // namespace vutrace::capture
