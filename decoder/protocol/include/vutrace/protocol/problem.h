// What is wrong with one message, by the catalogue alone.
#pragma once

#include <cstdint>
#include <string>

namespace vutrace::protocol {

enum class ProblemKind : std::uint8_t {
    version,            // header: not version 1
    reserved_flags,     // header: flags that no version has
    reply_flags,        // header: REPLY or NEED_REPLY on the wrong side
    cut_off,            // the stream ends inside the message, or its size is not what came
    unknown_request,    // no such number on this channel
    no_reply,           // an answer to what is never answered
    payload_size,       // a size that the request does not take, or that its own counts do not
    descriptors,        // too few or too many
    no_descriptor_bit,  // bit 8 says one thing, the descriptors another
    reserved_field,     // padding and reserved bits of the payload that are not 0
    lost_descriptors,   // the kernel handed over fewer than were sent
};

struct Problem {
    ProblemKind kind{ProblemKind::version};
    std::string text;  // a sentence: what was expected and what was there
    bool operator==(const Problem&) const = default;
};

}  // namespace vutrace::protocol
