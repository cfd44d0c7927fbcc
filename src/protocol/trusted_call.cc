// One put_ and one take_ function for each message, in the same order.
#include "protocol/trusted_call.h"

#include "base/check.h"
#include "base/money.h"
#include "protocol/call_fields.h"

#include <algorithm>

namespace softpos::protocol {
namespace {

enum class Call : std::uint8_t {
    status = 1,
    enrol_begin,
    enrol_finish,
    tap_begin,
    tap_continue,
    tap_abort,
};
constexpr std::uint8_t answer_bit = 0x40;
constexpr std::uint8_t failure_call = 0x7F;

constexpr std::size_t detail_bytes_max = 120;
constexpr std::size_t masked_pan_bytes_max = 19;
constexpr std::size_t refusal_code_bytes_max = 40;
constexpr std::uint64_t trace_max = 99'999'999;
constexpr std::uint32_t wait_ms_max = 600'000;

CallWriter request_of(Call call) {
    return CallWriter({trusted_call_version, static_cast<std::uint8_t>(call)});
}
CallWriter answer_to(Call call) {
    return CallWriter({trusted_call_version,
                       static_cast<std::uint8_t>(static_cast<std::uint8_t>(call) | answer_bit)});
}

std::unexpected<Error> wrong(Literal what) {
    return fail(ErrorKind::malformed, what);
}

bool all_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// What codes are called on the wire, so that the two ends need not number them alike.
Result<Refusal> refusal_named(std::string_view code) {
    for (const RefusalRow& row : refusal_table()) {
        if (row.code == code) return row.refusal;
    }
    return wrong("trusted call: unknown refusal");
}

// ---- Requests -------------------------------------------------------------------------------

Buffer write(const StatusRequest&) {
    return request_of(Call::status).take();
}
Buffer write(const EnrolBeginRequest&) {
    return request_of(Call::enrol_begin).take();
}
Buffer write(const TapAbortRequest&) {
    return request_of(Call::tap_abort).take();
}

Buffer write(const EnrolFinishRequest& request) {
    CallWriter out = request_of(Call::enrol_finish);
    out.put(request.initial_key_id);
    out.put(request.key_envelope);
    out.put(request.terminal_id);
    out.put(request.merchant_id);
    out.put(request.merchant_name);
    out.put(request.emv_parameters);
    return out.take();
}

Result<EnrolFinishRequest> read_enrol_finish(CallReader& in) {
    EnrolFinishRequest request;
    request.initial_key_id = TRY(in.take_array<8>());
    const Bytes envelope = TRY(in.take({1, key_envelope_bytes_max}));
    request.key_envelope.assign(envelope.begin(), envelope.end());
    request.terminal_id = TRY(in.take_text({8, 8}));
    request.merchant_id = TRY(in.take_text({15, 15}));
    request.merchant_name = TRY(in.take_utf8({1, merchant_name_bytes_max}));
    // A text of lines; the parameter reader judges it.
    request.emv_parameters = std::string(text_of(TRY(in.take({1, emv_parameters_bytes_max}))));
    return request;
}

Buffer write(const TapBeginRequest& request) {
    CHECK(request.permit.empty() && request.amount_minor >= 0);
    CallWriter out = request_of(Call::tap_begin);
    out.put_number(static_cast<std::uint64_t>(request.amount_minor), 8);
    out.put_number(request.currency, 2);
    out.put_number(request.transaction_type, 1);
    out.put(request.date);
    out.put(request.time);
    out.put_number(request.trace, 4);
    out.put(request.permit);
    return out.take();
}

Result<TapBeginRequest> read_tap_begin(CallReader& in) {
    TapBeginRequest request;
    const std::uint64_t amount = TRY(in.take_number(8));
    if (amount > static_cast<std::uint64_t>(amount_minor_max)) return wrong("tap: amount");
    request.amount_minor = static_cast<std::int64_t>(amount);
    request.currency = static_cast<std::uint16_t>(TRY(in.take_number(2)));
    request.transaction_type = static_cast<std::uint8_t>(TRY(in.take_number(1)));
    request.date = TRY(in.take_text({6, 6}));
    request.time = TRY(in.take_text({6, 6}));
    if (!all_digits(request.date) || !all_digits(request.time)) return wrong("tap: date or time");
    const std::uint64_t trace = TRY(in.take_number(4));
    if (trace > trace_max) return wrong("tap: trace");
    request.trace = static_cast<std::uint32_t>(trace);
    TRY(in.take({0, 0}));  // The permit of version 2.
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
        const Bytes rapdu = TRY(in.take({2, rapdu_bytes_max}));
        request.result = Buffer(rapdu.begin(), rapdu.end());
        in.skip();
    } else {
        in.skip();
        request.result = static_cast<TapRfError>(TRY(in.take_enum(2)));
    }
    return request;
}

// ---- Answers --------------------------------------------------------------------------------

Buffer write(const EnrolFinishAnswer&) {
    return answer_to(Call::enrol_finish).take();
}
Buffer write(const TapAbortAnswer&) {
    return answer_to(Call::tap_abort).take();
}

Buffer write(const StatusAnswer& answer) {
    CallWriter out = answer_to(Call::status);
    out.put_number(answer.core_version, 4);
    out.put_number(answer.enrolled ? 1 : 0, 1);
    out.put(answer.terminal_id);
    out.put(answer.initial_key_id);
    out.put_number(answer.next_counter, 4);
    return out.take();
}

Result<StatusAnswer> read_status(CallReader& in) {
    StatusAnswer answer;
    answer.core_version = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    answer.enrolled = TRY(in.take_enum(1)) == 1;
    const std::size_t id_bytes = answer.enrolled ? 8 : 0;
    answer.terminal_id = TRY(in.take_text({id_bytes, id_bytes}));
    answer.initial_key_id = TRY(in.take_array<8>());
    answer.next_counter = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    return answer;
}

Buffer write(const EnrolBeginAnswer& answer) {
    CallWriter out = answer_to(Call::enrol_begin);
    out.put(answer.public_point);
    out.put(answer.measurement);
    return out.take();
}

Result<EnrolBeginAnswer> read_enrol_begin(CallReader& in) {
    EnrolBeginAnswer answer;
    answer.public_point = TRY(in.take_array<65>());
    answer.measurement = TRY(in.take_array<32>());
    return answer;
}

void write_ui(CallWriter& out, const std::optional<TapUi>& ui) {
    if (!ui) return out.put_absent();
    std::array<std::uint8_t, 6> bytes{ui->message, ui->status};
    for (unsigned i = 0; i < 4; ++i) {
        bytes[2 + i] = static_cast<std::uint8_t>(ui->hold_ms >> (24 - 8 * i));
    }
    out.put(bytes);
}

Result<std::optional<TapUi>> read_ui(CallReader& in) {
    if (!in.next_is_present()) {
        in.skip();
        return std::nullopt;
    }
    const auto bytes = TRY(in.take_array<6>());
    TapUi ui{bytes[0], bytes[1], 0};
    for (unsigned i = 2; i < 6; ++i) ui.hold_ms = ui.hold_ms << 8 | bytes[i];
    return ui;
}

void write_outcome(CallWriter& out, const TapOutcome& outcome) {
    out.put_number(static_cast<std::uint64_t>(outcome.kind), 1);
    out.put(row_of(outcome.refusal).code);
    out.put_number(static_cast<std::uint64_t>(outcome.cvm), 1);
    out.put_number(outcome.signature_too ? 1 : 0, 1);
    out.put(outcome.masked_pan);
    out.put(outcome.aid);
    out.put(outcome.detail);
    if (outcome.card) {
        out.put(outcome.card->ksn);
        out.put(outcome.card->ciphertext);
    }
}

Result<TapOutcome> read_outcome(CallReader& in) {
    TapOutcome outcome;
    outcome.kind = static_cast<TapOutcomeKind>(
        TRY(in.take_enum(static_cast<unsigned>(TapOutcomeKind::approved))));
    const std::string code = TRY(in.take_text({0, refusal_code_bytes_max}));
    outcome.refusal = TRY(refusal_named(code));
    outcome.cvm = static_cast<TapCvm>(TRY(in.take_enum(static_cast<unsigned>(TapCvm::signature))));
    outcome.signature_too = TRY(in.take_enum(1)) == 1;
    outcome.masked_pan = TRY(in.take_text({0, masked_pan_bytes_max}));
    const Bytes aid = TRY(in.take({0, 16}));
    outcome.aid.assign(aid.begin(), aid.end());
    outcome.detail = TRY(in.take_text({0, detail_bytes_max}));
    const bool online = outcome.kind == TapOutcomeKind::online_request;
    const bool good = online || outcome.kind == TapOutcomeKind::approved;
    if ((outcome.refusal == Refusal::none) != good) return wrong("tap: refusal and outcome");
    if (!online) return outcome;
    SealedCard card;
    card.ksn = TRY(in.take_array<12>());
    const Bytes ciphertext = TRY(in.take({17, sealed_card_bytes_max}));
    card.ciphertext.assign(ciphertext.begin(), ciphertext.end());
    outcome.card = std::move(card);
    return outcome;
}

// The first field says which of the two it is: 0 send, 1 done.
Buffer write(const TapStep& step) {
    CallWriter out = answer_to(Call::tap_begin);
    const auto* send = std::get_if<SendApdu>(&step.next);
    out.put_number(send == nullptr ? 1 : 0, 1);
    write_ui(out, step.ui);
    if (send != nullptr) {
        out.put(send->command);
        out.put_number(send->timeout_ms, 4);
    } else {
        const auto& outcome = *std::get_if<TapOutcome>(&step.next);
        CHECK(outcome.card.has_value() == (outcome.kind == TapOutcomeKind::online_request));
        write_outcome(out, outcome);
    }
    return out.take();
}

Result<TapStep> read_step(CallReader& in) {
    TapStep step;
    const bool done = TRY(in.take_enum(1)) == 1;
    step.ui = TRY(read_ui(in));
    if (done) {
        step.next = TRY(read_outcome(in));
        return step;
    }
    SendApdu send;
    const Bytes command = TRY(in.take({4, apdu_bytes_max}));
    send.command.assign(command.begin(), command.end());
    send.timeout_ms = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    if (send.timeout_ms > wait_ms_max) return wrong("tap: timeout");
    step.next = std::move(send);
    return step;
}

Buffer write(const TrustedFailure& failure) {
    CallWriter out({trusted_call_version, failure_call});
    out.put_number(static_cast<std::uint64_t>(failure.fault), 1);
    out.put_number(failure.detail, 4);
    return out.take();
}

Result<TrustedFailure> read_failure(CallReader& in) {
    TrustedFailure failure;
    failure.fault = static_cast<TrustedFault>(TRY(in.take_enum(trusted_faults - 1)));
    failure.detail = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    return failure;
}

Result<TrustedRequest> read_request(CallReader& in) {
    switch (static_cast<Call>(in.head().call)) {
        case Call::status:
            return StatusRequest{};
        case Call::enrol_begin:
            return EnrolBeginRequest{};
        case Call::enrol_finish:
            return TRY(read_enrol_finish(in));
        case Call::tap_begin:
            return TRY(read_tap_begin(in));
        case Call::tap_continue:
            return TRY(read_tap_continue(in));
        case Call::tap_abort:
            return TapAbortRequest{};
    }
    return fail(ErrorKind::unsupported, "trusted call: no such call", in.head().call);
}

Result<TrustedAnswer> read_answer(CallReader& in) {
    const std::uint8_t code = in.head().call;
    if (code == failure_call) return TRY(read_failure(in));
    if ((code & answer_bit) != 0) {
        switch (static_cast<Call>(code & ~answer_bit)) {
            case Call::status:
                return TRY(read_status(in));
            case Call::enrol_begin:
                return TRY(read_enrol_begin(in));
            case Call::enrol_finish:
                return EnrolFinishAnswer{};
            case Call::tap_begin:
                return TRY(read_step(in));
            case Call::tap_abort:
                return TapAbortAnswer{};
            case Call::tap_continue:
                break;  // Its answer is that of tap_begin.
        }
    }
    return fail(ErrorKind::unsupported, "trusted call: no such answer", code);
}

Result<CallReader> open_version(Bytes message) {
    const CallReader reader = TRY(CallReader::open(message));
    if (reader.head().version != trusted_call_version) {
        return fail(ErrorKind::unsupported, "trusted call: version", reader.head().version);
    }
    return reader;
}

}  // namespace

