// What may see a card number: enrolment, keys, permits, the EMV kernel and the sealing of what it
// read. One request in, one answer out; no I/O, no clock, no thread, nothing that a TEE lacks.
#pragma once

#include "base/bytes.h"
#include "crypto/p256.h"
#include "phone/emv/tap.h"
#include "phone/trust/core_journal.h"
#include "phone/trust/core_state.h"
#include "phone/trust/platform_word.h"
#include "phone/trust/transaction_keys.h"
#include "phone/trust/trusted_platform.h"
#include "protocol/trusted_call.h"

#include <memory>
#include <optional>

namespace softpos::trust {

constexpr std::uint32_t core_version = 2;
// How long a tap may last, whatever its caller does. A card is done within one second.
constexpr std::int64_t tap_seconds_max = 60;

struct CoreOptions {
    // Signs grants, permits and commands. Without one the core enrols with nobody.
    std::optional<protocol::Point65> platform_key;
};

// One tap at a time: beginning another one ends it. Where the platform has no screen of the
// customer's, there is no PIN: the card is told so, and where card and amount insist, the tap is
// declined with pin_required.
//
//     TrustedCore core(platform, {.platform_key = key});
//     const Buffer answer = core.invoke(request);   // protocol/trusted_call.h
class TrustedCore {
public:
    // `platform` is borrowed and must outlive this.
    explicit TrustedCore(TrustedPlatform& platform, const CoreOptions& options);
    ~TrustedCore();
    TrustedCore(const TrustedCore&) = delete;
    TrustedCore& operator=(const TrustedCore&) = delete;

    // Any bytes at all; always an answer.
    Buffer invoke(Bytes request);

    // Ends in order: the next start finds that nobody ended this one. Nothing is called afterwards.
    void close();

private:
    struct Terminal;  // What this phone is enrolled as, with its keys.
    struct NewKeys;   // Between enrol_begin and enrol_finish.
    struct RunningTap;

    Result<void> load();
    Result<void> save(Terminal& terminal);
    std::optional<protocol::TrustedFault> not_ready() const;

    protocol::TrustedAnswer answer(const protocol::TrustedRequest& request);
    protocol::TrustedAnswer on(const protocol::StatusRequest&);

    // trusted_core_enrol.cc
    protocol::TrustedAnswer on(const protocol::EnrolBeginRequest& request);
    protocol::TrustedAnswer on(const protocol::EnrolActivateRequest& request);
    enum class EvidenceUse : std::uint8_t { enrolment, permit };
    std::optional<protocol::Evidence> evidence_of(EvidenceUse use, const crypto::P256Key& sign_key,
                                                  std::uint32_t app_version, Bytes message);
    protocol::TrustedAnswer on(const protocol::EnrolFinishRequest& request);
    Result<std::unique_ptr<Terminal>> make_terminal(const protocol::CoreGrant& grant,
                                                    protocol::TrustedFailure& failure);
    Result<TransactionKeys> take_keys(const protocol::CoreGrant& grant, crypto::DukptUsage usage,
                                      protocol::TrustedFailure& failure) const;

    // trusted_core_permit.cc
    protocol::TrustedAnswer on(const protocol::PermitPrepareRequest& request);
    protocol::TrustedAnswer on(const protocol::PermitRefusedRequest&);
    protocol::TrustedAnswer on(const protocol::ReportMakeRequest& request);
    protocol::TrustedAnswer on(const protocol::CommandObeyRequest& request);
    std::vector<protocol::Finding> own_findings();
    std::vector<protocol::Finding> all_findings(const std::vector<protocol::Finding>& app);
    std::optional<protocol::FindingCode> hard_finding();
    Result<protocol::SignedBody> sign(const protocol::SpaBody& body);
    std::optional<protocol::Permit> use_permit(const protocol::SignedBody& shown,
                                               const PermitUse& use);
    void let_go(PermitFlaw flaw);  // Of everything that a permit opened.
    Result<bool> obey(const protocol::Command& command);
    Instant server_time_now();
    void note_server_time(Instant signed_at);

    // trusted_core_tap.cc
    protocol::TrustedAnswer on(const protocol::TapBeginRequest& request);
    protocol::TrustedAnswer on(const protocol::TapContinueRequest& request);
    protocol::TrustedAnswer on(const protocol::TapAbortRequest&);
    protocol::TrustedAnswer tell(const emv::Step& step);
    protocol::TrustedAnswer finish(const emv::Step& step);
    Result<protocol::SealedCard> seal(const emv::CardRecord& record);

    // trusted_core_pin.cc
    protocol::TrustedAnswer on(const protocol::PinBeginRequest& request);
    protocol::TrustedAnswer on(const protocol::PinPollRequest&);
    protocol::TrustedAnswer on(const protocol::PinAbortRequest&);
    bool can_take_pin() const;
    protocol::TrustedAnswer tell_pin();
    Result<protocol::SealedPin> seal_pin();

    TrustedPlatform& platform_;
    CoreOptions options_;
    std::optional<protocol::TrustedFault> load_fault_;
    CoreJournal journal_;
    Ticks server_time_seen_;  // When the journal's server time was noted, by our own clock.
    std::unique_ptr<NewKeys> new_keys_;
    std::unique_ptr<Terminal> terminal_;
    std::optional<OpenRequest> open_;
    std::unique_ptr<RunningTap> tap_;
    // The card whose tap ended with online_pin, until its PIN is in or given up.
    struct AwaitedPin;
    std::unique_ptr<AwaitedPin> awaited_pin_;
};

}  // namespace softpos::trust
