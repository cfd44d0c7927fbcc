// Each request is its own list of fields; what they share stands in the helpers.
#include "platform/channel/cup_messages.h"

#include "base/check.h"

#include <algorithm>

namespace softpos::channel {

using codec::IsoMessage;

namespace {

constexpr std::string_view currency_cny = "156";
constexpr std::string_view condition_normal = "00";
constexpr std::string_view pin_digits_max = "12";
constexpr std::string_view process_purchase = "000000";
constexpr std::string_view process_reverse_entry = "200000";  // Void and refund.
constexpr std::string_view entry_contactless_with_pin = "071";
constexpr std::string_view entry_contactless = "072";
constexpr std::string_view entry_manual = "012";  // From the store: the card is not there.
constexpr std::string_view security_with_pin = "2600000000000000";  // Block with PAN, 3DES.
constexpr std::string_view security_without_pin = "0600000000000000";
constexpr std::string_view operator_number = "01 ";
constexpr std::string_view any_scheme = "000";

// 60.1
constexpr std::string_view kind_management = "00";
constexpr std::string_view kind_purchase = "22";
constexpr std::string_view kind_void = "23";
constexpr std::string_view kind_refund = "25";
// 60.3
constexpr std::string_view network_sign_in_double_keys = "003";
constexpr std::string_view network_sign_out = "002";
constexpr std::string_view network_echo = "301";
constexpr std::string_view network_settle = "201";

std::string digits(std::int64_t number, std::size_t size) {
    const std::string text = std::to_string(number);
    CHECK(text.size() <= size);
    return std::string(size - text.size(), '0') + text;
}

Result<void> put_number(IsoMessage& out, unsigned field, std::uint32_t number) {
    if (number == 0 || number > trace_max) {
        return fail(ErrorKind::malformed, "cup: number out of range", field);
    }
    return out.set(field, digits(number, 6));
}

Result<void> put_terminal(IsoMessage& out, const CupTerminal& terminal) {
    TRY_VOID(out.set(41, terminal.terminal));
    return out.set(42, terminal.merchant);
}

// Fourteen digits of a payment; reader 6 takes contact and contactless cards.
Result<void> put_kind(IsoMessage& out, std::string_view kind, const CupTerminal& terminal) {
    if (terminal.batch == 0 || terminal.batch > trace_max) {
        return fail(ErrorKind::conflict, "cup: no batch, sign in first", 60);
    }
    return out.set(60, TRY(codec::build_field_60({.kind = std::string(kind),
                                                  .batch = digits(terminal.batch, 6),
                                                  .network_code = "000",
                                                  .reader = '6',
                                                  .chip_condition = '0',
                                                  .partial_approval = '0'})));
}

// Eleven digits of management.
Result<void> put_network_code(IsoMessage& out, std::string_view code, const CupTerminal& terminal) {
    if (terminal.batch > trace_max) return fail(ErrorKind::malformed, "cup: batch", 60);
    return out.set(60, TRY(codec::build_field_60({.kind = std::string(kind_management),
                                                  .batch = digits(terminal.batch, 6),
                                                  .network_code = std::string(code)})));
}

Result<void> put_amount(IsoMessage& out, Money amount) {
    if (amount.currency != Currency::cny) {
        return fail(ErrorKind::unsupported, "cup: currency", 49);
    }
    if (amount.minor <= 0 || amount.minor > amount_minor_max) {
        return fail(ErrorKind::malformed, "cup: amount", 4);
    }
    TRY_VOID(out.set(4, digits(amount.minor, 12)));
    return out.set(49, currency_cny);
}

Result<void> put_card(IsoMessage& out, const CardData& card) {
    TRY_VOID(out.set(2, card.pan()));
    if (!card.expiry().empty()) TRY_VOID(out.set(14, card.expiry()));
    if (!card.sequence().empty()) TRY_VOID(out.set(23, card.sequence()));
    return {};
}

Result<void> put_terminal_information(IsoMessage& out, const CupPayment& payment) {
    constexpr std::size_t factor_digits = 6;
    constexpr std::size_t version_size = 8;
    const CupTerminal& terminal = payment.terminal;
    if (terminal.serial.empty()) return {};
    if (terminal.app_version.size() > version_size) {
        return fail(ErrorKind::malformed, "cup: version of the app", 59);
    }
    codec::Field59 field;
    field.terminal = {.device_type = terminal.device_type,
                      .serial = terminal.serial,
                      .app_version = terminal.app_version};
    // The factor says what the proof is over: without one it would say nothing.
    if (!terminal.proof.empty()) {
        field.terminal->factor =
            payment.card.pan().substr(payment.card.pan().size() - factor_digits);
        field.terminal->proof = terminal.proof;
    }
    if (!terminal.app_version.empty()) field.terminal->app_version.resize(version_size, ' ');
    return out.set_binary(59, TRY(codec::build_field_59(field)));
}

// What every payment, void, refund and reversal begins with.
Result<void> put_front(IsoMessage& out, const CupPayment& payment, std::string_view processing,
                       std::string_view kind) {
    TRY_VOID(put_card(out, payment.card));
    TRY_VOID(out.set(3, processing));
    TRY_VOID(put_amount(out, payment.amount));
    TRY_VOID(put_number(out, 11, payment.trace));
    TRY_VOID(out.set(25, condition_normal));
    TRY_VOID(put_terminal(out, payment.terminal));
    return put_kind(out, kind, payment.terminal);
}

std::string_view entry_of_purchase(const CupPayment& payment) {
    if (!payment.card.entry_mode().empty()) return payment.card.entry_mode();
    return payment.pin ? entry_contactless_with_pin : entry_contactless;
}

// Batch, trace and, where it is known, date. The batch and trace of a void must be known.
Result<void> put_original(IsoMessage& out, const CupOriginal& original) {
    if (original.batch > trace_max || original.trace > trace_max) {
        return fail(ErrorKind::malformed, "cup: number out of range", 61);
    }
    return out.set(61, TRY(codec::build_field_61({.batch = digits(original.batch, 6),
                                                  .trace = digits(original.trace, 6),
                                                  .date = original.date})));
}

Result<const CupOriginal*> known_original(const CupPayment& payment) {
    const auto& original = payment.original;
    if (!original || original->batch == 0 || original->trace == 0) {
        return fail(ErrorKind::malformed, "cup: original unknown", 61);
    }
    return &*original;
}

std::string_view code_of(ReversalReason reason) {
    switch (reason) {
        case ReversalReason::no_answer:
            return "98";
        case ReversalReason::bad_mac:
            return "A0";
        case ReversalReason::other:
            break;
    }
    return "06";
}

Result<void> begin(IsoMessage& out, std::string_view mti) {
    out.reset();
    return out.set_mti(mti);
}

Result<void> build_management(std::string_view mti, std::string_view code,
                              const CupTerminal& terminal, std::uint32_t trace, IsoMessage& out) {
    TRY_VOID(begin(out, mti));
    TRY_VOID(put_number(out, 11, trace));
    TRY_VOID(put_terminal(out, terminal));
    return put_network_code(out, code, terminal);
}

}  // namespace

Result<void> build_purchase(const CupPayment& payment, IsoMessage& out) {
    TRY_VOID(begin(out, "0200"));
    TRY_VOID(put_front(out, payment, process_purchase, kind_purchase));
    TRY_VOID(out.set(22, entry_of_purchase(payment)));
    if (payment.card.track_2().empty()) {
        return fail(ErrorKind::malformed, "cup: purchase without track 2", 35);
    }
    TRY_VOID(out.set(35, payment.card.track_2()));
    if (payment.pin) {
        TRY_VOID(out.set(26, pin_digits_max));
        TRY_VOID(out.set_binary(52, *payment.pin));
    }
    TRY_VOID(out.set(53, payment.pin ? security_with_pin : security_without_pin));
    // A stripe has no chip data; a phone's card always has.
    if (!payment.card.chip_data().empty() || payment.card.entry_mode().empty()) {
        const Buffer chip = TRY(codec::field_55_for_sale(payment.card.chip_data()));
        TRY_VOID(out.set_binary(55, chip));
    }
    return put_terminal_information(out, payment);
}

Result<void> build_void(const CupPayment& payment, IsoMessage& out) {
    const CupOriginal& original = *TRY(known_original(payment));
    TRY_VOID(begin(out, "0200"));
    TRY_VOID(put_front(out, payment, process_reverse_entry, kind_void));
    TRY_VOID(out.set(22, entry_manual));
    TRY_VOID(out.set(37, original.reference));
    if (!original.approval.empty()) TRY_VOID(out.set(38, original.approval));
    TRY_VOID(put_original(out, original));
    return put_terminal_information(out, payment);
}

Result<void> build_refund(const CupPayment& payment, IsoMessage& out) {
    if (!payment.original) return fail(ErrorKind::malformed, "cup: original unknown", 61);
    TRY_VOID(begin(out, "0220"));
    TRY_VOID(put_front(out, payment, process_reverse_entry, kind_refund));
    TRY_VOID(out.set(22, entry_manual));
    TRY_VOID(out.set(37, payment.original->reference));
    TRY_VOID(put_original(out, *payment.original));
    TRY_VOID(out.set(63, any_scheme));
    return put_terminal_information(out, payment);
}

Result<void> build_reversal(const CupPayment& payment, const CupReversal& reversal,
                            IsoMessage& out) {
    const bool purchase = reversal.reversed == Reversed::purchase;
    TRY_VOID(begin(out, "0400"));
    TRY_VOID(put_front(out, payment, purchase ? process_purchase : process_reverse_entry,
                       purchase ? kind_purchase : kind_void));
    TRY_VOID(out.set(22, purchase ? entry_of_purchase(payment) : entry_manual));
    TRY_VOID(out.set(39, code_of(reversal.reason)));
    if (!purchase) return put_original(out, *TRY(known_original(payment)));
    const Buffer chip =
        TRY(codec::field_55_for_reversal(payment.card.chip_data(), reversal.chip_end));
    if (!chip.empty()) TRY_VOID(out.set_binary(55, chip));
    return {};
}

Result<void> build_sign_in(const CupTerminal& terminal, std::uint32_t trace,
                           const std::optional<codec::SignInIdentity>& identity, IsoMessage& out) {
    TRY_VOID(build_management("0800", network_sign_in_double_keys, terminal, trace, out));
    if (identity) {
        const Buffer value = TRY(codec::build_sign_in_identity(*identity));
        TRY_VOID(out.set_binary(62, value));
    }
    return out.set(63, operator_number);
}

Result<void> build_sign_out(const CupTerminal& terminal, std::uint32_t trace, IsoMessage& out) {
    return build_management("0820", network_sign_out, terminal, trace, out);
}

Result<void> build_echo(const CupTerminal& terminal, std::uint32_t trace, IsoMessage& out) {
    return build_management("0820", network_echo, terminal, trace, out);
}

Result<void> build_batch_settle(const CupTerminal& terminal, std::uint32_t trace,
                                const codec::BatchTotals& totals, IsoMessage& out) {
    if (terminal.batch == 0) return fail(ErrorKind::conflict, "cup: no batch, sign in first", 60);
    TRY_VOID(build_management("0500", network_settle, terminal, trace, out));
    const std::string digits_of_totals = TRY(codec::build_batch_totals(totals));
    TRY_VOID(out.set(48, digits_of_totals));
    TRY_VOID(out.set(49, currency_cny));
    return out.set(63, operator_number);
}

bool carries_mac(std::string_view mti) {
    return mti.size() == 4 && (mti[1] == '1' || mti[1] == '2' || mti[1] == '4' || mti[1] == '6');
}

Result<OutgoingMessage> OutgoingMessage::pack(IsoMessage& message) {
    OutgoingMessage outgoing;
    outgoing.wants_mac_ = carries_mac(message.mti());
    if (outgoing.wants_mac_) TRY_VOID(message.set_binary(64, MacText{}));
    std::array<std::uint8_t, codec::iso_message_bytes_max> packed;
    const std::size_t size = TRY(codec::pack(message, packed));
    outgoing.bytes_ = SecretBytes::copy_of(Bytes(packed).first(size));
    wipe(std::span(packed).first(size));
    return outgoing;
}

Bytes OutgoingMessage::mac_input() const {
    return wants_mac_ ? codec::mac_input(bytes()) : Bytes{};
}

void OutgoingMessage::set_mac(const MacText& mac) {
    CHECK(wants_mac_);
    std::ranges::copy(mac, bytes_.writable().last(mac.size()).begin());
    has_mac_ = true;
}

Buffer OutgoingMessage::frame(const CupRoute& route) const {
    CHECK(has_mac_ == wants_mac_);
    return codec::build_frame({route.tpdu, route.header, bytes()});
}

}  // namespace softpos::channel
