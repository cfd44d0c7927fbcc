// Reads and shows; what changes a phone's state goes through the device desk.
#include "platform/server/trust_calls.h"

#include "base/hex.h"
#include "base/log.h"
#include "codec/strict_json.h"
#include "platform/monitor/grade.h"
#include "platform/server/acquirer_answers.h"
#include "platform/server/answers.h"
#include "platform/server/device_codec.h"
#include "platform/server/incident_facts.h"
#include "platform/server/policy_trial.h"

#include <boost/json.hpp>

#include <array>
#include <charconv>
#include <utility>

namespace softpos::server {
namespace {

namespace json = boost::json;
using codec::StrictJson;

constexpr std::size_t page_rows = 100;
constexpr std::size_t topics_bytes_max = 256;
constexpr std::size_t url_bytes_max = 512;
constexpr std::size_t policy_signature_bytes_max = 80;
constexpr std::int64_t trial_days_max = 366;

// What is not there, or does not follow from the state that it is in.
net::HttpResponse refuse_step(const Error& error) {
    if (error.kind == ErrorKind::not_found) return refuse(Refusal::not_found);
    if (error.kind == ErrorKind::conflict) return refuse(Refusal::bad_value, {}, "state");
    return refuse_error(error);
}

net::HttpResponse refuse_policy(const monitor::PolicyFault& fault) {
    return refuse(Refusal::bad_value, {},
                  "policy: " + std::string(monitor::name_of(fault.kind)) + " " + fault.path);
}

// An empty object, or nothing: calls that are all in their path.
std::optional<net::HttpResponse> wrong_body(const std::string& body) {
    StrictJson fields(body.empty() ? "{}" : std::string_view(body));
    if (const auto fault = fields.finish()) return refuse(*fault);
    return std::nullopt;
}

template <typename Number>
std::optional<Number> number_of(std::string_view text) {
    Number number{};
    const auto end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return number;
}

std::optional<std::string> time_text(Instant at) {
    if (at.unix_ms == 0) return std::nullopt;
    return china_time(at).iso();
}

void put_time(json::object& to, std::string_view name, Instant at) {
    if (const auto text = time_text(at)) to[name] = *text;
}

json::object device_row(const store::DeviceRow& row) {
    const auto state = monitor::device_state(row.state);
    json::object out{{"terminal_id", row.terminal},
                     {"merchant_id", row.merchant},
                     {"state", state ? name_of(*state) : "UNKNOWN"},
                     {"grade", row.grade},
                     {"score", row.score}};
    put_time(out, "last_seen", row.last_seen);
    put_time(out, "changed_at", row.changed_at);
    return out;
}

json::object finding_object(const protocol::Finding& finding) {
    return json::parse(finding_json(finding)).as_object();
}

json::array verdicts_of(const std::vector<KeptVerdict>& kept) {
    json::array verdicts;
    for (const KeptVerdict& one : kept) {
        verdicts.push_back(json::object{{"kind", name_of(one.kind)},
                                        {"outcome", name_of(one.outcome)},
                                        {"reason", one.reason},
                                        {"key_home", name_of(one.home)}});
    }
    return verdicts;
}

void put_keys(const monitor::HardwareKeys& keys, json::object& to) {
    if (!keys.tpm_name.empty()) {
        to["tpm"] = json::object{{"key_name", to_hex(keys.tpm_name)}, {"starts", keys.tpm_resets}};
    }
    if (!keys.apple_key.empty()) to["app_attest"] = json::object{{"counter", keys.apple_counter}};
}

json::object reason_object(const monitor::Reason& reason) {
    json::object out{{"obstacle", monitor::name_of(reason.obstacle)},
                     {"remedy_en", reason.remedy.en},
                     {"remedy_zh", reason.remedy.zh}};
    if (reason.finding) out["finding"] = finding_object(*reason.finding);
    return out;
}

// What it can do now, and of the rest what stands in the way.
void put_grading(const monitor::Grading& grading, json::object& to) {
    json::array capabilities;
    for (const monitor::CapabilityReport& one : grading.capabilities) {
        json::array reasons;
        for (const monitor::Reason& reason : one.reasons) reasons.push_back(reason_object(reason));
        capabilities.push_back(json::object{{"name", protocol::name_of(one.capability)},
                                            {"available", one.available()},
                                            {"amount_minor_max", one.amount_minor_max},
                                            {"reasons", std::move(reasons)}});
    }
    to["grade_possible"] = grading.possible;
    to["grade_now"] = grading.now;
    to["capabilities"] = std::move(capabilities);
}

std::string_view name_of(store::IncidentState state) {
    return state == store::IncidentState::closed ? "closed" : "open";
}

std::string_view name_of(store::KeyEnd keys) {
    constexpr std::array<std::string_view, 3> names = {"kept", "revocation_due", "revoked"};
    return names[static_cast<std::size_t>(keys)];
}

std::string_view name_of(store::CommandState state) {
    constexpr std::array<std::string_view, 3> names = {"issued", "obeyed", "refused"};
    return names[static_cast<std::size_t>(state) - 1];
}

std::string_view name_of(store::FilingStatus status) {
    constexpr std::array<std::string_view, 3> names = {"disabled", "enabled", "cancelled"};
    return names[static_cast<std::size_t>(status)];
}

protocol::Finding finding_of(const store::IncidentRow& row) {
    return {static_cast<protocol::FindingCode>(row.code),
            static_cast<protocol::TrustClass>(row.origin), row.detail};
}

json::object incident_row(const store::IncidentRow& row) {
    json::object out{{"incident_id", row.id.text()},
                     {"terminal_id", row.terminal},
                     {"merchant_id", row.merchant},
                     {"state", name_of(row.state)},
                     {"finding", finding_object(finding_of(row))},
                     {"keys", name_of(row.keys)},
                     {"evidence", to_hex(row.evidence)}};
    if (row.payment != Id128{}) out["payment_id"] = row.payment.text();
    put_time(out, "opened_at", row.opened_at);
    put_time(out, "closed_at", row.closed_at);
    return out;
}

json::object policy_row(const store::PolicyRow& row, std::uint32_t in_force) {
    json::object out{{"version", row.version}, {"in_force", row.version == in_force}};
    put_time(out, "uploaded_at", row.uploaded_at);
    put_time(out, "activated_at", row.activated_at);
    return out;
}

json::array commands_of(const std::vector<store::CommandRow>& rows) {
    json::array out;
    for (const store::CommandRow& row : rows) {
        json::object one{{"number", row.number},
                         {"action", name_of(static_cast<protocol::CommandAction>(row.action))},
                         {"state", name_of(row.state)}};
        put_time(one, "issued_at", row.issued_at);
        put_time(one, "done_at", row.done_at);
        out.push_back(std::move(one));
    }
    return out;
}

std::optional<protocol::CommandAction> action_named(std::string_view name) {
    for (unsigned i = 1; i <= protocol::command_actions; ++i) {
        const auto action = static_cast<protocol::CommandAction>(i);
        if (protocol::name_of(action) == name) return action;
    }
    return std::nullopt;
}

constexpr std::array<std::pair<std::string_view, monitor::DeviceEventKind>, 4> acts = {
    {{"suspend", monitor::DeviceEventKind::suspend},
     {"resume", monitor::DeviceEventKind::resume},
     {"release", monitor::DeviceEventKind::release},
     {"retire", monitor::DeviceEventKind::retire}}};

}  // namespace

std::optional<net::HttpResponse> TrustCalls::answer(const net::HttpRequest& request) {
    const std::string_view path = path_of(request.target);
    return request.method == "GET" ? get(request, path) : post(request, path);
}

std::optional<net::HttpResponse> TrustCalls::get(const net::HttpRequest& request,
                                                 std::string_view path) {
    if (path == "/v1/terminals") return list_devices(request.target);
    if (path == "/v1/incidents") return list_incidents(request.target);
    if (path == "/v1/policies") return list_policies();
    if (path == "/v1/webhooks") return list_webhooks();
    if (path == "/v1/trials") return list_trials();
    if (const auto id = match_path(path, "/v1/trials/{}")) return show_trial(*id);
    if (const auto id = match_path(path, "/v1/terminals/{}/evidence")) {
        return list_evidence(*id, request.target);
    }
    if (const auto id = match_path(path, "/v1/terminals/{}")) return show_device(*id);
    if (const auto id = match_path(path, "/v1/incidents/{}")) return show_incident(*id);
    return std::nullopt;
}

std::optional<net::HttpResponse> TrustCalls::post(const net::HttpRequest& request,
                                                  std::string_view path) {
    if (path == "/v1/policies") return upload_policy(request.body);
    if (path == "/v1/policies/dry-run") return dry_run(request.body);
    if (path == "/v1/webhooks") return add_webhook(request.body);
    if (path == "/v1/trials") return start_trial(request.body);
    if (const auto id = match_path(path, "/v1/trials/{}/end")) {
        return end_trial(*id, false, request.body);
    }
    if (const auto id = match_path(path, "/v1/trials/{}/promote")) {
        return end_trial(*id, true, request.body);
    }
    for (const auto& [word, kind] : acts) {
        const auto id = match_path(path, "/v1/terminals/{}/" + std::string(word));
        if (id) return act(*id, kind, request.body);
    }
    if (const auto id = match_path(path, "/v1/terminals/{}/commands")) {
        return command(*id, request.body);
    }
    if (const auto id = match_path(path, "/v1/incidents/{}/close")) {
        return close_incident(*id, request.body);
    }
    if (const auto version = match_path(path, "/v1/policies/{}/activate")) {
        return activate_policy(*version, request.body);
    }
    if (const auto id = match_path(path, "/v1/webhooks/{}/disable")) {
        return disable_webhook(*id, request.body);
    }
    return std::nullopt;
}

net::HttpResponse TrustCalls::list_devices(const std::string& target) {
    store::DevicePage page{.rows_max = page_rows};
    if (const auto after = query_of(target, "after")) page.after = *after;
    if (const auto wanted = query_of(target, "state")) {
        for (unsigned i = 1; i <= monitor::device_states; ++i) {
            if (monitor::name_of(static_cast<monitor::DeviceState>(i)) == *wanted) {
                page.state = static_cast<std::uint8_t>(i);
            }
        }
        if (page.state == 0) return refuse(Refusal::bad_value, {}, "state");
    }
    json::array rows;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (const auto& row : TRY(reader.devices(page))) rows.push_back(device_row(row));
        return {};
    });
    if (!read) return refuse_step(read.error());
    return answer_json(json::object{{"terminals", std::move(rows)}});
}

