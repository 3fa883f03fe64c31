// libFuzzer target: what two peers send on all channels of a session, through the message parser and everything above
// it that decodes. session_bytes.h says what the input is; the seeds are the scenarios.
#include "understanding.h"

#include <cstdio>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace vutrace;
    const std::string broken = fuzz::broken_promise(fuzz::parse_session(std::as_bytes(std::span(data, size))));
    if (!broken.empty()) {
        std::fprintf(stderr, "broken promise: %s\n", broken.c_str());
        std::abort();
    }
    return 0;
}
