#include "parser.h"
#include "program.h"

#include <vutrace/filter/filter.h>

#include <algorithm>

namespace vutrace::filter {
namespace {

// Appends what evaluates `node` and goes on at the given instructions; gives where it begins. Backwards, so that
// what follows has its number already. Depth is that of the parentheses.
std::uint32_t emit(Program& program, Node& node, std::uint32_t if_true, std::uint32_t if_false) {
    if (node.negated) {
        std::swap(if_true, if_false);
    }
    if (node.kind == Node::Kind::test) {
        program.instructions.push_back({std::move(node.test), if_true, if_false});
        return static_cast<std::uint32_t>(program.instructions.size() - 1);
    }
    const bool all = node.kind == Node::Kind::all_of;
    std::uint32_t following = all ? if_true : if_false;
    for (auto child = node.children.rbegin(); child != node.children.rend(); ++child) {
        following = all ? emit(program, *child, following, if_false) : emit(program, *child, if_true, following);
    }
    return following;
}

RecordKinds explained_kinds(const Program& program) noexcept {
    RecordKinds kinds = 0;
    for (const Instruction& instruction : program.instructions) {
        const FieldRow& row = *instruction.test.row;
        kinds = static_cast<RecordKinds>(kinds | (row.records & ~row.told_by_record));
    }
    return kinds;
}

constexpr Range every_row{0, UINT64_MAX};
constexpr Range no_row{1, 0};

Range both(const Range& one, const Range& other) noexcept {
    return {std::max(one.first, other.first), std::min(one.last, other.last)};
}
// With what lies between them.
Range either(const Range& one, const Range& other) noexcept {
    return one.last < one.first       ? other
           : other.last < other.first ? one
                                      : Range{std::min(one.first, other.first), std::max(one.last, other.last)};
}

// A stretch that holds every row for which `node` is true.
Range rows_of(const Node& node) {
    if (node.negated) {
        return every_row;
    }
    if (node.kind == Node::Kind::test) {
        const Test& test = node.test;
        const bool says_it =
            test.row == find_row("seq") && test.kind == Test::Kind::number && test.quantifier == Test::Quantifier::any;
        return !says_it              ? every_row
               : test.ranges.empty() ? no_row
                                     : Range{test.ranges.front().first, test.ranges.back().last};
    }
    const bool all = node.kind == Node::Kind::all_of;
    Range rows = all ? every_row : no_row;
    for (const Node& child : node.children) {
        rows = all ? both(rows, rows_of(child)) : either(rows, rows_of(child));
    }
    return rows;
}

bool passes(const Test& test, const Subject& subject, RecordKinds kind) noexcept {
    if ((test.row->records & kind) == 0) {
        return false;
    }
    Probe probe(test, subject.annotation.device);
    test.row->get(subject, *test.row, probe);
    return probe.outcome();
}

bool exists(const Subject& subject) noexcept {
    const auto* chain = std::get_if<trace::ChainRecord>(&subject.annotation.record->body);
    return chain == nullptr
               ? subject.entry == 0
               : subject.entry < chain->entries.size() && subject.entry < subject.annotation.entries.size();
}

std::shared_ptr<const Program> everything() {
    static const auto program = std::make_shared<const Program>();
    return program;
}

tl::unexpected<Error> refuse(std::string_view text, Problem found, Problem* problem) {
    Error error{ErrorCode::usage, draw(text, found), found.offset, 0};
    if (problem != nullptr) {
        *problem = std::move(found);
    }
    return tl::unexpected(std::move(error));
}

}  // namespace

Filter::Filter() : program_(everything()) {}

Result<Filter> Filter::compile(std::string_view text, Problem* problem) {
    if (text.size() > max_length) {
        return refuse(text.substr(0, max_length), {"the expression is longer than 16384 bytes", max_length, 0, ""},
                      problem);
    }
    Tokens tokens = split(text);
    if (tokens.failed) {
        return refuse(text, std::move(tokens.problem), problem);
    }
    if (tokens.list.size() == 1) {
        return Filter();
    }
    auto program = std::make_shared<Program>();
    Parser parser(tokens, program->own_rows);
    auto node = parser.parse();
    if (!node) {
        return refuse(text, parser.problem(), problem);
    }
    program->rows = rows_of(*node);
    program->entry = emit(*program, *node, accepted, rejected);
    program->explained = explained_kinds(*program);
    return Filter(std::move(program));
}

bool Filter::needs_explanation(trace::RecordType type) const noexcept {
    return (program_->explained & kind_bit(type)) != 0;
}

Filter::Rows Filter::rows() const noexcept {
    return {program_->rows.first, program_->rows.last};
}

bool Filter::matches(const explain::Annotation& annotation, std::size_t entry) const noexcept {
    const Subject subject{annotation, entry};
    if (!exists(subject)) {
        return false;
    }
    const RecordKinds kind = kind_bit(trace::type_of(annotation.record->body));
    std::uint32_t at = program_->entry;
    while (at < rejected) {
        const Instruction& instruction = program_->instructions[at];
        at = passes(instruction.test, subject, kind) ? instruction.if_true : instruction.if_false;
    }
    return at == accepted;
}

}  // namespace vutrace::filter
