// For programs that cannot go on without something: they say what is wrong and end.
#pragma once

#include <vutrace/base/error.h>

#include <errno.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace vutrace {

[[noreturn]] inline void die(const Error& error) {
    fmt::print(stderr, "{}: {}\n", program_invocation_short_name, describe(error));
    std::exit(EXIT_FAILURE);
}

template <class T>
T need(Result<T> result) {
    if (!result) {
        die(result.error());
    }
    return std::move(*result);
}

inline void need(const Status& status) {
    if (!status) {
        die(status.error());
    }
}

}  // namespace vutrace
