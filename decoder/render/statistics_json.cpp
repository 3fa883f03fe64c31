#include "json_writer.h"

#include <vutrace/explain/devices.h>
#include <vutrace/render/statistics.h>

namespace vutrace::render {
namespace {

using statistics::ChainStatistics;
using statistics::Histogram;
using statistics::NotificationStatistics;
using statistics::QueueStatistics;

void append_distribution(JsonWriter& json, const char* name, const Histogram& histogram) {
    json.key(name).begin_object();
    json.key("count").number(histogram.count());
    json.key("least").number(histogram.least());
    json.key("mean").real(histogram.mean());
    for (const auto& [key, share] : {std::pair("p50", 0.5), {"p90", 0.9}, {"p99", 0.99}, {"p99_9", 0.999}}) {
        json.key(key).number(histogram.percentile(share));
    }
    json.key("largest").number(histogram.largest());
    json.key("histogram").begin_array();
    for (const Histogram::Bucket& bucket : histogram.buckets()) {
        json.begin_array();
        json.number(bucket.from);
        json.number(bucket.to);
        json.number(bucket.count);
        json.end_array();
    }
    json.end_array();
    json.end_object();
}

void append_chains(JsonWriter& json, const ChainStatistics& chains) {
    json.key("chains_available").number(chains.available);
    json.key("chains_used").number(chains.used);
    json.key("readable_bytes").number(chains.readable_bytes);
    json.key("used_bytes").number(chains.used_bytes);
    append_distribution(json, "latency", chains.latency);
}

void append_notifications(JsonWriter& json, const char* name, const NotificationStatistics& notifications) {
    json.key(name).begin_object();
    json.key("sent").number(notifications.sent);
    json.key("superfluous").number(notifications.superfluous);
    json.key("suppressed").number(notifications.suppressed);
    append_distribution(json, "chains", notifications.chains);
    json.end_object();
}

void append_queue(JsonWriter& json, std::uint16_t number, const QueueStatistics& queue) {
    json.begin_object();
    json.key("queue").number(number);
    json.key("first_time").signed_number(queue.first_time);
    json.key("last_time").signed_number(queue.last_time);
    append_chains(json, queue.all);
    json.key("chains_lost").number(queue.lost);
    json.key("chains_lost_at_least").boolean(queue.lost_at_least);
    append_distribution(json, "descriptors", queue.descriptors);
    append_distribution(json, "in_flight", queue.depth);
    json.key("mean_in_flight").real(queue.mean_depth);
    append_notifications(json, "kicks", queue.kicks);
    append_notifications(json, "calls", queue.calls);
    append_distribution(json, "call_delay", queue.call_delay);
    json.key("found_at_call").number(queue.found_at_call);
    json.key("requests").begin_array();
    for (const auto& [request, chains] : queue.by_request) {
        json.begin_object();
        json.key("request").text(request);
        append_chains(json, chains);
        json.end_object();
    }
    json.end_array();
    json.end_object();
}

}  // namespace

Status append_statistics_json(std::string& out, const statistics::Statistics& statistics,
                              const std::function<Status()>& flush) {
    JsonWriter json(out);
    json.begin_object();
    json.key("sessions").begin_array();
    for (const auto& [number, session] : statistics.sessions()) {
        json.begin_object();
        json.key("session").number(number);
        json.key("device").begin_object();
        json.key("type").number(session.device);
        json.key("name").text(explain::device_name(session.device));
        json.end_object();
        json.key("datapath").text(session.data_path);
        json.key("queues").begin_array();
        for (const auto& [index, queue] : session.queues) {
            append_queue(json, index, queue);
        }
        json.end_array();
        json.end_object();
        if (Status status = flush(); !status) {
            return status;
        }
    }
    json.end_array();
    json.end_object();
    out += '\n';
    return flush();
}

}  // namespace vutrace::render
