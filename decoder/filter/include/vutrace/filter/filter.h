// One filter language for every command and view: an expression about one record of a trace, compiled once, evaluated
// often. docs/man/vutrace-filter.7.scd describes the language; its fields are those of `vutrace decode --json`.
#pragma once

#include <vutrace/base/error.h>
#include <vutrace/explain/annotation.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace vutrace::filter {

// Bounds on what is compiled; beyond them an expression is an error.
inline constexpr std::size_t max_length = 16384;  // bytes of text
inline constexpr std::size_t max_depth = 64;      // parentheses inside each other

// Why an expression was refused, in pieces, for who marks the place.
struct Problem {
    std::string text;       // "no field \"quue\""
    std::size_t offset{0};  // bytes from the start of the expression; its length where the end is the problem
    std::size_t length{0};  // bytes, 0 at the end
    std::string hint;       // "did you mean \"queue\"?", or empty
};

// Three lines without a newline at the end: the text, the expression (the part around the problem, if it is long), and
// a caret under the place with the hint. Safe for a terminal whatever the expression holds.
[[nodiscard]] std::string draw(std::string_view expression, const Problem& problem);

struct Program;

// Immutable; copies share the compiled expression. Any number of threads may evaluate one.
class Filter {
  public:
    // Matches everything, as an expression of nothing but blanks does.
    Filter();

    // Error: usage, with the offset of the problem and `draw`'s three lines as text. `problem`, where given, gets the
    // same in pieces.
    [[nodiscard]] static Result<Filter> compile(std::string_view text, Problem* problem = nullptr);

    // One entry of a record: 0 but for chain records, whose entries are judged one by one, so that it may be anything
    // below `trace::sequence_count(*annotation.record)`. An entry that is not there does not match. Does not allocate;
    // work is bounded by the expression times the values that the record has.
    [[nodiscard]] bool matches(const explain::Annotation& annotation, std::size_t entry) const noexcept;

    // False: of records of that type the outcome depends on `record`, `start_time` and the number of `entries` of the
    // annotation only, so that nobody has to explain them first.
    [[nodiscard]] bool needs_explanation(trace::RecordType type) const noexcept;
    // Records outside this stretch do not match, whatever they are. Both ends belong to it; last < first: none does.
    struct Rows {
        std::uint64_t first{0};
        std::uint64_t last{UINT64_MAX};
    };
    [[nodiscard]] Rows rows() const noexcept;

  private:
    explicit Filter(std::shared_ptr<const Program> program) noexcept : program_(std::move(program)) {}
    std::shared_ptr<const Program> program_;
};

// A field that an expression may name.
struct FieldDescription {
    std::string_view name;
    std::string_view type;     // one word: number, address, time, duration, yes/no, name, names, text, bytes, group
    std::string records;       // the kinds of records that may have it: "event, chain"
    bool repeated{false};      // a record may have several values of it
    std::string_view meaning;  // one phrase
};
// Every field, those of payloads last, which come from the protocol's table. `attributes.KEY` stands for any key.
[[nodiscard]] std::vector<FieldDescription> fields();

struct Completion {
    std::string text;
    std::string description;  // one phrase, may be empty
};
struct Completions {
    std::size_t begin{0};  // what the candidates replace begins here and ends at the cursor
    std::vector<Completion> candidates;
};
// What may stand at `cursor` (bytes, at most the text's length), given what stands before it. Nothing where that is
// wrong already, and inside a quoted text.
[[nodiscard]] Completions completions(std::string_view text, std::size_t cursor);

}  // namespace vutrace::filter
