// Fixture: one queue with a shadow ring: the driver's end in guest memory, the device's in the shadow memory, and what
// is recorded between them.
#pragma once

#include "../shadow/dirty_log_writer.h"
#include "../shadow/shadow_queue.h"
#include "../shadow/split_shadow_rings.h"
#include "fake_recorder.h"
#include "ring_pair.h"
#include "shadow_device.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace vutrace::capture::testing {

class ShadowedRingTest : public ::testing::Test {
  protected:
    void open(std::uint32_t size, SplitShadowRings::Beginning beginning = {}) {
        driver = std::make_unique<RingPair>(size);
        driver->set_indices(beginning.used);
        begin(beginning);
    }
    // On a driver's ring that is there already.
    void begin(const SplitShadowRings::Beginning& beginning) {
        std::vector<FileDescriptor> files;
        files.push_back(driver->file());
        const std::vector<std::uint32_t> ids{1};
        mappings = GuestMappings::next(nullptr, {driver->region(1)}, {&files, &ids},
                                       {.map = true, .keep_files = false, .writable = true})
                       .mappings;
        rings = std::make_unique<SplitShadowRings>(memory.parts(0), log,
                                                   SplitShadowRings::Features{event_index, options.in_order});
        ASSERT_TRUE(rings->place(driver->layout(), mappings));
        rings->begin(beginning);
        device = std::make_unique<ShadowDevice>(memory.file(), 0, driver->layout().size);
        device->next_take = beginning.next;
        options.session = 1;
        queue = std::make_unique<ShadowQueue>(options, recorder, *rings);
    }
    // A chain of one readable and one writable buffer in the driver's next head.
    void offer(std::uint16_t head, std::string_view text, std::uint32_t writable = 16) {
        const std::uint64_t at = RingPair::buffers + head * std::uint64_t{256};
        driver->write(at, text);
        driver->describe_chain(head,
                               {{at, static_cast<std::uint32_t>(text.size()), false}, {at + 128, writable, true}});
        driver->offer(head);
    }
    void answer(std::uint16_t head, std::string_view text) {
        driver->write(RingPair::buffers + head * std::uint64_t{256} + 128, text);
        device->use(head, static_cast<std::uint32_t>(text.size()));
    }
    [[nodiscard]] std::vector<std::string> contents() const {
        std::vector<std::string> texts;
        for (const auto& entry : recorder.entries()) {
            texts.push_back(text_of(entry.content));
        }
        return texts;
    }

    bool event_index{false};
    FakeRecorder recorder;
    ShadowMemory memory{std::move(*ShadowMemory::create(1))};
    DirtyLogWriter log;
    std::unique_ptr<RingPair> driver;
    std::shared_ptr<const GuestMappings> mappings;
    std::unique_ptr<SplitShadowRings> rings;
    std::unique_ptr<ShadowDevice> device;
    ShadowQueue::Options options;
    std::unique_ptr<ShadowQueue> queue;
};

}  // namespace vutrace::capture::testing
