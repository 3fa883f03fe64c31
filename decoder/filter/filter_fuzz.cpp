// libFuzzer target: any text is compiled, drawn with its problem, completed anywhere, and what compiles is evaluated on
// records of every kind. The first byte says where the cursor is.
#include <vutrace/filter/filter.h>
#include <vutrace/session/testing/session_builder.h>

#include <cstdlib>

namespace {

using namespace vutrace;

const std::vector<explain::Annotation>& annotations() {
    static const auto builder = [] {
        session::testing::SessionBuilder out;
        session::testing::BlockSession::start(out);
        const Bytes data(512);
        out.chains(0, {session::testing::BlockSession::write_request(0, 0, 8, 0x10000, data),
                       session::testing::used_entry(0, 0, session::testing::literal(Bytes(1)))});
        out.add(trace::EventRecord{trace::EventRecord::Kind::kick, 0, 1});
        out.add(trace::MemoryRecord{});
        out.add(trace::GapRecord{0, 1, 2, 3, "queue full"});
        out.add(trace::NoteRecord{trace::NoteRecord::Severity::warning, trace::no_queue, "late"});
        return out;
    }();
    static const auto all = [] {
        std::vector<explain::Annotation> out;
        explain::Annotator annotator;
        for (const trace::Record& record : builder.records()) {
            out.push_back(annotator.annotate(record));
        }
        return out;
    }();
    return all;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const filter::Completions completions = filter::completions(text, data[0]);
    if (completions.begin > text.size()) {
        std::abort();
    }
    filter::Problem problem;
    const auto filter = filter::Filter::compile(text, &problem);
    if (!filter) {
        if (problem.offset > text.size() || problem.offset + problem.length > text.size() || problem.text.empty()) {
            std::abort();
        }
        return 0;
    }
    for (const explain::Annotation& annotation : annotations()) {
        for (std::size_t entry = 0; entry <= trace::sequence_count(*annotation.record); ++entry) {
            (void)filter->matches(annotation, entry);
        }
    }
    return 0;
}
