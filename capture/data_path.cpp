#include "vutrace/capture/data_path.h"

#include "guest_mappings.h"
#include "memory_snapshot.h"
#include "notifications.h"
#include "poll_pacer.h"
#include "queue_taps.h"
#include "shared_areas.h"

#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace vutrace::capture {
namespace {

using Kind = trace::EventRecord::Kind;
using protocol::FrontEndRequest;

std::optional<Kind> kind_of(Side sender, const protocol::Header& header) noexcept {
    if (sender != Side::front_end) {
        return std::nullopt;
    }
    switch (static_cast<FrontEndRequest>(header.request)) {
        case FrontEndRequest::SET_VRING_KICK:
            return Kind::kick;
        case FrontEndRequest::SET_VRING_CALL:
            return Kind::call;
        case FrontEndRequest::SET_VRING_ERR:
            return Kind::err;
        default:
            return std::nullopt;
    }
}

class SessionDataPath final : public DataPath {
  public:
    SessionDataPath(const DataPathOptions& options, std::uint32_t session, Recorder& recorder, EventLoop& loop,
                    const session::DeviceState& state)
        : options_(options),
          session_(session),
          recorder_(recorder),
          state_(state),
          snapshot_(options.memory == MemoryMode::full ? std::make_unique<MemorySnapshot>(session, recorder) : nullptr),
          areas_(session, recorder),
          taps_(options, session, recorder, state, recorded_callback()),
          pacer_(loop, [this] { poll(); }),
          notifications_(Notifications::create(
              options.mode, loop,
              [this](Kind kind, std::uint16_t queue, std::uint64_t count) { notified(kind, queue, count); },
              [this](std::string text) { note(std::move(text)); })) {}
    SessionDataPath(const SessionDataPath&) = delete;
    SessionDataPath& operator=(const SessionDataPath&) = delete;
    ~SessionDataPath() override {
        if (snapshot_ != nullptr) {
            snapshot_->finish(options_.snapshot_patience);
        }
    }

    void replace_descriptors(Side sender, const protocol::Header& header, const std::vector<FileDescriptor>& received,
                             std::vector<int>& numbers) override {
        if (notifications_ == nullptr || !kind_of(sender, header) || received.empty()) {
            return;
        }
        if (received.size() == 1 && numbers.size() == 1) {
            notifications_->replace(received.front(), numbers.front());
        } else {
            note("a message about an eventfd carries more than one descriptor: all pass as they are");
        }
    }

    void before_reply(const protocol::Header& header, ByteView payload) override {
        const auto request = static_cast<FrontEndRequest>(header.request);
        if (request != FrontEndRequest::GET_VRING_BASE && request != FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN) {
            return;
        }
        if (const auto answer = protocol::parse_vring_state(payload)) {
            taps_.end(answer->index);
        }
    }

    void forwarded(ForwardedMessage message, const session::Change& change) override {
        if (change.postcopy) {
            postcopy_changed();
        }
        if (change.memory) {
            memory_changed(message);
        }
        if (options_.memory != MemoryMode::none) {
            areas_.forwarded(message);
        }
        if (notifications_ == nullptr) {
            return;
        }
        if (const auto kind = kind_of(message.sender, message.header)) {
            take_eventfd(*kind, message);
        }
        if (change.device_reset) {
            taps_.end_all();
        }
        if (change.queue_stopped) {
            taps_.end(*change.queue_stopped);
        }
        const bool kicked = message.sender == Side::front_end &&
                            message.header.request == static_cast<std::uint32_t>(FrontEndRequest::VRING_KICK);
        if (change.queue_changed) {
            taps_.update(*change.queue_changed);
        }
        const bool found = kicked && taps_.scan_all();
        pacer_.need(taps_.need(), found);
    }

    void session_ended() override {
        taps_.end_all();
        areas_.record();
        pacer_.need(PollPacer::Need::none, false);
        if (snapshot_ != nullptr) {
            add_to_snapshot(nullptr);
        }
        notifications_.reset();
    }

  private:
    QueueTaps::Recorded recorded_callback() {
        if (snapshot_ == nullptr) {
            return {};
        }
        return [this](std::uint64_t address, std::uint64_t length) { snapshot_->forget(address, length); };
    }

    void notified(Kind kind, std::uint16_t queue, std::uint64_t count) {
        (void)recorder_.record(session_, trace::EventRecord{kind, queue, count});
        const bool found = kind != Kind::err && taps_.scan(queue);
        pacer_.need(taps_.need(), found);
    }

    void poll() {
        const bool found = taps_.scan_those_in_need();
        pacer_.need(taps_.need(), found);
    }

    void take_eventfd(Kind kind, ForwardedMessage& message) {
        const auto payload = protocol::parse_vring_descriptor(message.payload);
        if (!payload) {
            return;
        }
        auto* const descriptors = message.descriptors;
        if (descriptors != nullptr && descriptors->size() == 1 && descriptors->front()) {
            notifications_->install(kind, payload->queue(), std::move(descriptors->front()));
        } else {
            notifications_->retire(kind, payload->queue());
        }
    }

    void postcopy_changed() {
        const bool active = state_.postcopy_active();
        if (snapshot_ != nullptr) {
            snapshot_->pause(active);
        }
        note(active ? "postcopy begins: guest memory is not touched until it ends, chains are not recorded"
                    : "postcopy ended: guest memory is recorded again");
    }

    void memory_changed(ForwardedMessage& message) {
        const bool map = options_.mode != DataPathMode::off;
        if (!map && snapshot_ == nullptr) {
            return;
        }
        auto built = GuestMappings::next(mappings_.get(), state_.regions(),
                                         {message.descriptors, message.descriptor_ids}, {map, snapshot_ != nullptr});
        for (std::string& problem : built.problems) {
            note(std::move(problem));
        }
        const auto previous = std::exchange(mappings_, std::move(built.mappings));
        if (map) {
            taps_.use(mappings_);
        }
        if (snapshot_ != nullptr) {
            add_to_snapshot(previous.get());
        }
    }

    // The regions that were not there before.
    void add_to_snapshot(const GuestMappings* previous) {
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

    void note(std::string text) {
        (void)recorder_.record(
            session_, trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, std::move(text)});
    }

    DataPathOptions options_;
    std::uint32_t session_;
    Recorder& recorder_;
    const session::DeviceState& state_;
    std::shared_ptr<const GuestMappings> mappings_;
    // Members below use those above: notifications, which pass on what waits when they go, go first.
    std::unique_ptr<MemorySnapshot> snapshot_;
    SharedAreas areas_;
    QueueTaps taps_;
    PollPacer pacer_;
    std::unique_ptr<Notifications> notifications_;
};

}  // namespace

std::unique_ptr<DataPath> DataPath::create(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                                           EventLoop& loop, const session::DeviceState& state) {
    return std::make_unique<SessionDataPath>(options, session, recorder, loop, state);
}

}  // namespace vutrace::capture
