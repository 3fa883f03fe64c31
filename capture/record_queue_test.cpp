#include "record_queue.h"

#include <vutrace/trace/encode.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace vutrace::capture {
namespace {

constexpr std::size_t capacity = RecordQueue::smallest_capacity;
constexpr std::size_t step = 64;

trace::RecordBody note(std::size_t length, char letter) {
    return trace::NoteRecord{trace::NoteRecord::Severity::info, trace::no_queue, std::string(length, letter)};
}

// Takes what waits, but for the last `kept`.
std::vector<Bytes> take(RecordQueue& queue, std::size_t waiting, std::size_t kept) {
    std::vector<Bytes> bodies;
    (void)queue.drain([&](const RecordQueue::Entry& entry) -> Status {
        if (bodies.size() + kept == waiting) {
            return fail(ErrorCode::limit, "kept");
        }
        bodies.emplace_back(entry.body.begin(), entry.body.end());
        return {};
    });
    return bodies;
}

Bytes encoded(const trace::RecordBody& body) {
    Bytes bytes(trace::encoded_size(body));
    trace::encode_body(body, bytes);
    return bytes;
}

// Every remainder at the end of the ring that a record may find, one alignment step included: what marks it as padding
// must itself fit there.
TEST(RecordQueueTest, ARecordThatDoesNotFitBeforeTheEndBeginsAtTheStart) {
    const trace::RecordBody next = note(3000, 'n');
    for (std::size_t shift = 0; shift < 3200; shift += step) {
        RecordQueue queue(capacity);
        std::vector<Bytes> expected;
        std::vector<Bytes> found;
        std::size_t waiting = 0;
        const auto push = [&](const trace::RecordBody& body) {
            ASSERT_NE(queue.push(1, body), RecordQueue::Outcome::dropped);
            expected.push_back(encoded(body));
            ++waiting;
        };
        push(note(shift, 's'));
        for (int i = 0; i < 40; ++i) {
            push(next);
            // One stays, or the ring would begin at its start again.
            for (Bytes& body : take(queue, waiting, 1)) {
                found.push_back(std::move(body));
                --waiting;
            }
        }
        for (Bytes& body : take(queue, waiting, 0)) {
            found.push_back(std::move(body));
        }
        EXPECT_EQ(found, expected) << shift;
        EXPECT_EQ(queue.losses().records, 0U);
    }
}

}  // namespace
}  // namespace vutrace::capture
