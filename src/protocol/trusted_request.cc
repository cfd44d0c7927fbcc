// Requests to the trusted core: one write and one read function for each, in the same order.
#include "protocol/trusted_fields.h"

#include <algorithm>

namespace softpos::protocol {
namespace {

// NOLINTNEXTLINE(google-build-using-namespace): the words that this file is written in.
using namespace trusted_fields;

constexpr std::uint64_t trace_max = 99'999'999;
constexpr std::size_t app_event_bytes = 6;  // Code, severity, detail.
// Claims, findings and location at their largest.
constexpr std::size_t posture_bytes_max = 2048;

CallWriter request_of(Call call) {
    return CallWriter({trusted_call_version, static_cast<std::uint8_t>(call)});
}

bool all_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

constexpr auto put_finding = [](spa_fields::CborWriter& out, const Finding& one) {
    spa_fields::put(out, one);
};

// An array of five, as SPA/1 writes each.
void put_posture(CallWriter& out, const Posture& posture) {
    CHECK(posture.hardware >> capabilities == 0);
    Buffer bytes;
    spa_fields::CborWriter fields(bytes);
    fields.begin_array(5);
    spa_fields::put(fields, posture.claims);
    fields.put_unsigned(posture.hardware);
    spa_fields::put_list(fields, posture.findings, app_findings_max, put_finding);
    spa_fields::put(fields, posture.location);
    spa_fields::put_maybe(fields, posture.phone_time);
    out.put(bytes);
}

Result<Posture> take_posture(CallReader& in) {
    spa_fields::CborReader fields(TRY(in.take({1, posture_bytes_max})));
    TRY_VOID(spa_fields::take_fields(fields, 5));
    Posture posture;
    posture.claims = TRY(spa_fields::take_claims(fields));
    posture.hardware =
        TRY(spa_fields::take_number<CapabilitySet>(fields, (1U << capabilities) - 1));
    posture.findings =
        TRY(spa_fields::take_list<Finding>(fields, app_findings_max, spa_fields::take_finding));
    posture.location = TRY(spa_fields::take_location(fields));
    posture.phone_time = TRY(spa_fields::take_maybe_instant(fields));
    TRY_VOID(fields.end());
    return posture;
}

Buffer write(const StatusRequest&) {
    return request_of(Call::status).take();
}
Buffer write(const TapAbortRequest&) {
    return request_of(Call::tap_abort).take();
}
Buffer write(const PermitRefusedRequest&) {
    return request_of(Call::permit_refused).take();
}
Buffer write(const PinPollRequest&) {
    return request_of(Call::pin_poll).take();
}
Buffer write(const PinAbortRequest&) {
    return request_of(Call::pin_abort).take();
}

Buffer write(const EnrolBeginRequest& request) {
    CallWriter out = request_of(Call::enrol_begin);
    put_id(out, request.nonce_id);
    out.put(request.nonce);
    put_posture(out, request.posture);
    return out.take();
}
Result<EnrolBeginRequest> read_enrol_begin(CallReader& in) {
    EnrolBeginRequest request;
    request.nonce_id = TRY(take_id(in));
    request.nonce = TRY(in.take_array<32>());
    request.posture = TRY(take_posture(in));
    return request;
}

Buffer write(const EnrolActivateRequest& request) {
    CallWriter out = request_of(Call::enrol_activate);
    for (const Buffer* part :
         {&request.credential.id_object, &request.credential.encrypted_secret}) {
        CHECK(!part->empty() && part->size() <= credential_part_bytes_max);
        out.put(*part);
    }
    return out.take();
}
Result<EnrolActivateRequest> read_enrol_activate(CallReader& in) {
    EnrolActivateRequest request;
    request.credential.id_object = TRY(take_buffer(in, {1, credential_part_bytes_max}));
    request.credential.encrypted_secret = TRY(take_buffer(in, {1, credential_part_bytes_max}));
    return request;
}

Buffer write(const EnrolFinishRequest& request) {
    CHECK(!request.grant.empty() && request.grant.size() <= grant_bytes_max);
    CHECK(!request.grant_signature.empty());
    CHECK(request.grant_signature.size() <= spa_fields::signature_bytes_max);
    CallWriter out = request_of(Call::enrol_finish);
    out.put(request.grant);
    out.put(request.grant_signature);
    return out.take();
}
Result<EnrolFinishRequest> read_enrol_finish(CallReader& in) {
    EnrolFinishRequest request;
    request.grant = TRY(take_buffer(in, {1, grant_bytes_max}));
    request.grant_signature = TRY(take_buffer(in, {1, spa_fields::signature_bytes_max}));
    return request;
}

Buffer write(const PermitPrepareRequest& request) {
    CallWriter out = request_of(Call::permit_prepare);
    out.put_number(static_cast<std::uint64_t>(request.purpose), 1);
    put_amount(out, request.amount_minor);
    out.put_number(request.currency, 2);
    put_posture(out, request.posture);
    return out.take();
}
Result<PermitPrepareRequest> read_permit_prepare(CallReader& in) {
    PermitPrepareRequest request;
    request.purpose = static_cast<PermitPurpose>(TRY(in.take_enum(permit_purposes)));
    if (static_cast<unsigned>(request.purpose) == 0) return wrong("permit: purpose");
    request.amount_minor = TRY(take_amount(in));
    request.currency = static_cast<std::uint16_t>(TRY(in.take_number(2)));
    request.posture = TRY(take_posture(in));
    return request;
}

Buffer write(const TapBeginRequest& request) {
    CallWriter out = request_of(Call::tap_begin);
    put_amount(out, request.amount_minor);
    out.put_number(request.currency, 2);
    out.put_number(request.transaction_type, 1);
    out.put(request.date);
    out.put(request.time);
    out.put_number(request.trace, 4);
    put_signed(out, request.permit);
    return out.take();
}
Result<TapBeginRequest> read_tap_begin(CallReader& in) {
    TapBeginRequest request;
    request.amount_minor = TRY(take_amount(in));
    request.currency = static_cast<std::uint16_t>(TRY(in.take_number(2)));
    request.transaction_type = static_cast<std::uint8_t>(TRY(in.take_number(1)));
    request.date = TRY(in.take_text({6, 6}));
    request.time = TRY(in.take_text({6, 6}));
    if (!all_digits(request.date) || !all_digits(request.time)) return wrong("tap: date or time");
    const std::uint64_t trace = TRY(in.take_number(4));
    if (trace > trace_max) return wrong("tap: trace");
    request.trace = static_cast<std::uint32_t>(trace);
    request.permit = TRY(take_signed(in));
    return request;
}

Buffer write(const TapContinueRequest& request) {
    CallWriter out = request_of(Call::tap_continue);
    if (const auto* rapdu = std::get_if<Buffer>(&request.result)) {
        out.put(*rapdu);
        out.put_absent();
    } else {
        out.put_absent();
        out.put_number(static_cast<std::uint64_t>(*std::get_if<TapRfError>(&request.result)), 1);
    }
    return out.take();
}
Result<TapContinueRequest> read_tap_continue(CallReader& in) {
    TapContinueRequest request;
    if (in.next_is_present()) {
        request.result = TRY(take_buffer(in, {2, rapdu_bytes_max}));
        in.skip();
    } else {
        in.skip();
        request.result = static_cast<TapRfError>(TRY(in.take_enum(2)));
    }
    return request;
}

void put_events(CallWriter& out, const std::vector<AppEvent>& events) {
    CHECK(events.size() <= app_events_max);
    Buffer bytes;
    for (const AppEvent& event : events) {
        bytes.push_back(static_cast<std::uint8_t>(event.code));
        bytes.push_back(static_cast<std::uint8_t>(event.severity));
        for (unsigned left = 4; left-- > 0;) {
            bytes.push_back(static_cast<std::uint8_t>(event.detail >> (8 * left)));
        }
    }
    out.put(bytes);
}
Result<std::vector<AppEvent>> take_events(CallReader& in) {
    const Bytes bytes = TRY(in.take({0, app_events_max * app_event_bytes}));
    if (bytes.size() % app_event_bytes != 0) return wrong("report: size of the events");
    std::vector<AppEvent> events;
    for (std::size_t at = 0; at < bytes.size(); at += app_event_bytes) {
        const Bytes one = bytes.subspan(at, app_event_bytes);
        const auto code = finding_code(one[0]);
        if (!code || one[1] < 1 || one[1] > static_cast<unsigned>(Severity::critical)) {
            return wrong("report: event");
        }
        AppEvent event{*code, static_cast<Severity>(one[1]), 0};
        for (const std::uint8_t byte : one.subspan(2)) event.detail = event.detail << 8 | byte;
        events.push_back(event);
    }
    return events;
}

Buffer write(const ReportMakeRequest& request) {
    CallWriter out = request_of(Call::report_make);
    Buffer findings;
    spa_fields::CborWriter fields(findings);
    spa_fields::put_list(fields, request.findings, app_findings_max, put_finding);
    out.put(findings);
    put_events(out, request.events);
    return out.take();
}
Result<ReportMakeRequest> read_report_make(CallReader& in) {
    ReportMakeRequest request;
    spa_fields::CborReader fields(TRY(in.take({1, posture_bytes_max})));
    request.findings =
        TRY(spa_fields::take_list<Finding>(fields, app_findings_max, spa_fields::take_finding));
    TRY_VOID(fields.end());
    request.events = TRY(take_events(in));
    return request;
}

Buffer write(const CommandObeyRequest& request) {
    CallWriter out = request_of(Call::command_obey);
    put_signed(out, request.command);
    return out.take();
}
Buffer write(const PinBeginRequest& request) {
    CallWriter out = request_of(Call::pin_begin);
    put_signed(out, request.permit);
    return out.take();
}

Result<TrustedRequest> read_request(CallReader& in) {
    switch (static_cast<Call>(in.head().call)) {
        case Call::status:
            return StatusRequest{};
        case Call::enrol_begin:
            return TRY(read_enrol_begin(in));
        case Call::enrol_finish:
            return TRY(read_enrol_finish(in));
        case Call::tap_begin:
            return TRY(read_tap_begin(in));
        case Call::tap_continue:
            return TRY(read_tap_continue(in));
        case Call::tap_abort:
            return TapAbortRequest{};
        case Call::permit_prepare:
            return TRY(read_permit_prepare(in));
        case Call::permit_refused:
            return PermitRefusedRequest{};
        case Call::report_make:
            return TRY(read_report_make(in));
        case Call::command_obey:
            return CommandObeyRequest{TRY(take_signed(in))};
        case Call::pin_begin:
            return PinBeginRequest{TRY(take_signed(in))};
        case Call::pin_poll:
            return PinPollRequest{};
        case Call::pin_abort:
            return PinAbortRequest{};
        case Call::enrol_activate:
            return TRY(read_enrol_activate(in));
    }
    return fail(ErrorKind::unsupported, "trusted call: no such call", in.head().call);
}

}  // namespace

Buffer encode(const TrustedRequest& request) {
    return std::visit([](const auto& one) { return write(one); }, request);
}

Result<TrustedRequest> decode_trusted_request(Bytes message) {
    CallReader reader = TRY(open_trusted_call(message));
    auto request = read_request(reader);
    if (request) TRY_VOID(reader.end());
    return request;
}

}  // namespace softpos::protocol
