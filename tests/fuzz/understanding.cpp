#include "understanding.h"

#include "promises.h"

#include <vutrace/check/checker.h>
#include <vutrace/filter/filter.h>
#include <vutrace/render/findings.h>
#include <vutrace/render/json.h>
#include <vutrace/render/ring_view.h>
#include <vutrace/render/statistics.h>
#include <vutrace/render/summary.h>
#include <vutrace/render/text.h>

#include <utility>

namespace vutrace::fuzz {
namespace {

// An expression and its opposite.
struct Opposites {
    filter::Filter filter;
    filter::Filter opposite;
};

// One of each kind of field and test.
const std::vector<Opposites>& filters() {
    static const std::vector<Opposites> all = [] {
        std::vector<Opposites> out;
        for (const std::string expression : {
                 "latency > 1ms or count(fds) > 1",
                 "time > 2026-11-22 and elapsed < 1s",
                 "request in {SET_MEM_TABLE, SHMEM_MAP, GET_CONFIG}",
                 "request contains vring and payload.num >= 256",
                 "payload.features has VERSION_1 or payload.protocol_features has REPLY_ACK",
                 "payload.regions.memory_size > 4K",
                 "all descriptors.writable or count(descriptors) in 2..5",
                 "request.sector in {0, 64..71} or request.type == OUT",
                 "request.answer.attributes.size > 3 or request.flags has O_RDWR or all request.frame.vlans < 9",
                 "request.status != OK and request.name contains \"a\" or role == receive",
                 "inflight.queues.heads.counter > 3 or all inflight.queues.count > 0",
                 "dirty.ranges.address >= 0x1000 or dirty.pages == 0",
                 "has payload.configuration or payload.configuration.capacity > 0",
                 "problems contains \"size\" or raw contains 00",
                 "text contains \"a\" or reason != b or attributes.reason == c",
                 "content < verified or fds.kind != memfd or fds.seals has write",
             }) {
            out.push_back({filter::Filter::compile(expression).value(),
                           filter::Filter::compile("not (" + expression + ")").value()});
        }
        return out;
    }();
    return all;
}

class Understanding {
  public:
    explicit Understanding(std::optional<std::uint32_t> device)
        : checker_(
              {}, [this](check::Finding finding) { findings_.push_back(std::move(finding)); }, device) {}

    void take(const trace::Record& record) {
        last_ = record.sequence + trace::sequence_count(record) - 1;
        memory_.apply(record);
        const explain::Annotation& annotation = checker_.take(record);
        summary_.add(annotation, checker_.annotator().tracker());
        statistics_.add(annotation, checker_.annotator().tracker());
        for (std::size_t entry = 0; entry < trace::sequence_count(record); ++entry) {
            render(annotation, entry);
            pick(annotation, entry);
        }
        take_findings();
    }
    void finish() {
        checker_.finish();
        take_findings();
        require(is_safe_text(finding_text_.text()), "findings as text");
        const auto keep = [] { return Status(); };
        std::string json, text;
        (void)render::append_summary_json(json, summary_, checker_.annotator(), keep);
        require(is_json(json), "summary as JSON");
        (void)render::append_summary_text(text, summary_, checker_.annotator(), style_, keep);
        require(is_safe_text(text), "summary as text");
        statistics_.finish();
        json.clear();
        (void)render::append_statistics_json(json, statistics_, keep);
        require(is_json(json), "statistics as JSON");
        text.clear();
        (void)render::append_statistics_text(text, statistics_, style_, keep);
        require(is_safe_text(text), "statistics as text");
        for (const auto& [number, state] : memory_.sessions()) {
            for (const render::RingView& ring : render::view_rings(state, std::nullopt)) {
                require(is_json(render::ring_json(ring)), "ring as JSON");
                require(is_safe_text(render::ring_text(ring, style_)), "ring as text");
            }
        }
    }
    [[nodiscard]] const std::string& broken() const noexcept { return broken_; }

  private:
    void require(bool holds, const char* promise) {
        if (!holds && broken_.empty()) {
            broken_ = std::string(promise) + ", after record " + std::to_string(last_);
        }
    }
    void render(const explain::Annotation& annotation, std::size_t entry) {
        output_.clear();
        render::append_json(output_, annotation, entry, {.raw = true});
        require(is_json_line(output_), "record as JSON");
        output_.clear();
        text_.append(output_, annotation, entry);
        require(is_safe_text(output_), "record as text");
    }
    void pick(const explain::Annotation& annotation, std::size_t entry) {
        for (const Opposites& one : filters()) {
            require(one.filter.matches(annotation, entry) != one.opposite.matches(annotation, entry),
                    "a filter and its opposite");
        }
    }
    void take_findings() {
        for (const check::Finding& finding : std::exchange(findings_, {})) {
            require(finding.rule != nullptr && finding.sequence >= 1 && finding.sequence <= last_, "finding's record");
            output_.clear();
            render::append_finding_json(output_, finding);
            require(is_json_line(output_), "finding as JSON");
            finding_text_.add(finding);
        }
    }

    std::string broken_;
    std::uint64_t last_{0};
    std::vector<check::Finding> findings_;
    check::Checker checker_;
    session::Tracker memory_;
    render::Summary summary_;
    statistics::Statistics statistics_;
    render::Style style_{false};
    render::TextRenderer text_{{.time = render::TimeFormat::relative, .verbose = true, .raw = true}};
    render::FindingText finding_text_{false};
    std::string output_;
};

}  // namespace

std::string broken_promise(const Session& session) {
    Understanding understanding(session.device);
    for (const trace::Record& record : session.records) {
        understanding.take(record);
    }
    understanding.finish();
    return understanding.broken();
}

}  // namespace vutrace::fuzz