net::HttpResponse TrustCalls::show_device(std::string_view number) {
    json::object body;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        const auto terminal = TRY(reader.terminal_by_number(number));
        if (!terminal) return {};
        body = {{"terminal_id", terminal->number},
                {"merchant_id", terminal->merchant},
                {"serial_number", terminal->serial},
                {"state", "NEW"}};
        if (const auto classic = TRY(reader.classic(number))) {
            body["state"] = "CLASSIC";
            body["classic"] = classic_object(*classic);
        }
        const auto device = TRY(reader.device(number));
        if (device) {
            body = device_row(*device);
            body["serial_number"] = terminal->serial;
            const auto record = TRY(decode_device(device->record));
            json::array standing;
            for (const auto& one : record.standing) standing.push_back(finding_object(one));
            body["findings"] = std::move(standing);
            body["model"] = record.pins.model;
            body["evidence_kind"] = name_of(record.pins.kind);
            body["key_home"] = name_of(record.pins.home);
            put_keys(record.keys, body);
            body["operator_hold"] = record.operator_hold;
            if (record.latch) {
                json::object latch{{"finding", finding_object(record.latch->finding)},
                                   {"released", record.latch->released}};
                put_time(latch, "at", record.latch->at);
                body["latch"] = std::move(latch);
            }
            put_time(body, "last_permit", record.last_permit);
            put_grading(monitor::grade_phone(*parts_.policies.in_force(),
                                             monitor::preflight_of(record, parts_.clock.now())),
                        body);
        }
        if (const auto filed = TRY(reader.registered(number))) {
            body["filing"] =
                json::object{{"status", name_of(filed->status)}, {"version", filed->version}};
        }
        body["commands"] = commands_of(TRY(reader.commands_of(number, {.rows_max = page_rows})));
        return {};
    });
    if (!read) return refuse_step(read.error());
    return body.empty() ? refuse(Refusal::not_found) : answer_json(body);
}

