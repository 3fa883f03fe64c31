// Writes down what an emulated driver does as a trace of its own.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/replay/observer.h>
#include <vutrace/trace/writer.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace vutrace::replay {

// One thread. A write error stops the recording, never the session: `error` keeps the first.
class TraceRecorder final : public Observer {
  public:
    using Attributes = std::vector<std::pair<std::string, std::string>>;

    [[nodiscard]] static Result<TraceRecorder> create(const std::string& path);  // error: system

    void open_session(const Attributes& attributes);  // the next session number, from 1
    void close_session(const Attributes& attributes);
    void message(Channel channel, Side sender, std::uint64_t offset, ByteView bytes,
                 std::span<const int> numbers) override;
    void chain(std::uint16_t queue, const trace::RingFields& fields, const trace::ChainEntry& entry) override;

    // Everything into the file. Error: system, the first of all.
    [[nodiscard]] Status finish();

  private:
    explicit TraceRecorder(trace::Writer writer) : writer_(std::move(writer)) {}
    void append(const trace::RecordBody& body);

    trace::Writer writer_;
    Status outcome_;
    std::uint32_t session_{0};
    std::uint32_t next_descriptor_{1};
};

}  // namespace vutrace::replay