std::string_view name_of(TrustedFault fault) {
    constexpr std::array<std::string_view, trusted_faults> names = {
        "malformed_request", "version_unsupported", "not_enrolled",      "no_enrolment_begun",
        "envelope_refused",  "parameters_refused",  "storage_failed",    "no_tap",
        "counter_exhausted", "permit_required",     "state_rolled_back", "internal"};
    return names[static_cast<std::size_t>(fault)];
}

Refusal refusal_of(TrustedFault fault) {
    switch (fault) {
        case TrustedFault::not_enrolled:
        case TrustedFault::counter_exhausted:
        case TrustedFault::state_rolled_back:
        case TrustedFault::permit_required:
            return Refusal::terminal_not_active;
        case TrustedFault::storage_failed:
            return Refusal::trusted_unavailable;
        default:
            return Refusal::internal;
    }
}

Buffer encode(const TrustedRequest& request) {
    return std::visit([](const auto& one) { return write(one); }, request);
}

Result<TrustedRequest> decode_trusted_request(Bytes message) {
    CallReader reader = TRY(open_version(message));
    auto request = read_request(reader);
    if (request) TRY_VOID(reader.end());
    return request;
}

Buffer encode(const TrustedAnswer& answer) {
    return std::visit([](const auto& one) { return write(one); }, answer);
}

Result<TrustedAnswer> decode_trusted_answer(Bytes message) {
    CallReader reader = TRY(open_version(message));
    auto answer = read_answer(reader);
    if (answer) TRY_VOID(reader.end());
    return answer;
}

}  // namespace softpos::protocol