net::HttpResponse TrustCalls::list_evidence(std::string_view terminal, const std::string& target) {
    store::NumberPage page{.rows_max = page_rows};
    if (const auto after = query_of(target, "after")) {
        const auto number = number_of<std::uint64_t>(*after);
        if (!number) return refuse(Refusal::bad_value, {}, "after");
        page.after = *number;
    }
    json::array rows;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (const store::EvidenceRow& row : TRY(reader.evidence_of(terminal, page))) {
            const auto entry = evidence_entry(row.kind);
            json::object one{
                {"sequence", row.sequence},     {"entry", entry ? name_of(*entry) : "unknown"},
                {"outcome", row.outcome},       {"policy_version", row.policy_version},
                {"digest", to_hex(row.digest)}, {"previous", to_hex(row.previous)}};
            put_time(one, "at", row.at);
            if (const auto kept = read_evidence(row.body)) {
                json::array findings;
                for (const auto& each : kept->findings) findings.push_back(finding_object(each));
                one["findings"] = std::move(findings);
                one["verdicts"] = verdicts_of(kept->verdicts);
            }
            rows.push_back(std::move(one));
        }
        return {};
    });
    if (!read) return refuse_step(read.error());
    return answer_json(json::object{{"evidence", std::move(rows)}});
}

