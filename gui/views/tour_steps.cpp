#include "vutrace/gui/views/tour_steps.h"

#include <QCoreApplication>

namespace vutrace::gui {

const QList<TourStep>& tour_steps() {
    static const QList<TourStep> steps{
        {TourPlace::records, 1, "", false, QT_TRANSLATE_NOOP("Tour", "A session"),
         QT_TRANSLATE_NOOP(
             "Tour",
             "This is a session of a disk from its beginning (record 1) to its end (record 31). Each row is "
             "a record: a message, a kick or call, a request in a queue. Blue rows are messages.\n\n"
             "The guest waits for ever for its second read. Who is to blame?")},
        {TourPlace::findings, 1, "", true, QT_TRANSLATE_NOOP("Tour", "What was found"),
         QT_TRANSLATE_NOOP("Tour",
                           "A trace is checked against the rules of vhost-user and virtio when it is opened. Above the "
                           "list stands who waits for what, in the list what shows it.\n\n"
                           "Click STALL004, or go on with Next.")},
        {TourPlace::details, 30, "", false, QT_TRANSLATE_NOOP("Tour", "The record that shows it"),
         QT_TRANSLATE_NOOP("Tour",
                           "Record 30: the device has used the chain with head 3. It was a read (IN) of 512 bytes of "
                           "sector 0, its status is OK, and it took 14 milliseconds. Every field has its name here, "
                           "and what it means.")},
        {TourPlace::bytes, 30, "", false, QT_TRANSLATE_NOOP("Tour", "Its bytes"),
         QT_TRANSLATE_NOOP("Tour",
                           "The same record, byte by byte. A field that is chosen at the left is marked here; a byte "
                           "that is clicked here leads to its field.")},
        {TourPlace::rings, 30, "", false, QT_TRANSLATE_NOOP("Tour", "The rings"),
         QT_TRANSLATE_NOOP("Tour",
                           "The queue's rings as they stood after that record. The device has used both chains: its "
                           "index in the used ring is 2, as is the driver's in the available ring. Nothing is left to "
                           "do for it, but to say so.")},
        {TourPlace::records, 30, "", true, QT_TRANSLATE_NOOP("Tour", "Where it began"),
         QT_TRANSLATE_NOOP("Tour",
                           "Requests and answers are linked. Ctrl+J or Return on record 30 leads to the record with "
                           "which this chain began, and back.\n\n"
                           "Press Ctrl+J, or go on with Next.")},
        {TourPlace::state, 29, "", false, QT_TRANSLATE_NOOP("Tour", "The state at any record"),
         QT_TRANSLATE_NOOP("Tour",
                           "Record 29: the driver offers the chain with head 3, a moment after its kick (record 28). "
                           "This is how the session stood then: one request in flight. The slider goes through all "
                           "records, and everything follows.")},
        {TourPlace::filter, 26, "fd == call", false, QT_TRANSLATE_NOOP("Tour", "The filter"),
         QT_TRANSLATE_NOOP("Tour",
                           "Was the driver told? With this filter only calls are seen, and there is one: record 26, "
                           "for the first read. None follows record 30. The language is that of the command line; "
                           "Ctrl+Space completes a word.")},
        {TourPlace::timeline, 30, "", false, QT_TRANSLATE_NOOP("Tour", "The timeline"),
         QT_TRANSLATE_NOOP(
             "Tour",
             "The whole session along its time, and record 30 marked in it. After it, for two and a half "
             "seconds, nothing happens, until the front-end closes the session. The wheel zooms, a click goes to "
             "the record.")},
        {TourPlace::records, 30, "", false, QT_TRANSLATE_NOOP("Tour", "That is the bug"),
         QT_TRANSLATE_NOOP("Tour",
                           "The back-end completed the request and never sent the call that the driver asked for: "
                           "NO_INTERRUPT is not set in the ring.\n\nF1 shows all keys. Help, Start page has more "
                           "samples, and four more bugs to find.")},
    };
    return steps;
}

}  // namespace vutrace::gui
