#include "vutrace/capture/data_path.h"

#include "data_path_part.h"
#include "notifications.h"
#include "poll_pacer.h"
#include "queue_taps.h"
#include "session_memory.h"
#include "shadow/shadow_session.h"
#include "shared_areas.h"
#include "tap_budget.h"

#include <vutrace/base/count_text.h>
#include <vutrace/protocol/features.h>
#include <vutrace/protocol/payloads.h>
#include <vutrace/protocol/requests.h>

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

namespace vutrace::capture {
namespace {

using Kind = trace::EventRecord::Kind;
using protocol::FrontEndRequest;
using Found = PollPacer::Found;
using Need = PollPacer::Need;

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

std::shared_ptr<TapAllowances> session_allowances(const DataPathOptions& options) {
    const double share = options.mode == DataPathMode::tap ? options.budget : TapAllowances::unbounded;
    return TapBudget::allowances(share, std::thread::hardware_concurrency());
}

class SessionDataPath final : public DataPath {
  public:
    SessionDataPath(const DataPathOptions& options, std::uint32_t session, Recorder& recorder, EventLoop& loop,
                    const session::DeviceState& state, DataPathPart part)
        : options_(options),
          session_(session),
          recorder_(recorder),
          state_(state),
          part_(std::move(part)),
          memory_(options, session, recorder, state),
          areas_(session, recorder),
          taps_(options, session, recorder, state, memory_.recorded_callback(), part_.count),
          shadow_(options.mode == DataPathMode::shadow
                      ? std::make_unique<ShadowSession>(
                            options_, session, recorder, state, memory_.recorded_callback(),
                            [this](Kind kind, std::uint16_t queue) { notify(kind, queue); },
                            [this](Kind kind, std::uint16_t queue) { return given(kind, queue); })
                      : nullptr),
          pacer_(
              loop, [this] { poll(); }, [this] { count(); }),
          budget_(part_.allowances != nullptr ? part_.allowances : session_allowances(options)),
          notifications_(Notifications::create(
              options.mode, loop,
              [this](Kind kind, std::uint16_t queue, std::uint64_t count) { return notified(kind, queue, count); },
              [this](std::string text) { note(std::move(text)); })) {
        if (shadow_ != nullptr) {
            taps_.leave_out([this](std::uint32_t queue) { return shadow_->queues().has(queue); });
        } else if (part_.count > 1) {
            taps_.leave_out([this](std::uint32_t queue) { return !part_.has(queue); });
        }
    }
    SessionDataPath(const SessionDataPath&) = delete;
    SessionDataPath& operator=(const SessionDataPath&) = delete;

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

    bool holds(Channel channel, Side sender, const protocol::Header& header) override {
        return shadow_ != nullptr && shadow_->holds(channel, sender, header);
    }

    Replacement replace(const HeldMessage& message) override {
        return shadow_ == nullptr ? Replacement{} : shadow_->replace(message);
    }

    void before_reply(const protocol::Header& header, ByteView payload) override {
        const auto request = static_cast<FrontEndRequest>(header.request);
        if (request == FrontEndRequest::IOTLB_MSG) {
            taps_.before_translations_change();
        }
        if (request != FrontEndRequest::GET_VRING_BASE && request != FrontEndRequest::GET_VRING_BASE_SKIP_DRAIN) {
            return;
        }
        if (const auto answer = protocol::parse_vring_state(payload)) {
            end_queue(answer->index);
        }
    }

    // What wants an answer is in force until then: see before_reply.
    void before_translation(const protocol::Header& header) override {
        if (!header.needs_reply()) {
            taps_.before_translations_change();
        }
    }

    void follow_translations(const std::function<bool()>& stale) override { taps_.follow_translations(stale); }

    void release_memory() override {
        taps_.pause(true);
        if (shadow_ != nullptr) {
            shadow_->queues().pause(true);
        }
        memory_.pause(true);
    }