net::HttpResponse TrustCalls::act(std::string_view number, monitor::DeviceEventKind kind,
                                  const std::string& body) {
    if (auto wrong = wrong_body(body)) return *std::move(wrong);
    std::optional<merchant::Terminal> terminal;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        terminal = TRY(reader.terminal_by_number(number));
        return {};
    });
    if (!read) return refuse_step(read.error());
    if (!terminal) return refuse(Refusal::not_found);
    const auto state = parts_.devices.person(*terminal, kind);
    if (!state) return refuse_step(state.error());
    return answer_json(
        json::object{{"terminal_id", terminal->number}, {"state", monitor::name_of(*state)}});
}

net::HttpResponse TrustCalls::command(std::string_view number, const std::string& body) {
    StrictJson fields(body);
    const auto action = action_named(fields.text("action", 32));
    if (!action) fields.fault(Refusal::bad_value, "action");
    if (const auto fault = fields.finish()) return refuse(*fault);
    std::optional<merchant::Terminal> terminal;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        terminal = TRY(reader.terminal_by_number(number));
        return {};
    });
    if (!read) return refuse_step(read.error());
    if (!terminal) return refuse(Refusal::not_found);
    const auto given = parts_.devices.command(*terminal, *action);
    if (!given) return refuse_step(given.error());
    return answer_json(json::object{{"terminal_id", terminal->number}, {"number", *given}}, 201);
}

net::HttpResponse TrustCalls::list_incidents(const std::string& target) {
    Id128 after;
    if (const auto text = query_of(target, "after")) {
        const auto id = Id128::parse(*text);
        if (!id) return refuse(Refusal::bad_value, {}, "after");
        after = *id;
    }
    json::array rows;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (const auto& row : TRY(reader.incidents(after, page_rows))) {
            rows.push_back(incident_row(row));
        }
        return {};
    });
    if (!read) return refuse_step(read.error());
    return answer_json(json::object{{"incidents", std::move(rows)}});
}

net::HttpResponse TrustCalls::show_incident(std::string_view text) {
    const auto id = Id128::parse(text);
    if (!id) return refuse(Refusal::not_found);
    std::optional<store::IncidentRow> row;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        row = TRY(reader.incident(*id));
        return {};
    });
    if (!read) return refuse_step(read.error());
    if (!row) return refuse(Refusal::not_found);
    json::object body = incident_row(*row);
    json::error_code failed;
    body["facts"] = json::parse(row->facts, failed);
    return answer_json(body);
}

// Closing says that somebody has looked; what the phone may do is another question.
net::HttpResponse TrustCalls::close_incident(std::string_view text, const std::string& body) {
    if (auto wrong = wrong_body(body)) return *std::move(wrong);
    const auto id = Id128::parse(text);
    if (!id) return refuse(Refusal::not_found);
    std::optional<store::IncidentRow> row;
    const auto done = parts_.store.run([&](store::Tx& tx) -> Result<void> {
        row = TRY(tx.incident(*id));
        if (!row || row->state == store::IncidentState::closed) return {};
        row->state = store::IncidentState::closed;
        row->closed_at = parts_.clock.now();
        return tx.update(*row);
    });
    if (!done) return refuse_step(done.error());
    return row ? answer_json(incident_row(*row)) : refuse(Refusal::not_found);
}

