#include "vutrace/gui/models/state_reader.h"

#include <vutrace/index/cursor.h>
#include <vutrace/session/timeline.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <functional>
#include <utility>

namespace vutrace::gui {
namespace {

// A long trace needs few: a state in between is re-read in some tens of milliseconds.
constexpr session::CheckpointPolicy checkpoints{16384, 16U << 20U, 1024, 32U << 20U};

QueueEvent::Kind kind_of(const trace::EventRecord& event) noexcept {
    constexpr std::array kinds{QueueEvent::Kind::kick, QueueEvent::Kind::call, QueueEvent::Kind::err};
    return kinds[static_cast<std::size_t>(event.kind) % kinds.size()];
}

QueueEvent event_of(const explain::Annotation& annotation, std::size_t number) {
    QueueEvent event;
    if (const auto* notification = std::get_if<trace::EventRecord>(&annotation.record->body)) {
        event.kind = kind_of(*notification);
        event.queue = notification->queue;
    }
    const auto* chains = std::get_if<trace::ChainRecord>(&annotation.record->body);
    if (chains == nullptr) {
        return event;
    }
    const trace::ChainEntry& entry = chains->entries[number];
    const bool used = entry.state == trace::ChainEntry::State::used;
    event.kind = used ? QueueEvent::Kind::used : QueueEvent::Kind::available;
    event.queue = chains->queue;
    event.head = entry.head;
    event.offered = used ? annotation.entries[number].context.available_sequence : 0;
    event.problem = QString::fromStdString(render::chain_problem_text(entry.problem));
    event.request = render::request_details(annotation, number);
    event.network = std::any_of(event.request.begin(), event.request.end(),
                                [](const render::Detail& line) { return line.name == "frame"; });
    event.readable = render::readable_bytes_of(annotation, number, StateReader::most_payload_bytes);
    if (used) {
        event.written = render::raw_bytes_of(annotation, number, StateReader::most_payload_bytes);
    }
    return event;
}

// How many rows away a call may be from the used entry that it announces.
constexpr std::uint64_t nearby_rows = 256;

// Rows of one queue of one session that are calls, or used chains: the one nearest to a time.
class Nearest {
  public:
    Nearest(std::uint32_t session, const QueueEvent& event, std::int64_t time)
        : session_(session), queue_(event.queue), used_(event.kind == QueueEvent::Kind::call), time_(time) {}

    void look_at(const explain::Annotation& annotation, std::size_t number) {
        if (annotation.record->session != session_ || annotation.queue != queue_ || !is_wanted(annotation, number)) {
            return;
        }
        const std::int64_t away = std::abs(explain::elapsed(time_, trace::time_of(*annotation.record, number)));
        if (row_ == 0 || away < away_) {
            row_ = annotation.record->sequence + number;
            away_ = away;
        }
    }
    [[nodiscard]] std::uint64_t row() const noexcept { return row_; }

  private:
    [[nodiscard]] bool is_wanted(const explain::Annotation& annotation, std::size_t number) const {
        if (const auto* chains = std::get_if<trace::ChainRecord>(&annotation.record->body)) {
            return used_ && chains->entries[number].state == trace::ChainEntry::State::used;
        }
        const auto* event = std::get_if<trace::EventRecord>(&annotation.record->body);
        return !used_ && event != nullptr && event->kind == trace::EventRecord::Kind::call;
    }

    std::uint32_t session_;
    std::uint32_t queue_;
    bool used_;  // they are wanted, otherwise calls
    std::int64_t time_;
    std::int64_t away_{0};
    std::uint64_t row_{0};
};

}  // namespace

// All of it belongs to the thread that reads.
class StateReader::Worker {
  public:
    using Told = std::function<void(std::shared_ptr<const StateAt>)>;
    using Progress = std::function<void(int)>;

    explicit Worker(std::shared_ptr<const index::TraceIndex> index) : index_(std::move(index)), cursor_(index_) {}

