// What may see a card number: enrolment, keys, the EMV kernel and the sealing of what it read. One
// request in, one answer out; no I/O, no clock, no thread, nothing that a TEE lacks.
#pragma once

#include "base/bytes.h"
#include "crypto/p256.h"
#include "phone/emv/tap.h"
#include "phone/trust/core_state.h"
#include "phone/trust/transaction_keys.h"
#include "phone/trust/trusted_platform.h"
#include "protocol/trusted_call.h"

#include <memory>
#include <optional>

namespace softpos::trust {

constexpr std::uint32_t core_version = 1;

// One tap at a time: beginning another one ends it. This version has no PIN entry: where the card
// and the amount ask for the online PIN, the tap is declined with pin_required.
//
//     TrustedCore core(platform);
//     const Buffer answer = core.invoke(request);   // protocol/trusted_call.h
class TrustedCore {
public:
    explicit TrustedCore(TrustedPlatform& platform);  // Borrowed; must outlive this.
    ~TrustedCore();
    TrustedCore(const TrustedCore&) = delete;
    TrustedCore& operator=(const TrustedCore&) = delete;

    // Any bytes at all; always an answer.
    Buffer invoke(Bytes request);

private:
    struct Enrolment;  // Of this terminal, with its keys.
    struct RunningTap;

    Result<void> load();
    Result<void> reserve_keys();
    Result<void> save(Enrolment& enrolment);
    Result<std::unique_ptr<Enrolment>> make_enrolment(const protocol::EnrolFinishRequest& request,
                                                      protocol::TrustedFailure& failure);

    protocol::TrustedAnswer answer(const protocol::TrustedRequest& request);
    protocol::TrustedAnswer on(const protocol::StatusRequest&);
    protocol::TrustedAnswer on(const protocol::EnrolBeginRequest&);
    protocol::TrustedAnswer on(const protocol::EnrolFinishRequest& request);
    protocol::TrustedAnswer on(const protocol::TapBeginRequest& request);
    protocol::TrustedAnswer on(const protocol::TapContinueRequest& request);
    protocol::TrustedAnswer on(const protocol::TapAbortRequest&);
    protocol::TrustedAnswer tell(const emv::Step& step);
    protocol::TrustedAnswer finish(const emv::Step& step);
    Result<protocol::SealedCard> seal();

    TrustedPlatform& platform_;
    std::optional<protocol::TrustedFault> load_fault_;
    std::optional<crypto::P256Key> enrolment_key_;  // Between enrol_begin and enrol_finish.
    std::unique_ptr<Enrolment> enrolment_;
    std::unique_ptr<RunningTap> tap_;
};

}  // namespace softpos::trust
