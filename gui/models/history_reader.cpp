#include "vutrace/gui/models/history_reader.h"

#include "vutrace/gui/models/reader_thread.h"

#include <vutrace/trace/reader.h>

#include <utility>

namespace vutrace::gui {
namespace {

// As far as it can be read: what came before a torn end is true as well. Nothing where it was stopped.
std::shared_ptr<const session::History> read_history(const std::string& path, const std::stop_token& stop) {
    auto reader = trace::Reader::open(path);
    if (!reader) {
        return nullptr;
    }
    auto history = std::make_shared<session::History>();
    while (!stop.stop_requested()) {
        const auto record = reader->next();
        if (!record || !*record) {
            return history;
        }
        history->take(**record);
    }
    return nullptr;
}

}  // namespace

HistoryReader::HistoryReader(TraceDocument& document, QObject* parent) : QObject(parent), document_(document) {
    connect(&document_, &TraceDocument::finished, this, &HistoryReader::begin);
    if (document_.progress().complete) {
        begin();
    }
}

void HistoryReader::begin() {
    if (document_.failed()) {
        return;
    }
    thread_ = std::jthread([this, path = document_.index()->readable_path()](const std::stop_token& stop) {
        give_way();
        auto history = read_history(path, stop);
        if (history == nullptr) {
            return;
        }
        QMetaObject::invokeMethod(
            this,
            [this, history = std::move(history)] {
                history_ = history;
                Q_EMIT history_read();
            },
            Qt::QueuedConnection);
    });
}

}  // namespace vutrace::gui
