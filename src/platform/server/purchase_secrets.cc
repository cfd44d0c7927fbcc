// Card, serial number, PIN.
#include "platform/server/purchase_secrets.h"

#include "base/log.h"
#include "codec/ber_tlv.h"
#include "platform/channel/cup_messages.h"

#include <algorithm>

namespace softpos::server {
namespace {

constexpr std::size_t factor_digits = 6;
constexpr std::size_t version_bytes_max = 8;

PurchaseFlaw flaw_of(const Error& error, PurchaseFlaw otherwise) {
    log(LogLevel::warning, "payment: the vault said no", error);
    return error.kind == ErrorKind::unavailable ? PurchaseFlaw::vault : otherwise;
}

Result<keys::OpenedCard> open_card(keys::KeyVault& vault, const PaymentOrder& order) {
    const auto aad =
        protocol::sealed_card_aad({order.terminal.number, order.amount_minor,
                                   static_cast<std::uint16_t>(Currency::cny), order.permit});
    return vault.open_card(phone_bdk_alias, order.card, aad);
}

// A terminal that has a serial number must prove it with each sale; one from before there were any
// has nothing to prove.
PurchaseFlaw prove_serial(keys::KeyVault& vault, const PaymentOrder& order,
                          PurchaseSecrets& secrets) {
    const merchant::Terminal& terminal = order.terminal;
    if (terminal.serial.empty()) return PurchaseFlaw::none;
    const Bytes card_tlv = secrets.card.card_tlv.bytes();
    const auto cipher = codec::find_value(card_tlv, protocol::sealed_tag::serial_cipher);
    if (!cipher || !*cipher) return PurchaseFlaw::serial;
    const auto card = channel::CardData::read(card_tlv);
    if (!card || card->pan().size() < factor_digits) return PurchaseFlaw::card;
    const Bytes factor = bytes_of(card->pan().substr(card->pan().size() - factor_digits));
    const auto checked = vault.check_serial_cipher(
        serial_key_alias(terminal.number),
        {.serial = terminal.serial, .factor6 = factor, .cipher8 = **cipher});
    if (!checked) return flaw_of(checked.error(), PurchaseFlaw::serial);
    secrets.serial = {.device_type = "08",
                      .serial = terminal.serial,
                      .app_version = terminal.app_version.substr(0, version_bytes_max),
                      .proof = std::string(text_of(**cipher))};
    return PurchaseFlaw::none;
}

PurchaseFlaw take_block(const Result<Buffer>& block, PurchaseSecrets& secrets) {
    if (!block) return flaw_of(block.error(), PurchaseFlaw::pin);
    channel::PinBlock translated{};
    if (block->size() != translated.size()) return PurchaseFlaw::pin;
    std::ranges::copy(*block, translated.begin());
    secrets.pin = translated;
    return PurchaseFlaw::none;
}

PurchaseFlaw translate_pin(keys::KeyVault& vault, const PaymentOrder& order,
                           PurchaseSecrets& secrets) {
    if (!order.pin) return PurchaseFlaw::none;
    const auto block = vault.translate_pin({.base_key = pin_bdk_alias,
                                            .pin = order.pin->pin,
                                            .stored_form = secrets.card.stored_form,
                                            .terminal_key = master_key_alias(order.terminal.number),
                                            .format = protocol::PinBlockFormat::iso0});
    return take_block(block, secrets);
}

PurchaseFlaw translate_classic_pin(keys::KeyVault& vault, const PaymentOrder& order,
                                   PurchaseSecrets& secrets) {
    if (!order.classic->pin) return PurchaseFlaw::none;
    const auto block =
        vault.translate_classic_pin({.classic_key = classic_key_alias(order.terminal.number),
                                     .block8 = *order.classic->pin,
                                     .stored_form = secrets.card.stored_form,
                                     .terminal_key = master_key_alias(order.terminal.number),
                                     .format = protocol::PinBlockFormat::iso0});
    return take_block(block, secrets);
}

// The card came in clear: from here on it is what the vault sealed.
OpenedPurchase open_classic(keys::KeyVault& vault, const PaymentOrder& order) {
    const auto kept = vault.keep_card(order.classic->card_tlv.bytes());
    if (!kept) return {flaw_of(kept.error(), PurchaseFlaw::card), nullptr};
    const auto secrets = std::make_shared<PurchaseSecrets>();
    secrets->card.card_tlv = order.classic->card_tlv.clone();
    secrets->card.stored_form = kept->stored_form;
    secrets->card.masked_pan = kept->masked_pan;
    secrets->serial = {
        .device_type = "02", .serial = order.terminal.serial, .app_version = {}, .proof = {}};
    const PurchaseFlaw flaw = translate_classic_pin(vault, order, *secrets);
    if (flaw != PurchaseFlaw::none) return {flaw, nullptr};
    return {PurchaseFlaw::none, secrets};
}

}  // namespace

OpenedPurchase open_purchase(keys::KeyVault& vault, const PaymentOrder& order) {
    if (order.classic != nullptr) return open_classic(vault, order);
    auto card = open_card(vault, order);
    if (!card) return {flaw_of(card.error(), PurchaseFlaw::card), nullptr};
    const auto secrets = std::make_shared<PurchaseSecrets>();
    secrets->card = *std::move(card);
    PurchaseFlaw flaw = prove_serial(vault, order, *secrets);
    if (flaw == PurchaseFlaw::none) flaw = translate_pin(vault, order, *secrets);
    if (flaw != PurchaseFlaw::none) return {flaw, nullptr};
    return {PurchaseFlaw::none, secrets};
}

}  // namespace softpos::server
