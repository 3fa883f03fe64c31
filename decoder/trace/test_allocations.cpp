// Replaces operator new in the test program, so that tests can say what an input may cost.
#include "test_support.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> largest{0};
}

void* operator new(std::size_t size) {
    std::size_t before = largest.load();
    while (before < size && !largest.compare_exchange_weak(before, size)) {
    }
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

namespace vutrace::trace::test {

void forget_allocations() noexcept {
    largest = 0;
}
std::size_t largest_allocation() noexcept {
    return largest;
}

}  // namespace vutrace::trace::test
