// Watches what the test program allocates, so that tests can say what an input may cost.
#include "test_support.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> largest{0};

void count(std::size_t size) noexcept {
    std::size_t before = largest.load();
    while (before < size && !largest.compare_exchange_weak(before, size)) {
    }
}
}  // namespace

#ifdef VUTRACE_SANITIZER_ALLOCATES

// operator new is the sanitizer's own there; it calls a function of this name for every allocation.
extern "C" void __sanitizer_malloc_hook(const volatile void* /*memory*/, std::size_t size) {
    count(size);
}

#else

void* operator new(std::size_t size) {
    count(size);
    void* memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) {
        throw std::bad_alloc();
    }
    return memory;
}

void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
    std::free(memory);
}

#endif

namespace vutrace::trace::test {

void forget_allocations() noexcept {
    largest = 0;
}
std::size_t largest_allocation() noexcept {
    return largest;
}

}  // namespace vutrace::trace::test