    void forwarded(ForwardedMessage message, const session::Change& change) override {
        std::vector<ShadowReturn::Queue> returned;
        if (shadow_ != nullptr) {
            shadow_->forwarded(message, change);
            returned = shadow_->take_returned();
            for (const ShadowReturn::Queue& queue : returned) {
                taps_.begin_at(queue.number, queue.base);
            }
        }
        if (change.memory_incomplete) {
            state_.memory_incomplete() ? leave_memory() : use_memory_again();
        }
        if (change.memory) {
            memory_changed(message);
        }
        if (options_.memory != MemoryMode::none && part_.is_first()) {
            areas_.forwarded(message);
        }
        if (notifications_ == nullptr) {
            return;
        }
        if (const auto kind = kind_of(message.sender, message.header)) {
            take_eventfd(*kind, message);
        }
        if (change.translations) {
            taps_.translations_changed();
        }
        if (change.device_reset) {
            taps_.end_all();
        }
        if (change.queue_stopped) {
            end_queue(*change.queue_stopped);
        }
        const bool kicked = message.sender == Side::front_end &&
                            message.header.request == static_cast<std::uint32_t>(FrontEndRequest::VRING_KICK);
        if (change.queue_changed) {
            taps_.update(*change.queue_changed);
            update_shadow(*change.queue_changed, message);
        }
        looked(kicked ? taps_.scan_all() : Found::nothing);
        // Chains may wait there for a kick that we took.
        for (const ShadowReturn::Queue& queue : returned) {
            notify(Kind::kick, queue.number);
        }
    }

    void session_ended() override {
        taps_.end_all();
        if (shadow_ != nullptr) {
            shadow_->queues().end_all();
        }
        areas_.record();
        pacer_.need({});
        if (without_memory_) {
            say_what_was_not_seen();
        }
        memory_.end(without_memory_);
        notifications_.reset();
    }

  private:
    // False where it must not be passed on.
    bool notified(Kind kind, std::uint16_t queue, std::uint64_t count) {
        notifications_without_memory_ += without_memory_ ? count : 0;
        if (shadow_ != nullptr && kind != Kind::err && shadow_->queues().has(queue)) {
            return notified_shadow(kind, queue, count);
        }
        (void)recorder_.record(session_, trace::EventRecord{kind, queue, count});
        budget_.woken(count);
        looked(kind == Kind::err ? Found::nothing : taps_.scan(queue));
        return true;
    }

    // What is recorded is what driver and device would see without us: kicks that the driver sends, calls that it gets.
    bool notified_shadow(Kind kind, std::uint16_t queue, std::uint64_t count) {
        if (kind == Kind::kick) {
            (void)recorder_.record(session_, trace::EventRecord{kind, queue, count});
        }
        const bool pass_on = shadow_->queues().notified(kind, queue);
        if (kind == Kind::call && pass_on) {
            (void)recorder_.record(session_, trace::EventRecord{kind, queue, count});
        }
        looked(Found::nothing);
        return pass_on;
    }

    void notify(Kind kind, std::uint16_t queue) {
        if (notifications_ != nullptr && notifications_->notify(kind, queue) && kind == Kind::call) {
            (void)recorder_.record(session_, trace::EventRecord{kind, queue, 1});
        }
    }

    [[nodiscard]] std::optional<int> given(Kind kind, std::uint16_t queue) const {
        return notifications_ == nullptr ? std::nullopt : notifications_->given(kind, queue);
    }

    void end_queue(std::uint32_t queue) {
        taps_.end(queue);
        if (shadow_ != nullptr) {
            shadow_->queues().end(queue);
        }
    }

    void update_shadow(std::uint32_t queue, const ForwardedMessage& message) {
        if (shadow_ == nullptr || !shadow_->queues().has(queue)) {
            return;
        }
        shadow_->queues().update(queue);
        // What was written to the eventfd before this one may have been thrown away with it.
        if (kind_of(message.sender, message.header) == Kind::kick) {
            notify(Kind::kick, static_cast<std::uint16_t>(queue));
        }
    }

    void poll() {
        const bool was_muted = muted_;
        if (budget_.may_be_woken()) {
            set_muted(false);  // before the look, so that nothing passes unseen between the two
        }
        if (shadow_ != nullptr) {
            shadow_->queues().serve_those_in_need();
        }
        looked(was_muted ? taps_.scan_all() : taps_.scan_those_in_need());
    }

    // After each look.
    void looked(Found found) {
        budget_.recorded(taps_.take_copied_bytes());
        budget_.looked();
        if (!budget_.may_be_woken()) {
            set_muted(true);
        }
        ask(found);
        if (state_.has_feature(protocol::feature::LOG_ALL)) {
            areas_.look_at_log();
        }
    }

    // Where the rings are, so that what passes until the next look is counted.
    void count() {
        taps_.count_what_passes();
        budget_.counted();
        ask(Found::nothing);
    }

