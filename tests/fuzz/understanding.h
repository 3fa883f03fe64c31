// Everything that the decoder's library makes of a session, with what it promises whatever the bytes are.
#pragma once

#include "session_bytes.h"

#include <string>

namespace vutrace::fuzz {

// Explains, checks, filters and renders every record. Empty where all promises hold: JSON is JSON and one line, text is
// safe for a terminal, findings are about records that were there, a filter and its opposite never agree.
[[nodiscard]] std::string broken_promise(const Session& session);

}  // namespace vutrace::fuzz
