#include "background_priority.h"

#include <pthread.h>
#include <sched.h>

namespace vutrace::capture {

void run_in_background() noexcept {
    const sched_param priority{};
    (void)::pthread_setschedparam(::pthread_self(), SCHED_IDLE, &priority);
}

}  // namespace vutrace::capture
