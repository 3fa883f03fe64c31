
#include <vutrace/explain/devices.h>
#include <vutrace/protocol/features.h>
#include <vutrace/render/summary.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <utility>

namespace vutrace::render {
namespace {

using Json = nlohmann::ordered_json;

std::string hex(std::uint64_t value) {
    return fmt::format("0x{:x}", value);
}

Json attributes_json(const std::vector<std::pair<std::string, std::string>>& attributes) {
    Json json = Json::object();
    for (const auto& [key, value] : attributes) {
        json[key] = value;
    }
    return json;
}

Json messages_json(const SessionSummary& session) {
    Json list = Json::array();
    for (const auto& [kind, count] : session.messages) {
        const auto& [channel, reply, request] = kind;
        list.push_back({{"channel", name_of(channel)}, {"request", request}, {"reply", reply}, {"count", count}});
    }
    return list;
}

Json regions_json(const SessionSummary& session) {
    Json list = Json::array();
    for (const session::KnownRegion& known : session.regions) {
        list.push_back({{"guest_address", hex(known.region.guest_address)},
                        {"size", known.region.size},
                        {"user_address", hex(known.region.user_address)},
                        {"mmap_offset", hex(known.region.mmap_offset)},
                        {"fd", known.descriptor_id}});
    }
    return list;
}

Json features_json(const std::optional<std::uint64_t>& mask, std::uint32_t device) {
    return mask ? Json{{"value", hex(*mask)}, {"names", protocol::feature_names(*mask, device)}} : Json(nullptr);
}

Json protocol_features_json(const std::optional<std::uint64_t>& mask) {
    return mask ? Json{{"value", hex(*mask)}, {"names", protocol::protocol_feature_names(*mask)}} : Json(nullptr);
}

Json queues_json(const SessionSummary& session, const session::SessionState& state) {
    std::map<std::uint32_t, Json> queues;
    for (const auto& [number, setup] : state.device.queues()) {
        queues[number] = {{"queue", number}, {"started", setup.started}, {"enabled", setup.enabled}};
    }
    for (const auto& [number, counts] : session.queues) {
        if (number == trace::no_queue) {
            continue;
        }
        const auto progress = state.queues.find(number);
        Json& json = queues[number];
        json["queue"] = number;
        json["chains_available"] = counts.chains_available;
        json["chains_used"] = counts.chains_used;
        json["chains_lost"] = counts.chains_lost;
        json["chains_lost_at_least"] = counts.chains_lost_at_least;
        json["chains_open"] = progress == state.queues.end() ? 0 : progress->second.open.size();
        json["kicks"] = counts.kicks;
        json["calls"] = counts.calls;
        json["errs"] = counts.errs;
        for (std::size_t proof = 0; proof < std::size(counts.proofs); ++proof) {
            json["content"][trace::name_of(static_cast<trace::Proof>(proof))] = counts.proofs[proof];
        }
    }
    for (const auto& [number, size] : session.queue_sizes) {
        queues[number]["queue"] = number;
        queues[number]["size"] = size;
    }
    Json list = Json::array();
    for (auto& [number, json] : queues) {
        list.push_back(std::move(json));
    }
    return list;
}

Json session_json(const SessionSummary& session, const session::SessionState* state) {
    Json json{{"session", session.number},
              {"first_time", session.first_time},
              {"last_time", session.last_time},
              {"duration", explain::elapsed(session.first_time, session.last_time)},
              {"records", session.records},
              {"message_bytes", session.message_bytes},
              {"content_bytes", session.content_bytes},
              {"problems", session.problems},
              {"messages", messages_json(session)},
              {"regions", regions_json(session)}};
    if (state == nullptr) {
        return json;
    }
    const session::DeviceState& device = state->device;
    const std::uint32_t type = session.device;
    json["opened"] = attributes_json(state->opened);
    json["closed"] = attributes_json(state->closed);
    json["ended"] = state->ended;
    json["device"] = {{"type", type}, {"name", explain::device_name(type)}, {"reason", session.device_reason}};
    json["offered_features"] = features_json(device.offered_features(), type);
    json["features"] = features_json(device.features(), type);
    json["offered_protocol_features"] = protocol_features_json(device.offered_protocol_features());
    json["protocol_features"] = protocol_features_json(device.protocol_features());
    json["queues"] = queues_json(session, *state);
    return json;
}

Json lineage_json(const explain::Lineage& lineage) {
    return {{"session", lineage.continues},
            {"kind", explain::name_of(lineage.kind)},
            {"resubmits_inflight", lineage.resubmits_inflight},
            {"reason", lineage.reason}};
}

Json gaps_json(const Summary& summary) {
    Json list = Json::array();
    for (const auto& [reason, gap] : summary.gaps()) {
        list.push_back({{"reason", reason},
                        {"count", gap.count},
                        {"chains", gap.chains},
                        {"records", gap.records},
                        {"bytes", gap.bytes},
                        {"at_least", gap.at_least}});
    }
    return list;
}

Json notes_json(const Summary& summary) {
    Json list = Json::array();
    for (const NoteSummary& note : summary.notes()) {
        list.push_back({{"seq", note.sequence},
                        {"session", note.session},
                        {"severity", trace::name_of(note.note.severity)},
                        {"text", note.note.text}});
    }
    return list;
}

Json problems_json(const trace::ReadProblems& problems) {
    Json bad = Json::array();
    for (const Error& error : problems.bad_records) {
        bad.push_back(describe(error));
    }
    return {{"torn", problems.torn ? Json(describe(*problems.torn)) : Json(nullptr)},
            {"unknown_records", problems.unknown_records},
            {"foreign_packets", problems.foreign_packets},
            {"bad_records", problems.bad_record_count},
            {"bad", std::move(bad)}};
}

std::string dump(const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// The members of an object, without its braces.
std::string members(const Json& object) {
    const std::string text = dump(object);
    return text.substr(1, text.size() - 2);
}

}  // namespace

Status append_summary_json(std::string& out, const Summary& summary, const explain::Annotator& annotator,
                           const std::function<Status()>& flush) {
    out += "{" + members({{"file", summary.path()},
                          {"size", summary.file_size()},
                          {"filter", summary.filter().empty() ? Json(nullptr) : Json(summary.filter())},
                          {"records", summary.records()},
                          {"records_read", summary.records_read()},
                          {"first_time", summary.first_time()},
                          {"last_time", summary.last_time()},
                          {"duration", explain::elapsed(summary.first_time(), summary.last_time())}});
    out += R"(,"sessions":[)";
    const char* separator = "";
    for (const auto& [number, session] : summary.sessions()) {
        if (session.records == 0) {
            continue;  // the filter picked nothing of it
        }
        Json json = session_json(session, annotator.tracker().session(number));
        if (const auto lineage = annotator.lineages().of(number)) {
            json["continues"] = lineage_json(*lineage);
        }
        out += std::exchange(separator, ",") + dump(json);
        if (Status status = flush(); !status) {
            return status;
        }
    }
    out += "]," + members({{"gaps", gaps_json(summary)},
                           {"notes", notes_json(summary)},
                           {"note_count", summary.note_count()},
                           {"reading", problems_json(summary.problems())}});
    out += "}\n";
    return flush();
}

}  // namespace vutrace::render
