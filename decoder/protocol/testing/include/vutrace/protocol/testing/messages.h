// Messages for tests, made from the catalogue: a valid one of every request and reply, the obvious ways to get each
// wrong, and random ones. For test programs only: link `vutrace::protocol-testing`.
#pragma once

#include <vutrace/base/bytes.h>
#include <vutrace/base/side.h>
#include <vutrace/protocol/header.h>
#include <vutrace/protocol/requests.h>

#include <cstdint>
#include <string>
#include <vector>

namespace vutrace::protocol::sample {

struct Message {
    Channel channel{Channel::front_end};
    Side sender{Side::front_end};
    Header header;
    Bytes payload;               // what is sent; `header.size` may say something else
    std::size_t descriptors{0};  // how many to attach: which ones is the test's choice
};

// Header and payload as they go over the socket.
[[nodiscard]] Bytes wire_bytes(const Message& message);

// A payload of this kind that is right in itself: every value is other than zero where that is allowed, lists have one
// element or more.
[[nodiscard]] Bytes valid_payload(PayloadKind kind);

[[nodiscard]] Message valid_request(const RequestInfo& info);
[[nodiscard]] Message valid_reply(const RequestInfo& info);  // not for requests that are never answered

enum class Fault : std::uint8_t {
    none,
    short_by_one,
    long_by_one,
    empty,
    too_few_descriptors,
    too_many_descriptors,
    wrong_version,
    reserved_flags,
    wrong_reply_flag,  // set in a request, missing in a reply
    size_too_small,    // the header announces one byte less than comes
    size_too_large,    // the header announces 4 GiB
};
[[nodiscard]] const char* name_of(Fault fault) noexcept;

struct AdverseCase {
    std::string name;  // "SET_VRING_NUM request: short by one"
    Fault fault{Fault::none};
    Message message;
    bool problem_due{false};  // whether decoding or checking has to report one
};

// All that apply to the request and to its reply; a fault that makes no difference is left out (nothing is shorter than
// an empty payload).
[[nodiscard]] std::vector<AdverseCase> adverse_cases(const RequestInfo& info);

struct RandomLimits {
    std::size_t payload{4096};    // most bytes of payload
    std::size_t descriptors{32};  // most descriptors of one message; the kernel's limit is 253
    bool honest_size{true};       // header.size is what comes, so that a stream of them can be taken apart again
};

// The same seed gives the same messages on every machine.
class RandomMessages {
  public:
    explicit RandomMessages(std::uint64_t seed, RandomLimits limits = {}) : state_(seed), limits_(limits) {}

    // Half of them have a known request's number and size, so that they get past the first check.
    [[nodiscard]] Message next(Channel channel, Side sender);

  private:
    std::uint64_t random() noexcept;
    std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : random() % bound; }
    bool one_in(std::uint64_t times) noexcept { return below(times) == 0; }
    std::uint32_t random_flags();
    Bytes random_bytes(std::size_t size);

    std::uint64_t state_;
    RandomLimits limits_;
};

}  // namespace vutrace::protocol::sample
