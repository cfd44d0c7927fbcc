// The type of message, processing code and field 60 together say what is asked.
#include "platform/channel/cup_requests.h"

#include "base/money.h"
#include "base/pan.h"
#include "base/table_text.h"
#include "codec/ber_tlv.h"

#include <algorithm>
#include <array>

namespace softpos::channel {

using codec::IsoMessage;

namespace {

constexpr std::size_t item_digits = 2 + 6 + 20 + 12;

std::string text_or_empty(const IsoMessage& message, unsigned field) {
    return std::string(message.text(field).value_or(std::string_view()));
}

std::unexpected<Error> missing(unsigned field) {
    return fail(ErrorKind::malformed, "request: field", field);
}

Result<std::uint32_t> number(std::string_view digits, unsigned field) {
    const auto value = decimal(digits, trace_max);
    if (!value) return missing(field);
    return static_cast<std::uint32_t>(*value);
}

CupAsk ask_of_management(std::string_view mti, std::string_view code) {
    if (mti == "0800") return code == "001" || code == "003" ? CupAsk::sign_in : CupAsk::other;
    if (mti == "0820" && code == "002") return CupAsk::sign_out;
    if (mti == "0820" && code == "301") return CupAsk::echo;
    if (mti == "0500" && code == "201") return CupAsk::settle;
    if (mti == "0320" && code == "201") return CupAsk::upload;
    if (mti == "0320" && (code == "207" || code == "202")) return CupAsk::upload_end;
    return CupAsk::other;
}

CupAsk ask_of_payment(std::string_view mti, std::string_view processing, std::string_view kind) {
    if (mti == "0200" && processing == "000000" && kind == "22") return CupAsk::purchase;
    if (mti == "0200" && processing == "200000" && kind == "23") return CupAsk::void_sale;
    if (mti == "0220" && processing == "200000" && kind == "25") return CupAsk::refund;
    const bool sale = processing == "000000" && kind == "22";
    const bool cancellation = processing == "200000" && kind == "23";
    if (mti == "0400" && (sale || cancellation)) return CupAsk::reversal;
    return CupAsk::other;
}

bool moves_money(CupAsk ask) {
    return ask == CupAsk::purchase || ask == CupAsk::void_sale || ask == CupAsk::refund ||
           ask == CupAsk::reversal;
}

// A void is of a payment of known batch and trace; a refund may be of an older one, by its
// reference alone.
Result<void> read_original(const IsoMessage& message, CupRequest& request) {
    const auto digits = message.text(61);
    const bool needed = request.ask == CupAsk::void_sale || request.ask == CupAsk::refund;
    if (!digits) return needed ? missing(61) : Result<void>{};
    const auto original = TRY(codec::parse_field_61(*digits));
    request.original_batch = TRY(number(original.batch, 61));
    request.original_trace = TRY(number(original.trace, 61));
    const bool known = request.original_batch != 0 && request.original_trace != 0;
    if (request.ask == CupAsk::void_sale && !known) return missing(61);
    if (needed && request.reference.empty()) return missing(37);
    return {};
}

// The number in field 2 and the one on the track must be one card's. Views only: nothing of the
// card is copied that nobody would wipe.
Result<void> read_card(const IsoMessage& message, CupRequest& request) {
    const auto number = message.text(2);
    const auto track = message.text(35);
    if (!number && !track) return missing(2);
    const std::string_view on_track = track ? track->substr(0, track->find('=')) : *number;
    if (number && *number != on_track) return missing(35);
    request.masked_pan = TRY(Pan::parse(on_track)).masked();
    return {};
}

// A PIN block is there exactly where the entry mode says that a PIN was entered: one that was
// stripped on the way is not a payment without one.
Result<void> read_pin(const IsoMessage& message, CupRequest& request) {
    const auto block = message.binary(52);
    if (request.ask == CupAsk::purchase) {
        if (request.entry_mode.size() != 3) return missing(22);
        if ((request.entry_mode[2] == '1') != block.has_value()) return missing(52);
    }
    if (!block) return {};
    if (block->size() != sizeof(PinBlock)) return missing(52);
    std::ranges::copy(*block, request.pin.emplace().begin());
    return {};
}

Result<void> read_money(const IsoMessage& message, CupRequest& request) {
    const auto amount = decimal(text_or_empty(message, 4), amount_minor_max);
    if (!amount || *amount == 0) return missing(4);
    request.amount_minor = *amount;
    if (text_or_empty(message, 49) != "156") return missing(49);
    if (request.trace == 0) return missing(11);
    if (request.batch == 0) return missing(60);
    request.entry_mode = text_or_empty(message, 22);
    request.reference = text_or_empty(message, 37);
    TRY_VOID(read_card(message, request));
    TRY_VOID(read_pin(message, request));
    return read_original(message, request);
}

// Two digits that count, then so many of card kind, trace, number and amount.
Result<void> read_items(std::string_view digits, CupRequest& request) {
    const auto count =
        digits.size() >= 2 ? decimal(digits.substr(0, 2), batch_items_max) : std::nullopt;
    if (!count || *count == 0) return missing(48);
    digits.remove_prefix(2);
    if (digits.size() != static_cast<std::size_t>(*count) * item_digits) return missing(48);
    for (; !digits.empty(); digits.remove_prefix(item_digits)) {
        UploadItem item;
        item.trace = TRY(number(digits.substr(2, 6), 48));
        const std::string_view padded = digits.substr(8, 20);
        const std::size_t begin = std::min(padded.find_first_not_of('0'), padded.size());
        const auto pan = Pan::parse(padded.substr(begin));
        const auto amount = decimal(digits.substr(28, 12), amount_minor_max);
        if (!pan || !amount || item.trace == 0) return missing(48);
        item.masked_pan = pan->masked();
        item.amount_minor = *amount;
        request.items.push_back(std::move(item));
    }
    return {};
}

Result<void> read_field_48(const IsoMessage& message, CupRequest& request) {
    const auto digits = message.text(48);
    if (!digits) return missing(48);
    if (request.ask == CupAsk::settle) {
        request.totals = TRY(codec::parse_batch_totals(*digits));
        return {};
    }
    if (request.ask == CupAsk::upload) return read_items(*digits, request);
    const auto total = digits->size() == 4 ? decimal(*digits, 9'999) : std::nullopt;
    if (!total) return missing(48);
    request.items_total = static_cast<std::uint32_t>(*total);
    return {};
}

// Digits and '=' to half bytes, padded with F. Spec: [EMV-B3] Annex A, tag 57.
SecretBytes packed_track(std::string_view track) {
    SecretBytes packed((track.size() + 1) / 2);
    for (std::size_t i = 0; i < 2 * packed.size(); ++i) {
        unsigned nibble = 0xF;
        if (i < track.size()) {
            nibble = track[i] == '=' ? 0xDU : static_cast<unsigned>(track[i] - '0');
        }
        std::uint8_t& byte = packed.writable()[i / 2];
        byte = static_cast<std::uint8_t>(unsigned{byte} << 4 | nibble);
    }
    return packed;
}

}  // namespace

Result<CupRequest> read_request(const IsoMessage& message) {
    CupRequest request;
    request.terminal = text_or_empty(message, 41);
    request.merchant = text_or_empty(message, 42);
    if (request.terminal.empty()) return missing(41);
    if (request.merchant.empty()) return missing(42);
    request.trace = TRY(number(text_or_empty(message, 11), 11));
    if (!message.has(60)) return missing(60);
    const auto field60 = TRY(codec::parse_field_60(*message.text(60)));
    request.kind = field60.kind;
    request.batch = TRY(number(field60.batch, 60));
    const std::string_view mti = message.mti();
    const bool payment = carries_mac(mti);
    request.ask = payment ? ask_of_payment(mti, text_or_empty(message, 3), field60.kind)
                          : ask_of_management(mti, field60.network_code.value_or(""));
    if (const auto mac = message.binary(64)) {
        if (mac->size() != sizeof(MacText)) return missing(64);
        std::ranges::copy(*mac, request.mac.emplace().begin());
    }
    if (moves_money(request.ask)) TRY_VOID(read_money(message, request));
    if (request.ask == CupAsk::settle || request.ask == CupAsk::upload ||
        request.ask == CupAsk::upload_end) {
        TRY_VOID(read_field_48(message, request));
    }
    return request;
}

Result<SecretBytes> card_of(const IsoMessage& purchase) {
    const auto track = purchase.text(35);
    const auto entry = purchase.text(22);
    if (!track) return missing(35);
    if (!entry || entry->size() != 3) return missing(22);
    const Bytes chip = purchase.binary(55).value_or(Bytes{});
    // Chip data that was stripped on the way is no stripe, and a stripe has none.
    const bool by_chip = entry->starts_with("05") || entry->starts_with("07");
    if (!by_chip && !entry->starts_with("02")) return missing(22);
    if (by_chip == chip.empty()) return missing(55);
    const SecretBytes track_2 = packed_track(*track);
    Buffer list;
    list.reserve(track_2.size() + chip.size() + 32);  // Never moved, so that one wipe gets it all.
    codec::TlvWriter writer(list);
    writer.put(codec::Tag{0x57}, track_2.bytes());
    if (const auto sequence = purchase.text(23); sequence && sequence->size() == 3) {
        const auto tens = static_cast<unsigned>((*sequence)[1] - '0');
        const auto ones = static_cast<unsigned>((*sequence)[2] - '0');
        const std::uint8_t packed = static_cast<std::uint8_t>(tens << 4 | ones);
        writer.put(codec::Tag{0x5F34}, Bytes(&packed, 1));
    }
    writer.put(codec::Tag{0xDF8157}, bytes_of(*entry));
    if (!chip.empty()) writer.put(codec::Tag{0xDF8155}, chip);
    SecretBytes card = SecretBytes::copy_of(list);
    wipe(list);
    return card;
}

Result<void> build_answer(const IsoMessage& request, const CupReply& reply, IsoMessage& out) {
    out.reset();
    std::string mti(request.mti());
    if (mti.size() != 4 || (mti[2] != '0' && mti[2] != '2')) return missing(0);
    ++mti[2];
    TRY_VOID(out.set_mti(mti));
    for (const unsigned field : {3U, 4U, 11U, 25U, 41U, 42U, 49U, 60U}) {
        if (request.has(field)) TRY_VOID(out.set(field, *request.text(field)));
    }
    const std::array<std::pair<unsigned, std::string_view>, 6> texts{{{12, reply.local_time},
                                                                      {13, reply.local_date},
                                                                      {15, reply.settle_date},
                                                                      {37, reply.reference},
                                                                      {38, reply.approval},
                                                                      {39, reply.code}}};
    for (const auto& [field, text] : texts) {
        if (!text.empty()) TRY_VOID(out.set(field, text));
    }
    if (reply.batch != 0) {
        const auto asked = TRY(codec::parse_field_60(text_or_empty(request, 60)));
        const std::string digits = std::to_string(reply.batch);
        if (digits.size() > 6) return missing(60);
        TRY_VOID(out.set(
            60, TRY(codec::build_field_60({.kind = asked.kind,
                                           .batch = std::string(6 - digits.size(), '0') + digits,
                                           .network_code = asked.network_code}))));
    }
    if (!reply.keys.empty()) TRY_VOID(out.set_binary(62, reply.keys));
    if (reply.totals) TRY_VOID(out.set(48, TRY(codec::build_batch_totals(*reply.totals))));
    return {};
}

}  // namespace softpos::channel
