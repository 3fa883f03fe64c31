// Pictures of the window, held against those that are kept in docs/images, which the documents show.
#pragma once

#include <QString>

class QWidget;

namespace vutrace::gui::testing {

enum class Kept : std::uint8_t { no, yes, also_twice };

// Fails where nothing much was painted, or where the picture that is kept is another one: then what was seen and what
// differs lie in the build's folder `pictures`. With QT_SCALE_FACTOR=2 those of `also_twice` are compared, with what is
// kept of them in docs/images/twice. On another platform than Qt's offscreen one nothing is compared.
// VUTRACE_SCREENSHOTS=FOLDER writes each there, to be looked at; VUTRACE_ACCEPT_PICTURES=1 keeps those that differ
// instead of failing (scripts/accept-pictures).
// Whether at this scale there is anything to compare or to write.
[[nodiscard]] bool wants_picture(double scale, Kept kept);
void expect_picture(QWidget& window, const QString& name, Kept kept = Kept::no);

}  // namespace vutrace::gui::testing
