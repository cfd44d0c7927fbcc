// Answers of the trusted core: one write and one read function for each, in the same order; and
// the names of what is in them.
#include "protocol/trusted_call.h"

#include "protocol/trusted_fields.h"

namespace softpos::protocol {
namespace {

// NOLINTNEXTLINE(google-build-using-namespace): the words that this file is written in.
using namespace trusted_fields;

constexpr std::size_t serial_number_bytes_max = 50;
constexpr std::size_t detail_bytes_max = 120;
constexpr std::size_t masked_pan_bytes_max = 19;
constexpr std::size_t refusal_code_bytes_max = 40;
constexpr std::uint32_t wait_ms_max = 600'000;

CallWriter answer_to(Call call) {
    return CallWriter({trusted_call_version,
                       static_cast<std::uint8_t>(static_cast<std::uint8_t>(call) | answer_bit)});
}

// What codes are called on the wire, so that the two ends need not number them alike.
Result<Refusal> refusal_named(std::string_view code) {
    for (const RefusalRow& row : refusal_table()) {
        if (row.code == code) return row.refusal;
    }
    return wrong("trusted call: unknown refusal");
}

Buffer write(const EnrolFinishAnswer&) {
    return answer_to(Call::enrol_finish).take();
}
Buffer write(const TapAbortAnswer&) {
    return answer_to(Call::tap_abort).take();
}
Buffer write(const PermitRefusedAnswer&) {
    return answer_to(Call::permit_refused).take();
}
Buffer write(const PinAbortAnswer&) {
    return answer_to(Call::pin_abort).take();
}

Buffer write_signed(Call call, const SignedBody& one) {
    CallWriter out = answer_to(call);
    put_signed(out, one);
    return out.take();
}
Buffer write_proven(Call call, const SignedBody& one, const std::optional<Evidence>& evidence) {
    CallWriter out = answer_to(call);
    put_evidence(out, evidence);  // First: at the end an answer cut short would look whole.
    put_signed(out, one);
    return out.take();
}
Buffer write(const EnrolBeginAnswer& answer) {
    return write_proven(Call::enrol_begin, answer.statement, answer.evidence);
}
Buffer write(const PermitPrepareAnswer& answer) {
    return write_proven(Call::permit_prepare, answer.request, answer.evidence);
}
Buffer write(const EnrolActivateAnswer& answer) {
    CallWriter out = answer_to(Call::enrol_activate);
    put_evidence(out, answer.evidence);
    return out.take();
}
Result<EnrolActivateAnswer> read_enrol_activate(CallReader& in) {
    auto evidence = TRY(take_evidence(in));
    if (!evidence) return wrong("trusted call: no evidence");
    return EnrolActivateAnswer{*std::move(evidence)};
}
template <typename Answer>
Result<Answer> read_proven(CallReader& in) {
    auto evidence = TRY(take_evidence(in));
    return Answer{TRY(take_signed(in)), std::move(evidence)};
}
Buffer write(const ReportMakeAnswer& answer) {
    return write_signed(Call::report_make, answer.report);
}

Buffer write(const StatusAnswer& answer) {
    CallWriter out = answer_to(Call::status);
    out.put_number(answer.core_version, 4);
    out.put_number(static_cast<std::uint64_t>(answer.mode), 1);
    out.put(answer.terminal_id);
    out.put(answer.serial_number);
    out.put(answer.card_key_id);
    out.put_number(answer.next_counter, 4);
    out.put_number(answer.sequence, 8);
    out.put_number(answer.events, 8);
    out.put_number(answer.pin ? 1 : 0, 1);
    out.put_number(static_cast<std::uint64_t>(answer.protection), 1);
    return out.take();
}
Result<StatusAnswer> read_status(CallReader& in) {
    StatusAnswer answer;
    answer.core_version = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    answer.mode = static_cast<CoreMode>(TRY(in.take_enum(static_cast<unsigned>(CoreMode::wiped))));
    const std::size_t id_bytes = answer.mode == CoreMode::fresh ? 0 : 8;
    answer.terminal_id = TRY(in.take_text({id_bytes, id_bytes}));
    answer.serial_number = TRY(in.take_text({0, serial_number_bytes_max}));
    answer.card_key_id = TRY(in.take_array<8>());
    answer.next_counter = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    answer.sequence = TRY(in.take_number(8));
    answer.events = TRY(in.take_number(8));
    answer.pin = TRY(in.take_enum(1)) == 1;
    answer.protection =
        static_cast<Protection>(TRY(in.take_enum(static_cast<unsigned>(Protection::tee))));
    return answer;
}

Buffer write(const CommandObeyAnswer& answer) {
    CallWriter out = answer_to(Call::command_obey);
    put_id(out, answer.done.id);
    out.put_number(answer.done.obeyed ? 1 : 0, 1);
    return out.take();
}
Result<CommandObeyAnswer> read_command_obey(CallReader& in) {
    CommandObeyAnswer answer;
    answer.done.id = TRY(take_id(in));
    answer.done.obeyed = TRY(in.take_enum(1)) == 1;
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
    put_id(out, outcome.permit);
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
    outcome.aid = TRY(take_buffer(in, {0, 16}));
    outcome.detail = TRY(in.take_text({0, detail_bytes_max}));
    outcome.permit = TRY(take_id(in));
    const bool online = outcome.kind == TapOutcomeKind::online_request;
    const bool good = online || outcome.kind == TapOutcomeKind::approved;
    if ((outcome.refusal == Refusal::none) != good) return wrong("tap: refusal and outcome");
    if (!online) return outcome;
    SealedCard card;
    card.ksn = TRY(in.take_array<12>());
    card.ciphertext = TRY(take_buffer(in, {17, sealed_card_bytes_max}));
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
    send.command = TRY(take_buffer(in, {4, apdu_bytes_max}));
    send.timeout_ms = static_cast<std::uint32_t>(TRY(in.take_number(4)));
    if (send.timeout_ms > wait_ms_max) return wrong("tap: timeout");
    step.next = std::move(send);
    return step;
}

Buffer write(const PinState& state) {
    CHECK(state.pin.has_value() == (state.progress == PinProgress::entered));
    CallWriter out = answer_to(Call::pin_begin);
    out.put_number(static_cast<std::uint64_t>(state.progress), 1);
    if (state.pin) {
        out.put(state.pin->ksn);
        out.put(state.pin->block);
    }
    return out.take();
}
Result<PinState> read_pin_state(CallReader& in) {
    PinState state;
    state.progress =
        static_cast<PinProgress>(TRY(in.take_enum(static_cast<unsigned>(PinProgress::timed_out))));
    if (state.progress != PinProgress::entered) return state;
    SealedPin pin;
    pin.ksn = TRY(in.take_array<12>());
    pin.block = TRY(in.take_array<16>());
    state.pin = pin;
    return state;
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

Result<TrustedAnswer> read_answer(CallReader& in) {
    const std::uint8_t code = in.head().call;
    if (code == failure_call) return TRY(read_failure(in));
    if ((code & answer_bit) == 0) return wrong("trusted call: a request");
    switch (static_cast<Call>(code & ~answer_bit)) {
        case Call::status:
            return TRY(read_status(in));
        case Call::enrol_begin:
            return TRY(read_proven<EnrolBeginAnswer>(in));
        case Call::enrol_finish:
            return EnrolFinishAnswer{};
        case Call::tap_begin:
            return TRY(read_step(in));
        case Call::tap_abort:
            return TapAbortAnswer{};
        case Call::permit_prepare:
            return TRY(read_proven<PermitPrepareAnswer>(in));
        case Call::permit_refused:
            return PermitRefusedAnswer{};
        case Call::report_make:
            return ReportMakeAnswer{TRY(take_signed(in))};
        case Call::command_obey:
            return TRY(read_command_obey(in));
        case Call::pin_begin:
            return TRY(read_pin_state(in));
        case Call::pin_abort:
            return PinAbortAnswer{};
        case Call::enrol_activate:
            return TRY(read_enrol_activate(in));
        case Call::tap_continue:
        case Call::pin_poll:
            break;
    }
    return fail(ErrorKind::unsupported, "trusted call: no such answer", code);
}

}  // namespace

std::string_view name_of(CoreMode mode) {
    constexpr std::array<std::string_view, 4> names = {"fresh", "ready", "suspended", "wiped"};
    return names[static_cast<std::size_t>(mode)];
}

std::string_view name_of(Protection protection) {
    constexpr std::array<std::string_view, 3> names = {"software", "tpm", "tee"};
    return names[static_cast<std::size_t>(protection)];
}

std::string_view name_of(TrustedFault fault) {
    constexpr std::array<std::string_view, trusted_faults> names = {
        "malformed_request", "version_unsupported", "not_enrolled",      "no_enrolment_begun",
        "grant_refused",     "parameters_refused",  "storage_failed",    "no_tap",
        "counter_exhausted", "permit_refused",      "state_rolled_back", "suspended",
        "platform_key",      "command_refused",     "pin_unavailable",   "internal"};
    return names[static_cast<std::size_t>(fault)];
}

Refusal refusal_of(TrustedFault fault) {
    switch (fault) {
        case TrustedFault::not_enrolled:
        case TrustedFault::counter_exhausted:
        case TrustedFault::state_rolled_back:
            return Refusal::terminal_not_active;
        case TrustedFault::permit_refused:
        case TrustedFault::suspended:
            return Refusal::device_not_trusted;
        case TrustedFault::storage_failed:
        case TrustedFault::platform_key:
            return Refusal::trusted_unavailable;
        case TrustedFault::pin_unavailable:
            return Refusal::pin_required;
        case TrustedFault::malformed_request:
        case TrustedFault::version_unsupported:
        case TrustedFault::no_enrolment_begun:
        case TrustedFault::grant_refused:
        case TrustedFault::parameters_refused:
        case TrustedFault::no_tap:
        case TrustedFault::command_refused:
        case TrustedFault::internal:
            return Refusal::internal;
    }
    return Refusal::internal;
}

Buffer encode(const TrustedAnswer& answer) {
    return std::visit([](const auto& one) { return write(one); }, answer);
}

Result<TrustedAnswer> decode_trusted_answer(Bytes message) {
    CallReader reader = TRY(open_trusted_call(message));
    auto answer = read_answer(reader);
    if (answer) TRY_VOID(reader.end());
    return answer;
}

}  // namespace softpos::protocol
