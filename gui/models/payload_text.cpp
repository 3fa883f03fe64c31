#include "vutrace/gui/models/payload_text.h"

#include "vutrace/gui/models/plural.h"

#include <vutrace/render/hexdump.h>

#include <QCoreApplication>
#include <algorithm>

namespace vutrace::gui {
namespace {

constexpr std::size_t most_characters = 65536;
constexpr std::size_t most_dumped = 4096;

// What a translator sees as one context.
struct Words {
    Q_DECLARE_TR_FUNCTIONS(PayloadText)
};

}  // namespace

QString text_of_payload(const render::RawBytes& bytes) {
    QString text;
    const std::size_t shown = std::min(bytes.bytes.size(), most_characters);
    text.reserve(static_cast<qsizetype>(shown));
    for (std::size_t i = 0; i < shown; ++i) {
        const auto value = std::to_integer<unsigned char>(bytes.bytes[i]);
        const bool known = bytes.known.empty() || bytes.known[i];
        const bool printable = (value >= 0x20 && value < 0x7f) || value == '\n' || value == '\t';
        text += !known ? QChar(0x25af) : printable ? QChar(char16_t{value}) : QChar(u'.');
    }
    return bytes.size > shown
               ? text + QLatin1Char('\n') +
                     Words::tr("… %1 bytes more", nullptr, plural_of(bytes.size - shown)).arg(bytes.size - shown)
               : text;
}

QString packet_of_payload(bool network, const std::vector<render::Detail>& request, const render::RawBytes& bytes) {
    if (!network) {
        return Words::tr("No packet begins in this chain: packets are those of network devices.");
    }
    QString text;
    for (const render::Detail& line : request) {
        text += QString(static_cast<qsizetype>(2 * line.depth), QLatin1Char(' ')) + QString::fromStdString(line.name) +
                (line.value.empty() ? QString() : QStringLiteral(": ") + QString::fromStdString(line.value)) +
                QLatin1Char('\n');
    }
    std::string dump;
    render::Hexdump(bytes.address)
        .append(dump, ByteView(bytes.bytes).first(std::min(bytes.bytes.size(), most_dumped)), bytes.known);
    return text + QLatin1Char('\n') + QString::fromStdString(dump);
}

}  // namespace vutrace::gui
