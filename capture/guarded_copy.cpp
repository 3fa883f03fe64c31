#include "guarded_copy.h"

#include <ucontext.h>

#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cstring>

namespace vutrace::capture {
namespace {

// Set while this thread is inside a guarded call. Plain data, so that the handler may look at it.
thread_local constinit sigjmp_buf* active_guard = nullptr;

struct sigaction previous_bus {};
struct sigaction previous_segment {};

void pass_on(int signal, siginfo_t* info, void* context) {
    const struct sigaction& previous = signal == SIGBUS ? previous_bus : previous_segment;
    if ((previous.sa_flags & SA_SIGINFO) != 0) {
        previous.sa_sigaction(signal, info, context);
    } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
        previous.sa_handler(signal);
    } else {
        (void)::sigaction(signal, &previous, nullptr);  // the fault happens again and ends the process
        if (info->si_code <= 0) {                       // sent by somebody: it does not happen again by itself
            (void)::raise(signal);
        }
    }
}

void on_fault(int signal, siginfo_t* info, void* context) {
    if (sigjmp_buf* const guard = active_guard; guard != nullptr) {
        active_guard = nullptr;
        // The handler is left by a jump: what was blocked for it must not stay blocked. (Saving the mask with each
        // guard instead would cost a system call where nothing goes wrong.)
        (void)::pthread_sigmask(SIG_SETMASK, &static_cast<ucontext_t*>(context)->uc_sigmask, nullptr);
        siglongjmp(*guard, 1);
    }
    pass_on(signal, info, context);
}

bool install_handlers() noexcept {
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO;
    (void)::sigemptyset(&action.sa_mask);
    return ::sigaction(SIGBUS, &action, &previous_bus) == 0 && ::sigaction(SIGSEGV, &action, &previous_segment) == 0;
}

// No object with a destructor may live in `action`: a fault jumps out of it.
[[gnu::noinline]] bool run_guarded(void (*action)(void*) noexcept, void* context) noexcept {
    static const bool installed = install_handlers();
    if (!installed) {
        return false;
    }
    sigjmp_buf here;
    if (sigsetjmp(here, 0) != 0) {
        return false;
    }
    active_guard = &here;
    std::atomic_signal_fence(std::memory_order_seq_cst);
    action(context);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    active_guard = nullptr;
    return true;
}

// The owner of shared memory writes it while we read: a data race by design, answered by the proofs of
// split_ring_tap.h. ThreadSanitizer is kept from it here and nowhere else.
#ifdef VUTRACE_THREAD_SANITIZER
__attribute__((no_sanitize("thread"))) void copy_shared(const std::byte* from, std::byte* to,
                                                        std::size_t size) noexcept {
    const volatile std::byte* source = from;  // volatile: no call of memcpy, which is intercepted
    for (std::size_t i = 0; i < size; ++i) {
        to[i] = source[i];
    }
}
#else
void copy_shared(const std::byte* from, std::byte* to, std::size_t size) noexcept {
    if (size != 0) {  // an empty view has no address
        std::memcpy(to, from, size);
    }
}
#endif

__attribute__((no_sanitize("thread"))) std::uint16_t load_shared(const std::byte* from) noexcept {
    std::uint16_t value = 0;
    if (reinterpret_cast<std::uintptr_t>(from) % alignof(std::uint16_t) == 0) {
        value = __atomic_load_n(reinterpret_cast<const std::uint16_t*>(from), __ATOMIC_ACQUIRE);
    } else {  // a misaligned ring is the front-end's fault (W2), and still read
        copy_shared(from, reinterpret_cast<std::byte*>(&value), sizeof(value));
        std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    return value;
}

// Atomics are calls into ThreadSanitizer, in every function: one that a fault is jumped out of leaves it locked.
#ifdef VUTRACE_THREAD_SANITIZER
__attribute__((no_sanitize("thread"))) void store_aligned(std::uint16_t* to, std::uint16_t value) noexcept {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    *static_cast<volatile std::uint16_t*>(to) = value;
}
__attribute__((no_sanitize("thread"))) void set_bits(std::uint8_t* to, std::uint8_t bits) noexcept {
    volatile std::uint8_t* const byte = to;
    *byte = static_cast<std::uint8_t>(*byte | bits);
}
#else
void store_aligned(std::uint16_t* to, std::uint16_t value) noexcept {
    __atomic_store_n(to, value, __ATOMIC_RELEASE);
}
void set_bits(std::uint8_t* to, std::uint8_t bits) noexcept {
    (void)__atomic_fetch_or(to, bits, __ATOMIC_SEQ_CST);
}
#endif

void store_shared(std::byte* to, std::uint16_t value) noexcept {
    if (reinterpret_cast<std::uintptr_t>(to) % alignof(std::uint16_t) == 0) {
        store_aligned(reinterpret_cast<std::uint16_t*>(to), value);
    } else {
        std::atomic_signal_fence(std::memory_order_seq_cst);
        copy_shared(reinterpret_cast<const std::byte*>(&value), to, sizeof(value));
    }
}

struct Copy {
    const std::byte* from;
    MutableByteView to;
};

struct Store {
    std::byte* to;
    std::uint16_t value;
};

}  // namespace

bool guarded_copy(const std::byte* from, MutableByteView out) noexcept {
    Copy copy{from, out};
    return run_guarded(
        [](void* context) noexcept {
            const auto* const job = static_cast<Copy*>(context);
            copy_shared(job->from, job->to.data(), job->to.size());
        },
        &copy);
}

#ifndef VUTRACE_THREAD_SANITIZER  // it does not know fences, and has nothing to gain from this one
#define VUTRACE_COPIES_ARE_COMPLETE() std::atomic_thread_fence(std::memory_order_acquire)
#else
#define VUTRACE_COPIES_ARE_COMPLETE() std::atomic_signal_fence(std::memory_order_seq_cst)
#endif

bool guarded_load(std::span<SharedIndex> indices) noexcept {
    VUTRACE_COPIES_ARE_COMPLETE();
    return run_guarded(
        [](void* context) noexcept {
            for (SharedIndex& index : *static_cast<std::span<SharedIndex>*>(context)) {
                if (index.from != nullptr) {
                    index.value = load_shared(index.from);
                }
            }
        },
        &indices);
}

bool guarded_write(std::byte* to, ByteView from) noexcept {
    Copy copy{from.data(), MutableByteView(to, from.size())};
    return run_guarded(
        [](void* context) noexcept {
            const auto* const job = static_cast<Copy*>(context);
            copy_shared(job->from, job->to.data(), job->to.size());
        },
        &copy);
}

bool guarded_store(std::byte* to, std::uint16_t value) noexcept {
    Store store{to, value};
    return run_guarded(
        [](void* context) noexcept {
            const auto* const job = static_cast<Store*>(context);
            store_shared(job->to, job->value);
        },
        &store);
}

bool guarded_set_bits(std::byte* to, std::byte bits) noexcept {
    Store store{to, static_cast<std::uint16_t>(bits)};
    return run_guarded(
        [](void* context) noexcept {
            const auto* const job = static_cast<Store*>(context);
            set_bits(reinterpret_cast<std::uint8_t*>(job->to), static_cast<std::uint8_t>(job->value));
        },
        &store);
}

// A builtin, because ThreadSanitizer does not know the fences of <atomic> and g++ warns of them.
void fence_shared_memory() noexcept {
    __sync_synchronize();
}

}  // namespace vutrace::capture