    // Error: limit (stopped), and those of reading.
    Status read(std::uint64_t sequence, const std::stop_token& stop, const Told& told, const Progress& progress) {
        StateAt state;
        std::int64_t time = 0;
        std::uint32_t device = 0;
        std::uint32_t session = 0;
        Status visited = cursor_.visit(sequence, sequence, [&](const auto& annotation, std::size_t entry) {
            time = trace::time_of(*annotation.record, entry);
            device = annotation.device;
            session = annotation.record->session;
            state.event = event_of(annotation, entry);
            return true;
        });
        if (visited && (state.event.kind == QueueEvent::Kind::used || state.event.kind == QueueEvent::Kind::call)) {
            Nearest nearest(session, state.event, time);
            visited = cursor_.visit(sequence - std::min(sequence, nearby_rows), sequence + nearby_rows,
                                    [&](const auto& annotation, std::size_t entry) {
                                        nearest.look_at(annotation, entry);
                                        return true;
                                    });
            state.event.nearby = nearest.row();
        }
        if (!visited) {
            return visited;
        }
        if (!timeline_) {
            auto opened = session::Timeline::open(index_->readable_path(), checkpoints, session::MemoryTracking::rings);
            if (!opened) {
                return tl::unexpected(opened.error());
            }
            timeline_ = std::move(*opened);
        }
        const auto tell = [&](const session::Tracker& tracker, bool whole) {
            StateAt result = state;
            result.whole = whole;
            result.view = view(tracker, session, device, sequence, time);
            told(std::make_shared<const StateAt>(std::move(result)));
        };
        if (sequence > timeline_->records_known() + far) {
            const auto tracker = cursor_.state_after(sequence);
            if (!tracker) {
                return tl::unexpected(tracker.error());
            }
            tell(*tracker, false);
        }
        const auto tracker = timeline_->state_after(
            sequence,
            [&](std::uint64_t bytes, std::uint64_t total) {
                progress(total == 0 ? 0 : static_cast<int>(bytes * 100 / total));
            },
            stop);
        if (!tracker) {
            return tl::unexpected(tracker.error());
        }
        tell(*tracker, true);
        return {};
    }

  private:
    // Of records that belong to the whole trace, and to sessions of which nothing else is known, that of the newest.
    static render::StateView view(const session::Tracker& tracker, std::uint32_t session, std::uint32_t device,
                                  std::uint64_t sequence, std::int64_t time) {
        const session::SessionState* state = tracker.session(session);
        if (state == nullptr && !tracker.sessions().empty()) {
            state = &tracker.sessions().rbegin()->second;
        }
        if (state == nullptr) {
            render::StateView nothing;
            nothing.sequence = sequence;
            nothing.time = time;
            return nothing;
        }
        return render::view_state(*state, device, sequence, time);
    }

    std::shared_ptr<const index::TraceIndex> index_;
    index::Cursor cursor_;
    std::optional<session::Timeline> timeline_;
};

StateReader::StateReader(TraceDocument& document, QObject* parent)
    : QObject(parent), document_(document), worker_(std::make_shared<Worker>(document.index())) {}

StateReader::~StateReader() {
    job_.forget();
}

void StateReader::read(std::uint64_t sequence) {
    if (sequence == 0 || sequence > document_.progress().rows) {
        return;
    }
    wanted_ = sequence;
    job_.post([this, sequence, generation = ++generation_, worker = worker_](const std::stop_token& stop) {
        const auto post = [this](auto act) { QMetaObject::invokeMethod(this, std::move(act), Qt::QueuedConnection); };
        int last = -1;
        const Status done = worker->read(
            sequence, stop,
            [&](std::shared_ptr<const StateAt> state) {
                post([this, generation, state = std::move(state)] { take(generation, state); });
            },
            [&](int percent) {
                if (percent != last) {
                    last = percent;
                    post([this, generation, percent] {
                        if (generation == generation_) {
                            Q_EMIT progressed(percent);
                        }
                    });
                }
            });
        if (!done && !stop.stop_requested()) {
            post([this, generation, problem = TraceDocument::reading_problem(done.error())] {
                fail(generation, problem);
            });
        }
    });
}

void StateReader::take(std::uint64_t generation, const std::shared_ptr<const StateAt>& state) {
    if (generation != generation_) {
        return;  // another record is chosen by now
    }
    wanted_ = state->whole ? 0 : wanted_;
    Q_EMIT state_read(state);
}

void StateReader::fail(std::uint64_t generation, const QString& problem) {
    if (generation == generation_) {
        wanted_ = 0;
        Q_EMIT read_failed(problem);
    }
}

}  // namespace vutrace::gui
