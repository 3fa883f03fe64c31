#include "lexer.h"

#include "name_sets.h"

#include <fmt/format.h>

#include <array>

namespace vutrace::filter {
namespace {

bool is_blank(char letter) noexcept {
    return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}

// Bytes beyond ASCII are letters: µs, and names in any language after `attributes.`.
bool is_of_word(char letter) noexcept {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
           std::string_view("_-+.:").find(letter) != std::string_view::npos ||
           static_cast<unsigned char>(letter) >= 0x80;
}

struct Symbol {
    std::string_view text;
    std::string_view stands_for;
};
// Longer ones first.
constexpr std::array symbols{
    Symbol{"==", "=="}, Symbol{"!=", "!="}, Symbol{"<=", "<="}, Symbol{">=", ">="}, Symbol{"&&", "and"},
    Symbol{"||", "or"}, Symbol{"..", ".."}, Symbol{"<", "<"},   Symbol{">", ">"},   Symbol{"!", "not"},
    Symbol{"(", "("},   Symbol{")", ")"},   Symbol{"{", "{"},   Symbol{"}", "}"},   Symbol{",", ","},
};

class Lexer {
  public:
    explicit Lexer(std::string_view text) : text_(text) {}

    Tokens split() {
        for (;;) {
            while (at_ < text_.size() && is_blank(text_[at_])) {
                ++at_;
            }
            if (at_ == text_.size()) {
                out_.list.push_back({Token::Kind::end, at_, 0, {}});
                return std::move(out_);
            }
            const char first = text_[at_];
            const bool taken = first == '"' || first == '\''                       ? take_quoted(first)
                               : text_.substr(at_, 2) != ".." && is_of_word(first) ? take_word()
                                                                                   : take_symbol();
            if (!taken) {
                return std::move(out_);
            }
        }
    }

  private:
    bool take_word() {
        const std::size_t begin = at_;
        while (at_ < text_.size() && is_of_word(text_[at_]) && text_.substr(at_, 2) != "..") {
            ++at_;
        }
        out_.list.push_back({Token::Kind::word, begin, at_ - begin, std::string(text_.substr(begin, at_ - begin))});
        return true;
    }

    bool take_quoted(char quote) {
        const std::size_t begin = at_++;
        std::string value;
        while (at_ < text_.size() && text_[at_] != quote) {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                if (!take_escape(value)) {
                    return false;
                }
            } else {
                value.push_back(text_[at_++]);
            }
        }
        if (at_ == text_.size()) {
            return fail({"the quoted text does not end", begin, 1, fmt::format("needs a closing {}", quote)});
        }
        ++at_;
        out_.list.push_back({Token::Kind::quoted, begin, at_ - begin, std::move(value)});
        return true;
    }

    // The common ones of JSON.
    bool take_escape(std::string& value) {
        constexpr std::string_view letters = "\\\"'/ntr";
        constexpr std::string_view meant = "\\\"'/\n\t\r";
        const std::size_t which = letters.find(text_[at_ + 1]);
        if (which == std::string_view::npos) {
            return fail({"no such escape", at_, 2, "\\\\ \\\" \\' \\n \\t \\r are"});
        }
        value.push_back(meant[which]);
        at_ += 2;
        return true;
    }

    bool take_symbol() {
        for (const Symbol& symbol : symbols) {
            if (text_.substr(at_, symbol.text.size()) == symbol.text) {
                out_.list.push_back({Token::Kind::symbol, at_, symbol.text.size(), std::string(symbol.stands_for)});
                at_ += symbol.text.size();
                return true;
            }
        }
        if (text_[at_] == '=' && at_ >= 2 && text_.substr(at_ - 2, 2) == "..") {
            return fail({"\"..=\" is no operator", at_ - 2, 3, "\"..\" includes both ends already"});
        }
        return text_[at_] == '=' ? fail({"\"=\" is no operator", at_, 1, "did you mean \"==\"?"})
               : text_[at_] == '&' || text_[at_] == '|'
                   ? fail({fmt::format("\"{}\" is no operator", text_[at_]), at_, 1,
                           fmt::format("did you mean \"{0}{0}\"?", text_[at_])})
                   : fail({"this character has no meaning here", at_, 1, "put text in quotes"});
    }

    bool fail(Problem problem) {
        out_.failed = true;
        out_.problem = std::move(problem);
        return false;
    }

    std::string_view text_;
    std::size_t at_{0};
    Tokens out_;
};

}  // namespace

bool Token::is(std::string_view what) const noexcept {
    return kind == Kind::symbol ? text == what : kind == Kind::word && equal_any_case(text, what);
}

Tokens split(std::string_view text) {
    return Lexer(text).split();
}

}  // namespace vutrace::filter