    // What is needed next.
    void ask(Found found) {
        Need need = taps_.need();
        if (shadow_ != nullptr && shadow_->queues().need() != Need::none) {
            need = std::max(need, shadow_->queues().need());
            found = Found::something;  // somebody waits for what is in the rings: as soon as it can be
        }
        if (part_.count > 1 && part_.is_first() && state_.has_feature(protocol::feature::LOG_ALL)) {
            need = std::max(need, Need::slow_watch);  // others may see what the dirty log is looked at for
        }
        pacer_.need({muted_ ? std::max(need, Need::poll) : need, found, budget_.rest(), taps_.count_every(),
                     budget_.counting_rest()});
    }

    void set_muted(bool muted) {
        if (notifications_ == nullptr || std::exchange(muted_, muted) == muted) {
            return;
        }
        notifications_->mute(muted);
        taps_.mute(muted);
        if (muted && !std::exchange(said_muted_, true)) {
            note(
                "notifications come faster than the budget allows to be woken: from here on some are not seen, and "
                "the rings are looked at from time to time",
                trace::NoteRecord::Severity::info);
        }
    }

    void take_eventfd(Kind kind, ForwardedMessage& message) {
        const auto payload = protocol::parse_vring_descriptor(message.payload);
        if (!payload || !part_.has(payload->queue())) {
            return;
        }
        auto* const descriptors = message.descriptors;
        if (descriptors != nullptr && descriptors->size() == 1 && descriptors->front()) {
            notifications_->install(kind, payload->queue(), std::move(descriptors->front()));
        } else {
            notifications_->retire(kind, payload->queue());
        }
    }

    void leave_memory() {
        release_memory();
        without_memory_ = true;
        notifications_without_memory_ = 0;
        if (part_.is_first()) {
            note(
                "postcopy: from here on pages of guest memory may be missing, it is not touched and chains are not "
                "recorded");
        }
    }

    // What the rings still hold of the meantime is recorded, what they do not is counted by their taps.
    void use_memory_again() {
        without_memory_ = false;
        taps_.pause(false);
        if (shadow_ != nullptr) {
            shadow_->queues().pause(false);
        }
        memory_.pause(false);
        note(
            fmt::format("postcopy is over: guest memory is recorded again; {} notifications came meanwhile, for which "
                        "no ring was looked at",
                        notifications_without_memory_));
        (void)taps_.scan_all();
    }

    void say_what_was_not_seen() {
        const std::uint64_t queues = taps_.count();
        note(
            fmt::format("the session ended during postcopy: {} not looked at since it began, {} "
                        "meanwhile",
                        count_text(queues, "queue"), count_text(notifications_without_memory_, "notification")));
    }

    void memory_changed(ForwardedMessage& message) {
        if (memory_.change(message)) {
            taps_.use(memory_.mappings());
            if (shadow_ != nullptr) {
                shadow_->queues().use(memory_.mappings());
            }
        }
    }

    void note(std::string text, trace::NoteRecord::Severity severity = trace::NoteRecord::Severity::warning) {
        (void)recorder_.record(session_, trace::NoteRecord{severity, trace::no_queue, std::move(text)});
    }

    DataPathOptions options_;
    std::uint32_t session_;
    Recorder& recorder_;
    const session::DeviceState& state_;
    const DataPathPart part_;
    bool without_memory_{false};  // postcopy: it must not be touched
    std::uint64_t notifications_without_memory_{0};
    // Members below use those above: notifications, which pass on what waits when they go, go first.
    SessionMemory memory_;
    SharedAreas areas_;
    QueueTaps taps_;
    std::unique_ptr<ShadowSession> shadow_;  // mode `shadow`
    PollPacer pacer_;
    TapBudget budget_;
    bool muted_{false};
    bool said_muted_{false};
    std::unique_ptr<Notifications> notifications_;
};

}  // namespace

std::unique_ptr<DataPath> DataPath::create(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                                           EventLoop& loop, const session::DeviceState& state) {
    return make_data_path_part(options, session, recorder, loop, state, {});
}

std::unique_ptr<DataPath> make_data_path_part(const DataPathOptions& options, std::uint32_t session, Recorder& recorder,
                                              EventLoop& loop, const session::DeviceState& state, DataPathPart part) {
    return std::make_unique<SessionDataPath>(options, session, recorder, loop, state, std::move(part));
}

}  // namespace vutrace::capture
