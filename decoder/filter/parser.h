// Expressions by recursive descent:
//   expression  := conjunction { ("or" | "||") conjunction }
//   conjunction := negation { ("and" | "&&") negation }
//   negation    := { "not" | "!" } primary
//   primary     := "(" expression ")" | ("has" | "exists") FIELD | "count" "(" FIELD ")" comparison
//                | [ "all" ] FIELD [ comparison ]
//   comparison  := ("==" | "!=" | "<" | "<=" | ">" | ">=" | "contains" | "has") VALUE | [ "not" ] "in" set
//   set         := range | "{" range { "," range } "}"          range := VALUE [ ".." VALUE ]
#pragma once

#include "lexer.h"
#include "program.h"

#include <memory>
#include <optional>
#include <string_view>

namespace vutrace::filter {

struct Node {
    enum class Kind : std::uint8_t { test, all_of, any_of };
    Kind kind{Kind::test};
    bool negated{false};
    Test test;
    std::vector<Node> children;
};

// What would be right at the end of an expression, for completion.
struct Expectation {
    enum class What : std::uint8_t { nothing, term, field, comparison, value, flag, connective };
    What what{What::nothing};
    const FieldRow* row{nullptr};  // of `comparison`, `value`, `flag`
};

class Parser {
  public:
    // `rows` takes what the tests refer to beyond the table.
    Parser(const Tokens& tokens, std::deque<FieldRow>& rows) : tokens_(tokens.list), rows_(rows) {}

    // Empty where the expression is wrong: `problem` says why. At least one token besides the end is needed.
    [[nodiscard]] std::optional<Node> parse();
    [[nodiscard]] const Problem& problem() const noexcept { return problem_; }
    [[nodiscard]] const Expectation& expectation() const noexcept { return expectation_; }

  private:
    std::optional<Node> expression(std::size_t depth);
    std::optional<Node> conjunction(std::size_t depth);
    std::optional<Node> negation(std::size_t depth);
    std::optional<Node> primary(std::size_t depth);
    std::optional<Node> parenthesis(std::size_t depth);
    std::optional<Node> presence();
    std::optional<Node> count();
    std::optional<Node> field_test(Test::Quantifier quantifier);

    const FieldRow* field();
    bool comparison(Test& test);
    bool compare(Test& test, std::string_view sign, const Token& sign_token);
    bool membership(Test& test);
    bool set_member(Test& test);
    bool containing(Test& test, const Token& sign);
    bool flag(Test& test, const Token& sign);
    bool bare(Test& test, const Token& name);

    bool add_value(Test& test, const Token& value);
    bool add_number(Test& test, const Token& value);
    bool add_named(Test& test, const Token& value);
    bool add_range(Test& test, const Token& first, const Token& last);
    std::optional<std::uint64_t> ordinal(const FieldRow& row, const Token& value);
    // Switches the test to the row of what a number says in words; null where the word is none of these.
    bool use_meaning(Test& test, Test::Kind kind, const Token& value);

    const Token* value_token(const FieldRow* row, Expectation::What what);
    [[nodiscard]] const Token& now() const noexcept { return tokens_[at_]; }
    const Token& next() noexcept { return at_ + 1 < tokens_.size() ? tokens_[at_++] : tokens_[at_]; }
    bool take(std::string_view what);
    void expect(Expectation::What what, const FieldRow* row = nullptr);
    bool fail(const Token& where, std::string text, std::string hint = {});
    bool never(const FieldRow& row, const Token& value, const Names& names);

    const std::vector<Token>& tokens_;
    std::deque<FieldRow>& rows_;
    std::size_t at_{0};
    Problem problem_;
    Expectation expectation_;
};

}  // namespace vutrace::filter
