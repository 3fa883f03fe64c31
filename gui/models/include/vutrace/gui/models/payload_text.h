// A chain's payload as text.
#pragma once

#include <vutrace/render/details.h>

#include <QString>
#include <vector>

namespace vutrace::gui {

// What can be printed, as it is; other bytes as dots, bytes that were not captured as "▯".
[[nodiscard]] QString text_of_payload(const render::RawBytes& bytes);
// The request's fields, which are the headers of an Ethernet frame for a network device, above the bytes.
[[nodiscard]] QString packet_of_payload(bool network, const std::vector<render::Detail>& request,
                                        const render::RawBytes& bytes);

}  // namespace vutrace::gui
