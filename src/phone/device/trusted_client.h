// The trusted core as typed calls.
#pragma once

#include "host/seqpacket.h"
#include "protocol/trusted_call.h"

#include <optional>
#include <string>

namespace softpos::device {

// Any thread may call; calls wait for each other. An Error of a call carries in `detail` the
// core's TrustedFault plus one, or 0 where there was no answer of the core at all.
//
//     TrustedClient core({.path = socket_path});
//     const protocol::TapStep step = TRY(core.tap_begin(request));
class TrustedClient {
public:
    explicit TrustedClient(host::SeqpacketClient::Options options) : client_(std::move(options)) {}

    Result<protocol::StatusAnswer> status();
    Result<protocol::EnrolBeginAnswer> enrol_begin(const protocol::EnrolBeginRequest& request);
    Result<protocol::EnrolActivateAnswer> enrol_activate(
        const protocol::EnrolActivateRequest& request);
    Result<void> enrol_finish(const protocol::EnrolFinishRequest& request);
    Result<protocol::TapStep> tap_begin(const protocol::TapBeginRequest& request);
    Result<protocol::TapStep> tap_continue(const protocol::TapContinueRequest& request);
    Result<void> tap_abort();
    Result<protocol::PermitPrepareAnswer> permit_prepare(
        const protocol::PermitPrepareRequest& request);
    Result<void> permit_refused();
    Result<protocol::ReportMakeAnswer> report_make(const protocol::ReportMakeRequest& request);
    Result<protocol::PinState> pin_begin(const protocol::SignedBody& permit);
    Result<protocol::PinState> pin_poll();
    Result<void> pin_abort();
    Result<protocol::CommandDone> command_obey(const protocol::SignedBody& command);

private:
    template <typename Answer>
    Result<Answer> call(const protocol::TrustedRequest& request);

    host::SeqpacketClient client_;
};

std::optional<protocol::TrustedFault> trusted_fault_of(const Error& error);
Refusal trusted_refusal_of(const Error& error);  // What a failed call means to the app.

}  // namespace softpos::device
