// The state of a session after the record that is chosen, read in the background.
#pragma once

#include <vutrace/gui/models/latest_job.h>
#include <vutrace/gui/models/trace_document.h>
#include <vutrace/render/details.h>
#include <vutrace/render/state_view.h>

#include <QObject>
#include <QString>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace vutrace::gui {

// What the chosen record is on its queue.
struct QueueEvent {
    enum class Kind { none, available, used, kick, call, err };
    Kind kind{Kind::none};
    std::uint32_t queue{0};
    std::uint16_t head{0};     // of chains
    std::uint64_t offered{0};  // of used chains: the record that made it available; 0 where it is not known
    // Of used chains the call that is nearest in time, of calls the nearest used chain: a call is recorded before what
    // it announces, or behind it, as the mode of capture has it. 0 where none is near.
    std::uint64_t nearby{0};
    QString problem;                      // of chains: why the walk stopped; empty where all is well
    std::vector<render::Detail> request;  // of chains, decoded
    bool network{false};                  // its payload is an Ethernet frame
    render::RawBytes readable, written;   // of chains: what the device reads, what it wrote
};

struct StateAt {
    render::StateView view;
    // All that the trace tells of the rings' memory is in it. Otherwise it is what the chains tell, and the rest is
    // being read.
    bool whole{true};
    QueueEvent event;
};

// Lives on the window's thread; its signals come there. While one state is being read another may be asked for: only
// the newest is told.
class StateReader final : public QObject {
    Q_OBJECT

  public:
    static constexpr std::size_t most_payload_bytes = std::size_t{1} << 20U;
    // So many records further on than was read before, what the chains tell is told first.
    static constexpr std::uint64_t far = 30000;

    // The document must outlive the reader.
    explicit StateReader(TraceDocument& document, QObject* parent = nullptr);
    ~StateReader() override;

    void read(std::uint64_t sequence);
    [[nodiscard]] bool is_reading() const noexcept { return wanted_ != 0; }

  Q_SIGNALS:
    void state_read(const std::shared_ptr<const vutrace::gui::StateAt>& state);
    void progressed(int percent);  // of what must be read first, where that takes long
    void read_failed(const QString& problem);

  private:
    class Worker;

    void take(std::uint64_t generation, const std::shared_ptr<const StateAt>& state);
    void fail(std::uint64_t generation, const QString& problem);

    TraceDocument& document_;
    std::uint64_t generation_{0};
    std::uint64_t wanted_{0};
    std::shared_ptr<Worker> worker_;  // of the thread
    LatestJob job_;                   // last: it posts to the object
};

}  // namespace vutrace::gui
