// Which marks a record leaves in which lanes. The one place that says so: for sums along the trace and for its records
// read again.
#pragma once

#include <vutrace/explain/annotation.h>
#include <vutrace/overview/lanes.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace vutrace::overview {

// Takes records in order, from the beginning or from `start_at` on. One thread.
class Observer {
  public:
    // Lanes that come up are added to `lanes`, which must outlive it.
    explicit Observer(Lanes& lanes) : lanes_(&lanes) {}

    // What is known before the first record: depths, epochs. Not needed at the trace's beginning.
    void start_at(const explain::Annotator& before);

    // Appends the marks of a record, which `annotator` has just annotated. Those of lanes that there is no room for are
    // left out.
    void observe(const explain::Annotation& annotation, const explain::Annotator& annotator, std::vector<Mark>& marks);

  private:
    struct Known {
        std::uint64_t epoch{0};  // of a session's group
        std::uint64_t depth{0};  // of a queue's
    };
    using Out = std::vector<Mark>;

    void observe_message(const explain::Annotation& annotation, const trace::MessageRecord& message, GroupId group,
                         Out& out);
    void observe_chains(const explain::Annotation& annotation, const trace::ChainRecord& chain,
                        const session::SessionState& state, Out& out);
    void observe_event(const trace::Record& record, const trace::EventRecord& event, Out& out);
    // What a message or the session's end changed without a chain record.
    void observe_state(const trace::Record& record, const session::SessionState& state, Out& out);
    [[nodiscard]] Known& known(GroupId group);

    Lanes* lanes_;
    std::vector<Known> known_;  // by group
};

}  // namespace vutrace::overview
