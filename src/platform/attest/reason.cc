// The table of reasons, in the order in which a verifier comes to them.
#include "platform/attest/reason.h"

#include <algorithm>

namespace softpos::attest {
namespace {

using Code = protocol::FindingCode;

constexpr ReasonRow rows[] = {
    // Form and chain.
    {"FORM", Code::chain, "The bytes are not what this kind of evidence consists of."},
    {"UNSUPPORTED", Code::chain, "Evidence of this kind cannot be checked here."},
    {"CHAIN_BROKEN", Code::chain,
     "The certificates do not follow on one another, or one is missing."},
    {"CERTIFICATE_MALFORMED", Code::chain, "A certificate cannot be read."},
    {"ROOT_UNTRUSTED", Code::chain,
     "The chain does not end under a root that is trusted here: anybody can make such a one."},
    {"CHAIN_EXTENDED", Code::chain,
     "A certificate stands where none may stand, as when an app signs one with an attested key."},
    {"SIGNATURE", Code::chain, "A signature does not fit: something was changed or replaced."},
    {"NOT_YET_VALID", Code::chain, "A certificate is not valid yet at the time of the check."},
    {"EXPIRED", Code::chain, "A certificate had expired at the time of the check."},
    {"REVOKED", Code::revoked, "The maker took a key of this chain back."},
    {"EXTENSION_MISSING", Code::chain, "The first certificate states nothing about its key."},
    {"EXTENSION_MALFORMED", Code::chain, "What the certificate states does not follow its form."},
    // The key.
    {"SECURITY_LEVEL", Code::level, "The key is not protected by hardware as it must be."},
    {"KEY_ALGORITHM", Code::level, "The key is of a kind that is not used here."},
    {"KEY_ORIGIN", Code::level, "The key was not made where it lives: copies may exist."},
    {"KEY_SCOPE", Code::level, "The key serves more than one app or more than attesting."},
    {"KEY_PURPOSE", Code::level, "The key may do other things than it is shown for."},
    {"KEY_UNKNOWN", Code::chain, "There is no key to check the signature with."},
    {"KEY_MISMATCH", Code::chain, "The parts of the evidence are about different keys."},
    {"AK_NAME", Code::chain, "The quote names another key than the one that came with it."},
    {"EK_MISSING", Code::evidence_missing, "No certificate says that this key lives in a TPM."},
    {"ACTIVATION", Code::chain,
     "The credential that was made for the TPM's key was not opened by the TPM with that key."},
    {"SOFTWARE_KEY", Code::software_key,
     "Only the program itself vouches for the key: software protects it."},
    // Freshness.
    {"CHALLENGE", Code::replay,
     "The evidence answers another question: it is old, or was made for somebody else."},
    {"COUNTER", Code::replay, "The key's counter did not rise: the message was used before."},
    {"TIME", Code::evidence_stale, "The evidence is older or newer than is taken."},
    // What booted, and the app.
    {"ROOT_OF_TRUST_MISSING", Code::boot_state, "Nothing is said about what booted."},
    {"BOOTLOADER_UNLOCKED", Code::boot_unlocked,
     "The boot loader is unlocked: whoever holds the phone can install any system."},
    {"BOOT_STATE_UNVERIFIED", Code::boot_state, "The system that booted was not verified."},
    {"BOOT_STATE_FAILED", Code::boot_state, "The check of the system that booted failed."},
    {"BOOT_KEY_UNKNOWN", Code::boot_state, "The system was signed by a key that is not known."},
    {"PCR_SELECTION", Code::boot_state, "The quote does not cover the PCRs that are wanted."},
    {"PCR_DIGEST", Code::boot_state, "The PCR values are not those that the TPM signed."},
    {"PCR_VALUE", Code::boot_state, "Something else booted or was launched than is expected."},
    {"PCR_CHANGED", Code::boot_state,
     "Something was launched between the quote and the proof that the TPM opened its credential."},
    {"RESTARTED", Code::boot_state,
     "The machine was started anew between the quote and the proof that belongs to it."},
    {"RESETS", Code::rollback, "The TPM counts fewer starts than it did before."},
    {"EMULATOR", Code::emulator, "The device is no phone but an emulator."},
    {"DEVICE_INTEGRITY", Code::boot_state, "The service does not vouch for the device."},
    {"APP_ID_MISSING", Code::repackaged, "Nothing is said about the app."},
    {"APP_PACKAGE", Code::repackaged, "The evidence is about another app."},
    {"APP_ID", Code::repackaged, "The evidence is about another app."},
    {"APP_SIGNER", Code::repackaged, "The app was signed by somebody else: it is a changed copy."},
    {"APP_RECOGNITION", Code::repackaged, "The service does not know the app as published."},
    {"MEASUREMENT", Code::repackaged, "Another program runs than was registered."},
    {"APP_VERSION", Code::version_old, "The app is older than is taken."},
    {"PATCH_LEVEL", Code::patch_old, "The system's security patches are older than is taken."},
    {"ENVIRONMENT", Code::dev_mode, "The key comes from a development service."},
    // Tokens.
    {"ALGORITHM", Code::chain, "The token is signed in a way that is not taken here."},
    {"SIGNER", Code::chain, "The token is signed by somebody else than the service."},
    {"DECRYPTION", Code::chain, "The token cannot be decrypted with the key that is set up."},
    // For review.
    {"STATUS_STALE", Code::evidence_stale,
     "Nothing is wrong with it, but there is no fresh list of revoked keys to look it up in."},
    {"NOT_COMPARED", Code::evidence_missing,
     "Nothing is wrong with it, but it was not compared with a question, an app or a state."},
    {"NOT_ACTIVATED", Code::evidence_missing,
     "Nothing is wrong with it, but the TPM has not proven yet that the key lives in it."},
};

const ReasonRow* row_of(std::string_view reason) {
    const auto* row = std::ranges::find(rows, reason, &ReasonRow::reason);
    return row == std::end(rows) ? nullptr : row;
}

}  // namespace

std::span<const ReasonRow> reason_rows() {
    return rows;
}

protocol::FindingCode finding_of(std::string_view reason) {
    const ReasonRow* row = row_of(reason);
    return row == nullptr ? Code::chain : row->code;
}

std::string_view sentence_of(std::string_view reason) {
    const ReasonRow* row = row_of(reason);
    return row == nullptr ? std::string_view() : row->sentence;
}

void settle(Verdict& verdict, Outcome outcome, const std::optional<Fault>& fault) {
    if (!fault) {
        verdict.outcome = Outcome::pass;
        return;
    }
    verdict.outcome = outcome;
    verdict.reason = fault->reason;
    verdict.where = fault->where;
    verdict.findings.push_back(
        {finding_of(fault->reason), protocol::TrustClass::hardware, fault->where});
}

}  // namespace softpos::attest
