// Payments out of wallets on this phone: no card and no kernel, but the same permit, journal and
// platform.
#include "crypto/hash.h"
#include "phone/device/phone_service.h"

namespace softpos::device {
namespace {

std::array<std::uint8_t, 32> digest_of(const WalletOrder& order) {
    std::string text = "wallet/" + std::to_string(order.amount_minor) + "/CNY/";
    text += std::to_string(order.reference.size()) + ":" + order.reference + "/";
    text += order.channel + "/" + order.payment_code;
    return crypto::sha256(bytes_of(text));
}

}  // namespace

// The permit is asked for where a card's payment would send: a crash in between leaves an entry
// that the platform does not know, and that ends declined.
PaymentOutcome PhoneService::take_wallet(const WalletOrder& order) {
    const Id128 key = order.key ? *order.key : Id128::make(parts_.random);
    const bool scans = !order.payment_code.empty();
    return run_without_card(
        {.key = key,
         .digest = digest_of(order),
         .amount_minor = order.amount_minor,
         .reference = order.reference,
         .original_payment_id = {}},
        [&](PlatformClient& to) -> PlatformAnswer {
            auto permit = trust_.permit(to, {.purpose = scans ? protocol::PermitPurpose::qr_scan
                                                              : protocol::PermitPurpose::qr_show,
                                             .amount_minor = order.amount_minor});
            if (!permit) {
                RefusalText words = words_of(permit.error().refusal);
                words.reference = std::move(permit.error().reference);
                return {.kind = AnswerKind::refused, .payment = {}, .refusal = std::move(words)};
            }
            return to.wallet({.key = key,
                              .amount_minor = order.amount_minor,
                              .reference = order.reference,
                              .payment_code = order.payment_code,
                              .channel = order.channel,
                              .permit = permit->id});
        });
}

PaymentOutcome PhoneService::give_up(const std::string& payment_id) {
    const auto refused = [](Refusal refusal) { return std::unexpected(words_of(refusal)); };
    const auto line = platform();
    if (!line) return refused(Refusal::terminal_not_active);
    if (!is_identifier(payment_id)) return refused(Refusal::not_found);
    PlatformAnswer answer = line->give_up(payment_id);
    if (answer.kind == AnswerKind::payment) return std::move(answer.payment);
    return std::unexpected(std::move(answer.refusal));
}

}  // namespace softpos::device
