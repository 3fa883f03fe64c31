// Sessions up to a point of the negotiation, for the tests of its rules.
#pragma once

#include "check_fixture.h"

#include <vutrace/protocol/features.h>

namespace vutrace::check::test {

inline constexpr std::uint64_t protocol_features_bit = bit(protocol::feature::PROTOCOL_FEATURES);
inline constexpr std::uint64_t version_1_bit = bit(protocol::feature::VERSION_1);

// A session whose beginning is in the trace. Record 1.
[[nodiscard]] inline SessionBuilder opened() {
    SessionBuilder session;
    session.add(trace::SessionRecord{trace::SessionRecord::Kind::opened, {{"datapath", "tap"}}});
    return session;
}
// Records 1 to 3.
[[nodiscard]] inline SessionBuilder offered(std::uint64_t features) {
    SessionBuilder session = opened();
    session.request(FrontEndRequest::GET_FEATURES);
    session.reply(FrontEndRequest::GET_FEATURES, protocol::serialise_u64(features));
    return session;
}
// Records 1 to 6, the last takes what is offered.
[[nodiscard]] inline SessionBuilder agreed(std::uint64_t protocol_features) {
    SessionBuilder session = offered(protocol_features_bit | version_1_bit);
    session.request(FrontEndRequest::GET_PROTOCOL_FEATURES);
    session.reply(FrontEndRequest::GET_PROTOCOL_FEATURES, protocol::serialise_u64(protocol_features));
    session.set(FrontEndRequest::SET_PROTOCOL_FEATURES, protocol_features);
    return session;
}

}  // namespace vutrace::check::test
