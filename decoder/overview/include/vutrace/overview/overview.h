// All of a trace along its time, and how it comes about.
#pragma once

#include <vutrace/explain/annotation.h>
#include <vutrace/overview/lanes.h>
#include <vutrace/overview/observer.h>
#include <vutrace/overview/pyramid.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace vutrace::overview {

// As far as it was read. Immutable.
struct Overview {
    std::shared_ptr<const Node> root{std::make_shared<Node>()};
    Lanes lanes;
    std::int64_t start_time{0};  // of the first record, nanoseconds since the epoch
    std::int64_t end_time{0};
    std::uint64_t last_row{0};
};

// Filled by one thread, looked at by any number of others. Memory is bounded by the pyramid's limits.
class OverviewBuilder {
  public:
    explicit OverviewBuilder(PyramidLimits limits = {}) : pyramid_(limits), observer_(lanes_) {}
    OverviewBuilder(const OverviewBuilder&) = delete;
    OverviewBuilder& operator=(const OverviewBuilder&) = delete;

    // A record, which `annotator` has just annotated, in order. What is new is published now and then.
    void add(const explain::Annotation& annotation, const explain::Annotator& annotator);
    // Publishes what was added.
    void publish();

    // What was published last; never null.
    [[nodiscard]] std::shared_ptr<const Overview> published() const;

  private:
    Lanes lanes_;
    Pyramid pyramid_;
    Observer observer_;
    std::vector<Mark> marks_;
    std::int64_t start_time_{0};
    std::uint64_t last_row_{0};
    std::uint64_t published_row_{0};

    mutable std::mutex mutex_;  // of what follows
    std::shared_ptr<const Overview> published_{std::make_shared<Overview>()};
};

}  // namespace vutrace::overview
