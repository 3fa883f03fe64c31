// Which answers of one kind are to requests of our own, in mode `shadow`: the front-end must not get them. A back-end
// answers in the order that it was asked in, so the order tells. One thread, the session's.
#pragma once

#include <cstddef>
#include <utility>

namespace vutrace::capture {

class OwnAnswers {
  public:
    // In the order in which the requests go out.
    void front_end_asked() noexcept { ++(own_ == 0 ? before_ : behind_); }
    // None of the front-end's may go out between two of ours.
    void we_asked() noexcept { ++own_; }
    // The next answer. True where it is ours. One that nobody asked for is the front-end's to judge.
    [[nodiscard]] bool answered() noexcept {
        if (before_ != 0 || own_ == 0) {
            before_ -= before_ != 0 ? 1 : 0;
            return false;
        }
        if (--own_ == 0) {
            before_ = std::exchange(behind_, 0);
        }
        return true;
    }

  private:
    std::size_t before_{0};  // answers to the front-end that come before ours
    std::size_t own_{0};
    std::size_t behind_{0};
};

}  // namespace vutrace::capture
