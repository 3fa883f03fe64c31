// Forwarded messages, and what came through the descriptors that they gave, as records of the trace. One for all
// channels of a session: descriptors are numbered across them.
#pragma once

#include "direction.h"

#include <vutrace/capture/recorder.h>

namespace vutrace::capture {

class MessageRecorder {
  public:
    // `recorder` outlives it.
    MessageRecorder(std::uint32_t session, Recorder& recorder)
        : session_(session), recorder_(recorder), record_(trace::MessageRecord{}) {}

    // Gives the piece's descriptors their numbers. The session's thread.
    void record(Channel channel, const ForwardedPiece& piece) noexcept;
    void record(trace::MemoryRecord memory) noexcept;
    void lost(const trace::GapRecord& gap) noexcept;
    void note(trace::NoteRecord::Severity severity, std::string text) noexcept;

  private:
    const std::uint32_t session_;
    Recorder& recorder_;
    std::uint32_t next_descriptor_id_{1};
    trace::RecordBody record_;  // reused, so that a message allocates nothing
};

}  // namespace vutrace::capture