net::HttpResponse TrustCalls::list_policies() {
    json::array rows;
    const std::uint32_t in_force = parts_.policies.in_force()->version;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (const auto& row : TRY(reader.policies())) rows.push_back(policy_row(row, in_force));
        return {};
    });
    if (!read) return refuse_step(read.error());
    return answer_json(json::object{{"policies", std::move(rows)}});
}

// The policy comes as text inside the JSON, as it was signed.
net::HttpResponse TrustCalls::upload_policy(const std::string& body) {
    StrictJson fields(body);
    const std::string text = fields.lines("policy", monitor::policy_bytes_max);
    const Buffer signature = fields.hex("signature", 1, policy_signature_bytes_max);
    if (const auto fault = fields.finish()) return refuse(*fault);
    const auto kept = parts_.policies.upload(text, signature);
    if (!kept) return refuse_step(kept.error());
    if (!*kept) return refuse_policy(kept->error());
    return answer_json(json::object{{"version", (*kept)->version}}, 201);
}

// A proposal needs no signature: it changes nothing.
net::HttpResponse TrustCalls::dry_run(const std::string& body) {
    StrictJson fields(body);
    const std::string text = fields.lines("policy", monitor::policy_bytes_max);
    const std::int64_t days = fields.optional_integer("days", 1, trial_days_max).value_or(30);
    const std::string after = fields.optional_text("after", 8).value_or("");
    if (const auto fault = fields.finish()) return refuse(*fault);
    const auto policy = monitor::parse_policy(text);
    if (!policy) return refuse_policy(policy.error());
    const Instant now = parts_.clock.now();
    const auto page =
        try_policy(parts_.store, parts_.evidence, *policy,
                   {.after = after, .from = {now.unix_ms - days * 24 * 3'600'000}, .now = now});
    if (!page) return refuse_step(page.error());
    return {.status = 200, .body = trial_json(*policy, *page)};
}

net::HttpResponse TrustCalls::activate_policy(std::string_view version, const std::string& body) {
    if (auto wrong = wrong_body(body)) return *std::move(wrong);
    const auto number = number_of<std::uint32_t>(version);
    if (!number) return refuse(Refusal::not_found);
    const auto done = parts_.policies.activate(*number);
    if (!done && done.error().kind == ErrorKind::conflict) {
        return refuse(Refusal::bad_value, {}, "version");
    }
    if (!done) return refuse_step(done.error());
    log(LogLevel::info, "policy: in force", {{"version", std::int64_t{*number}}});
    return answer_json(json::object{{"version", *number}, {"in_force", true}});
}

net::HttpResponse TrustCalls::list_webhooks() {
    json::array rows;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        for (const store::WebhookRow& row : TRY(reader.webhooks())) {
            json::object one{
                {"webhook_id", row.id.text()}, {"url", row.url}, {"topics", row.topics}};
            put_time(one, "created_at", row.created_at);
            put_time(one, "disabled_at", row.disabled_at);
            rows.push_back(std::move(one));
        }
        return {};
    });
    if (!read) return refuse_step(read.error());
    return answer_json(json::object{{"webhooks", std::move(rows)}});
}

net::HttpResponse TrustCalls::add_webhook(const std::string& body) {
    StrictJson fields(body);
    const std::string url = fields.text("url", url_bytes_max);
    const std::string topics = fields.optional_text("topics", topics_bytes_max).value_or("");
    if (!parse_webhook_url(url)) fields.fault(Refusal::bad_value, "url");
    if (const auto fault = fields.finish()) return refuse(*fault);
    const auto added = parts_.webhooks.add(url, topics);
    if (!added) return refuse_step(added.error());
    return answer_json(json::object{{"webhook_id", added->id.text()}, {"secret", added->secret}},
                       201);
}

net::HttpResponse TrustCalls::disable_webhook(std::string_view text, const std::string& body) {
    if (auto wrong = wrong_body(body)) return *std::move(wrong);
    const auto id = Id128::parse(text);
    if (!id) return refuse(Refusal::not_found);
    const auto done = parts_.webhooks.disable(*id);
    if (!done) return refuse_step(done.error());
    return answer_json(json::object{{"webhook_id", id->text()}, {"disabled", true}});
}

}  // namespace softpos::server
