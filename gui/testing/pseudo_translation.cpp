#include "pseudo_translation.h"

#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <QXmlStreamReader>
#include <QXmlStreamWriter>

namespace vutrace::gui::testing {
namespace {

constexpr QChar opening(0x27e6);
constexpr QChar closing(0x27e7);
constexpr int plural_forms = 2;  // that English has

QString pseudo(const QString& source) {
    static const QRegularExpression keys(QStringLiteral(R"(^((Ctrl|Shift|Alt)\+)*([A-Z0-9]|F\d+|[A-Z][a-z]+)$)"));
    const bool is_keys =
        keys.match(source).hasMatch() &&
        (source.contains(QLatin1Char('+')) || source.contains(QRegularExpression(QStringLiteral("^F\\d"))));
    return is_keys ? source : opening + source + closing;
}

struct Message {
    QString source, comment;
    bool plural{false};
};

void write(QXmlStreamWriter& writer, const Message& message) {
    writer.writeStartElement(QStringLiteral("message"));
    if (message.plural) {
        writer.writeAttribute(QStringLiteral("numerus"), QStringLiteral("yes"));
    }
    writer.writeTextElement(QStringLiteral("source"), message.source);
    if (!message.comment.isEmpty()) {
        writer.writeTextElement(QStringLiteral("comment"), message.comment);
    }
    writer.writeStartElement(QStringLiteral("translation"));
    for (int form = 0; message.plural && form < plural_forms; ++form) {
        writer.writeTextElement(QStringLiteral("numerusform"), pseudo(message.source));
    }
    if (!message.plural) {
        writer.writeCharacters(pseudo(message.source));
    }
    writer.writeEndElement();
    writer.writeEndElement();
}

// Contexts and messages, one after the other; gives how many.
int translate(QXmlStreamReader& reader, QXmlStreamWriter& writer) {
    int count = 0;
    Message message;
    while (!reader.atEnd()) {
        const auto token = reader.readNext();
        const bool begins = token == QXmlStreamReader::StartElement;
        const bool ends = token == QXmlStreamReader::EndElement;
        if (begins && reader.name() == u"context") {
            writer.writeStartElement(QStringLiteral("context"));
        } else if (begins && reader.name() == u"name") {
            writer.writeTextElement(QStringLiteral("name"), reader.readElementText());
        } else if (begins && reader.name() == u"message") {
            message = {};
            message.plural = reader.attributes().value(QLatin1String("numerus")) == u"yes";
        } else if (begins && reader.name() == u"source") {
            message.source = reader.readElementText();
        } else if (begins && reader.name() == u"comment") {
            message.comment = reader.readElementText();
        } else if (ends && reader.name() == u"message") {
            write(writer, message);
            ++count;
        } else if (ends && reader.name() == u"context") {
            writer.writeEndElement();
        }
    }
    return count;
}

// What it says on its two outputs; null where it fails.
QString run(const char* program, const QStringList& arguments) {
    QProcess process;
    process.setWorkingDirectory(QStringLiteral(VUTRACE_GUI_SOURCES));
    process.setProcessChannelMode(QProcess::MergedChannels);
    process.start(QString::fromUtf8(program), arguments);
    const bool done =
        process.waitForFinished(60000) && process.exitStatus() == QProcess::NormalExit && process.exitCode() == 0;
    return done ? QString::fromUtf8(process.readAll()) + QLatin1Char('\n') : QString();
}

}  // namespace

PseudoTranslation make_pseudo_translation(const QString& folder) {
    const QString found = folder + QStringLiteral("/found.ts");
    const QString changed = folder + QStringLiteral("/pseudo.ts");
    const QString compiled = folder + QStringLiteral("/pseudo.qm");
    PseudoTranslation result;
    const QString said = run(VUTRACE_LUPDATE, {QStringLiteral("-silent"), QStringLiteral("@" VUTRACE_TEXT_SOURCES),
                                               QStringLiteral("-ts"), found});
    QFile in(found);
    QFile out(changed);
    if (said.isNull() || !in.open(QIODevice::ReadOnly) || !out.open(QIODevice::WriteOnly)) {
        return {{}, QStringLiteral("lupdate failed"), 0};
    }
    QXmlStreamReader reader(&in);
    QXmlStreamWriter writer(&out);
    writer.writeStartDocument();
    writer.writeStartElement(QStringLiteral("TS"));
    writer.writeAttribute(QStringLiteral("version"), QStringLiteral("2.1"));
    writer.writeAttribute(QStringLiteral("language"), QStringLiteral("en"));
    result.texts = translate(reader, writer);
    writer.writeEndDocument();
    out.close();
    if (reader.hasError() ||
        run(VUTRACE_LRELEASE, {QStringLiteral("-silent"), changed, QStringLiteral("-qm"), compiled}).isNull()) {
        return {{}, QStringLiteral("lrelease failed ") + reader.errorString(), result.texts};
    }
    result.problem = said.trimmed();
    result.file = compiled;
    return result;
}

QString outside_of_brackets(const QString& text) {
    QString outside;
    int depth = 0;
    for (const QChar character : text) {
        if (character == closing) {
            --depth;
        } else if (character == opening) {
            ++depth;
        } else if (depth == 0) {
            outside += character;
        }
    }
    return outside;
}

}  // namespace vutrace::gui::testing
