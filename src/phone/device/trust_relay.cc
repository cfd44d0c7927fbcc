// Ask the core, ask the platform, pass on what came.
#include "phone/device/trust_relay.h"

#include "base/log.h"

#include <algorithm>

namespace softpos::device {
namespace {

constexpr std::int64_t us_of_ms = 1000;
// For the card to be selected after it was found: the core looks at its clock once more then.
constexpr std::int64_t margin_ms = 1'500;
// A command that brings another one, and so on, is heard at the next report.
constexpr unsigned reports_in_a_row_max = 2;

}  // namespace

protocol::Posture TrustRelay::posture() {
    const std::lock_guard lock(mutex_);
    return look();
}

// Whether a PIN can be taken is the core's to say: the screen is its own.
protocol::Posture TrustRelay::look() {
    protocol::Posture posture = parts_.posture.look();
    const auto core = parts_.core.status();
    if (core && core->pin) {
        posture.hardware = static_cast<protocol::CapabilitySet>(
            posture.hardware | protocol::bit_of(protocol::Capability::card_pin));
    }
    return posture;
}

// The core forgets what it was about to do, whatever the reason.
PermitRefusal TrustRelay::let_go(PermitRefusal refusal) {
    const auto told = parts_.core.permit_refused();
    if (!told) log(LogLevel::warning, "trusted core did not hear of the refusal", told.error());
    return refusal;
}

// True where the core did something that the platform should hear of.
bool TrustRelay::obey(const std::vector<protocol::SignedBody>& commands) {
    bool done = false;
    for (const protocol::SignedBody& command : commands) {
        const auto obeyed = parts_.core.command_obey(command);
        if (!obeyed) log(LogLevel::warning, "command not obeyed", obeyed.error());
        done = done || obeyed.has_value();
    }
    return done;
}

std::expected<PermitInHand, PermitRefusal> TrustRelay::permit(PlatformClient& platform,
                                                              const PermitWish& wish) {
    const std::lock_guard lock(mutex_);
    const Ticks begun = parts_.clock.ticks();
    auto prepared = parts_.core.permit_prepare({.purpose = wish.purpose,
                                                .amount_minor = wish.amount_minor,
                                                .currency = wish.currency,
                                                .posture = look()});
    if (!prepared) {
        log(LogLevel::warning, "no request for a permit", prepared.error());
        return std::unexpected(PermitRefusal{trusted_refusal_of(prepared.error()), {}});
    }
    protocol::PermitAsk ask{.request = std::move(prepared->request), .evidences = {}};
    if (prepared->evidence) ask.evidences.push_back(std::move(*prepared->evidence));
    auto answer = platform.spa(ask);
    if (!answer) return std::unexpected(let_go({Refusal::server_unavailable, {}}));
    if (auto* refused = std::get_if<protocol::SpaRefused>(&*answer)) {
        const Refusal why =
            refused->try_again ? Refusal::server_unavailable : Refusal::device_not_trusted;
        log(LogLevel::warning, "no permit", {{"reference", LogId(refused->reference)}});
        PermitRefusal refusal = let_go({why, std::move(refused->reference)});
        // What was obeyed is told at once: the platform may wait for it.
        if (obey(refused->commands)) (void)report_locked(platform);
        return std::unexpected(std::move(refusal));
    }
    auto* given = std::get_if<protocol::PermitGiven>(&*answer);
    const auto body = given == nullptr
                          ? Result<protocol::SpaBody>(fail(ErrorKind::malformed, "no permit"))
                          : protocol::decode_spa_body(given->permit.body);
    const auto* permit = body ? std::get_if<protocol::Permit>(&*body) : nullptr;
    if (permit == nullptr) return std::unexpected(let_go({Refusal::server_unavailable, {}}));
    obey(given->commands);
    const std::int64_t used_ms = (parts_.clock.ticks().us - begun.us) / us_of_ms;
    const std::int64_t left_ms = std::int64_t{permit->seconds} * 1000 - used_ms - margin_ms;
    return PermitInHand{std::move(given->permit), permit->id,
                        static_cast<unsigned>(std::max<std::int64_t>(left_ms, 0))};
}

Result<void> TrustRelay::report(PlatformClient& platform) {
    const std::lock_guard lock(mutex_);
    return report_locked(platform);
}

Result<void> TrustRelay::report_locked(PlatformClient& platform) {
    for (unsigned i = 0; i < reports_in_a_row_max; ++i) {
        auto made = TRY(parts_.core.report_make({parts_.posture.look().findings, {}}));
        auto answer = platform.spa(protocol::ReportSent{std::move(made.report)});
        if (!answer) return fail(ErrorKind::unavailable, "report: no answer");
        if (const auto* taken = std::get_if<protocol::ReportTaken>(&*answer)) {
            if (!obey(taken->commands)) return {};
        } else if (const auto* refused = std::get_if<protocol::SpaRefused>(&*answer)) {
            log(LogLevel::warning, "report refused", {{"reference", LogId(refused->reference)}});
            if (!obey(refused->commands)) return fail(ErrorKind::denied, "report: refused");
        } else {
            return fail(ErrorKind::malformed, "report: the answer to another message");
        }
    }
    return {};
}

}  // namespace softpos::device
