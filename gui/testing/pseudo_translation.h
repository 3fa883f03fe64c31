// A language that is English in brackets: what is seen without them was not given to the translators.
#pragma once

#include <QString>

namespace vutrace::gui::testing {

struct PseudoTranslation {
    QString file;     // a .qm; empty where it could not be made
    QString problem;  // then; otherwise what lupdate had to say against the sources
    int texts{0};
};

// Of all texts that lupdate finds in gui/, below `folder`. Keys stay as they are: in brackets they would be none.
[[nodiscard]] PseudoTranslation make_pseudo_translation(const QString& folder);

// What of a text does not stand in brackets.
[[nodiscard]] QString outside_of_brackets(const QString& text);

}  // namespace vutrace::gui::testing
