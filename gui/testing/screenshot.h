// Pictures of the window, held against those that are kept in docs/images, which the documents show.
#pragma once

#include <QString>

class QWidget;

namespace vutrace::gui::testing {

enum class Kept : std::uint8_t { no, yes };

// Fails where nothing much was painted, or where the picture that is kept is another one: then what was seen and what
// differs lie in the build's folder `pictures`. Pictures are compared at their usual scale only.
// VUTRACE_SCREENSHOTS=FOLDER writes each there, to be looked at; VUTRACE_ACCEPT_PICTURES=1 keeps those that differ
// instead of failing (scripts/accept-pictures).
void expect_picture(QWidget& window, const QString& name, Kept kept = Kept::no);

}  // namespace vutrace::gui::testing
