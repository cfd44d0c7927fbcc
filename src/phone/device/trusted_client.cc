// Encodes, calls, decodes, and refuses an answer to another question.
#include "phone/device/trusted_client.h"

#include "base/log.h"

#include <utility>

namespace softpos::device {

using protocol::TrustedFault;

template <typename Answer>
Result<Answer> TrustedClient::call(const protocol::TrustedRequest& request) {
    auto answered = client_.call(protocol::encode(request));
    if (!answered) return fail(answered.error().kind, answered.error().what);
    auto answer = protocol::decode_trusted_answer(*answered);
    if (!answer) {
        log(LogLevel::error, "answer of the trusted core cannot be read", answer.error());
        return fail(ErrorKind::malformed, "trusted core: the answer cannot be read");
    }
    if (const auto* failure = std::get_if<protocol::TrustedFailure>(&*answer)) {
        return fail(ErrorKind::denied, "trusted core: refused",
                    static_cast<std::uint32_t>(failure->fault) + 1, failure->detail);
    }
    auto* wanted = std::get_if<Answer>(&*answer);
    if (wanted == nullptr) {
        return fail(ErrorKind::malformed, "trusted core: the answer to another call");
    }
    return std::move(*wanted);
}

Result<protocol::StatusAnswer> TrustedClient::status() {
    return call<protocol::StatusAnswer>(protocol::StatusRequest{});
}

Result<protocol::EnrolBeginAnswer> TrustedClient::enrol_begin(
    const protocol::EnrolBeginRequest& request) {
    return call<protocol::EnrolBeginAnswer>(request);
}

Result<protocol::EnrolActivateAnswer> TrustedClient::enrol_activate(
    const protocol::EnrolActivateRequest& request) {
    return call<protocol::EnrolActivateAnswer>(request);
}

Result<void> TrustedClient::enrol_finish(const protocol::EnrolFinishRequest& request) {
    TRY_VOID(call<protocol::EnrolFinishAnswer>(request));
    return {};
}

Result<protocol::TapStep> TrustedClient::tap_begin(const protocol::TapBeginRequest& request) {
    return call<protocol::TapStep>(request);
}

Result<protocol::TapStep> TrustedClient::tap_continue(const protocol::TapContinueRequest& request) {
    return call<protocol::TapStep>(request);
}

Result<void> TrustedClient::tap_abort() {
    TRY_VOID(call<protocol::TapAbortAnswer>(protocol::TapAbortRequest{}));
    return {};
}

Result<protocol::PermitPrepareAnswer> TrustedClient::permit_prepare(
    const protocol::PermitPrepareRequest& request) {
    return call<protocol::PermitPrepareAnswer>(request);
}

Result<void> TrustedClient::permit_refused() {
    TRY_VOID(call<protocol::PermitRefusedAnswer>(protocol::PermitRefusedRequest{}));
    return {};
}

Result<protocol::ReportMakeAnswer> TrustedClient::report_make(
    const protocol::ReportMakeRequest& request) {
    return call<protocol::ReportMakeAnswer>(request);
}

Result<protocol::CommandDone> TrustedClient::command_obey(const protocol::SignedBody& command) {
    const auto answer =
        TRY(call<protocol::CommandObeyAnswer>(protocol::CommandObeyRequest{command}));
    return answer.done;
}

Result<protocol::PinState> TrustedClient::pin_begin(const protocol::SignedBody& permit) {
    return call<protocol::PinState>(protocol::PinBeginRequest{permit});
}

Result<protocol::PinState> TrustedClient::pin_poll() {
    return call<protocol::PinState>(protocol::PinPollRequest{});
}

Result<void> TrustedClient::pin_abort() {
    TRY_VOID(call<protocol::PinAbortAnswer>(protocol::PinAbortRequest{}));
    return {};
}

std::optional<TrustedFault> trusted_fault_of(const Error& error) {
    if (error.detail == 0 || error.detail > protocol::trusted_faults) return std::nullopt;
    return static_cast<TrustedFault>(error.detail - 1);
}

Refusal trusted_refusal_of(const Error& error) {
    const auto fault = trusted_fault_of(error);
    return fault ? protocol::refusal_of(*fault) : Refusal::trusted_unavailable;
}

}  // namespace softpos::device
