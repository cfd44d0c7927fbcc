// Builds what a terminal says with the channel's own builders, and checks what it hears.
#include "world/sim/classic_pos.h"

#include "base/hex.h"
#include "codec/ber_tlv.h"
#include "codec/cup_frame.h"
#include "codec/iso8583.h"
#include "codec/strict_json.h"
#include "crypto/cipher.h"
#include "crypto/kcv.h"
#include "crypto/mac.h"
#include "crypto/pin_block.h"
#include "world/card/cryptogram.h"
#include "world/sim/card_folder.h"

#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace softpos::sim {
namespace {

namespace json = boost::json;
using codec::IsoMessage;
using codec::Tag;

constexpr std::size_t upload_items = 8;
constexpr std::size_t slips_max = 1'000;

std::string digits(std::int64_t number, int size) {
    char text[32];
    std::snprintf(text, sizeof text, "%0*lld", size, static_cast<long long>(number));
    return text;
}

std::string_view entry_digits(PosEntry entry) {
    if (entry == PosEntry::chip) return "05";
    return entry == PosEntry::tap ? "07" : "02";
}

// Field 55 as the card and the terminal make it together: an ARQC over this amount.
Result<Buffer> chip_data(const card::CardData& card, std::uint16_t counter,
                         std::int64_t amount_minor, const ClassicPos::Parts& parts) {
    const Buffer amount = TRY(from_hex(digits(amount_minor, 12)));
    const Buffer zeros(6), country{0x01, 0x56}, tvr(5), type(1), aip{0x08, 0x00};
    const Buffer date = TRY(from_hex(digits(china_time(parts.clock.now()).yyyymmdd(), 8)));
    const auto number = parts.random.take<4>();
    const auto iad = card::make_iad(card.profile.dki, card::CryptogramType::arqc);
    const auto cryptogram =
        TRY(card::compute_cryptogram(card.card_key.bytes(), {.amount = amount,
                                                             .amount_other = zeros,
                                                             .terminal_country = country,
                                                             .tvr = tvr,
                                                             .currency = country,
                                                             .date = Bytes(date).last(3),
                                                             .type = type,
                                                             .unpredictable = number,
                                                             .aip = aip,
                                                             .cvr = Bytes(iad).subspan(3, 4),
                                                             .atc = counter}));
    const Buffer atc{static_cast<std::uint8_t>(counter >> 8),
                     static_cast<std::uint8_t>(counter & 0xFF)};
    const Buffer information{0x80};
    Buffer out;
    codec::TlvWriter writer(out);
    writer.put(Tag{0x9F26}, cryptogram);
    writer.put(Tag{0x9F27}, information);
    writer.put(Tag{0x9F10}, iad);
    writer.put(Tag{0x9F37}, number);
    writer.put(Tag{0x9F36}, atc);
    writer.put(Tag{0x95}, tvr);
    writer.put(Tag{0x9A}, Bytes(date).last(3));
    writer.put(Tag{0x9C}, type);
    writer.put(Tag{0x9F02}, amount);
    writer.put(Tag{0x5F2A}, country);
    writer.put(Tag{0x82}, aip);
    writer.put(Tag{0x9F1A}, country);
    writer.put(Tag{0x9F03}, zeros);
    writer.put(Tag{0x84}, card.profile.aid);
    return out;
}

json::object slip_object(const PosSlip& slip) {
    return {{"kind", static_cast<int>(slip.kind)},
            {"batch", slip.batch},
            {"trace", slip.trace},
            {"amount_minor", slip.amount_minor},
            {"card", slip.card},
            {"reference", slip.reference},
            {"approval", slip.approval}};
}

PosSlip read_slip(codec::StrictJson& in) {
    PosSlip slip;
    slip.kind = static_cast<PosSlip::Kind>(in.integer("kind", 0, 2));
    slip.batch = static_cast<std::uint32_t>(in.integer("batch", 0, channel::trace_max));
    slip.trace = static_cast<std::uint32_t>(in.integer("trace", 0, channel::trace_max));
    slip.amount_minor = in.integer("amount_minor", 1, amount_minor_max);
    slip.card = in.text("card", 32);
    slip.reference = in.text("reference", 12);
    slip.approval = in.text("approval", 6);
    return slip;
}

}  // namespace

std::string memory_text(const PosMemory& memory) {
    json::array slips, counters;
    for (const PosSlip& slip : memory.slips) slips.push_back(slip_object(slip));
    for (const auto& [card, counter] : memory.counters) {
        counters.push_back(json::object{{"card", card}, {"counter", counter}});
    }
    return json::serialize(json::object{{"batch", memory.batch},
                                        {"trace", memory.trace},
                                        {"slips", std::move(slips)},
                                        {"counters", std::move(counters)}});
}

Result<PosMemory> parse_memory(std::string_view text) {
    codec::StrictJson in(text);
    PosMemory memory;
    memory.batch = static_cast<std::uint32_t>(in.integer("batch", 0, channel::trace_max));
    memory.trace = static_cast<std::uint32_t>(in.integer("trace", 0, channel::trace_max));
    for (auto& slip : in.objects("slips", slips_max)) memory.slips.push_back(read_slip(slip));
    for (auto& counter : in.objects("counters", slips_max)) {
        memory.counters[counter.text("card", 32)] =
            static_cast<std::uint16_t>(counter.integer("counter", 0, 0xFFFF));
    }
    if (in.finish()) return fail(ErrorKind::malformed, "pos: memory is broken");
    return memory;
}

Result<SecretBytes> loader_key(std::string_view component_1, std::string_view component_2) {
    SecretBytes key = SecretBytes::copy_of(TRY(from_hex(component_1)));
    const Buffer other = TRY(from_hex(component_2));
    if (key.size() != 16 || other.size() != 16) {
        return fail(ErrorKind::malformed, "pos: a component has 32 hex digits");
    }
    for (std::size_t i = 0; i < other.size(); ++i) key.writable()[i] ^= other[i];
    return key;
}

Result<SecretBytes> loaded_master_key(const SecretBytes& loader, std::string_view master_key,
                                      std::string_view check_value) {
    const Buffer sealed = TRY(from_hex(master_key));
    SecretBytes key = TRY(crypto::ecb_decrypt_secret(crypto::Cipher::tdes, loader.bytes(), sealed));
    const auto kcv = TRY(crypto::zero_block_kcv(crypto::Cipher::tdes, key.bytes()));
    if (to_hex(Bytes(kcv).first(3)) == check_value) return key;
    return fail(ErrorKind::denied, "pos: the master key has another check value");
}

Result<channel::CardData> ClassicPos::embossed(const std::string& name) const {
    const card::CardData card = TRY(load_card_data(parts_.cards_folder, name));
    std::string pan(card.profile.pan.clear_digits());
    if (pan.size() % 2 != 0) pan += 'F';
    Buffer list;
    codec::TlvWriter(list).put(Tag{0x5A}, TRY(from_hex(pan)));
    codec::TlvWriter(list).put(Tag{0x5F34}, TRY(from_hex(card.profile.psn)));
    return channel::CardData::read(list);
}

Result<channel::CardData> ClassicPos::read_card(const Sale& sale) {
    const card::CardData card = TRY(load_card_data(parts_.cards_folder, sale.card));
    Buffer list;
    codec::TlvWriter writer(list);
    writer.put(Tag{0x57}, card.track2.bytes());
    const std::string entry =
        std::string(entry_digits(sale.entry)) + (sale.pin.empty() ? "2" : "1");
    writer.put(Tag{0xDF8157}, bytes_of(entry));
    if (sale.entry != PosEntry::stripe) {
        const std::uint16_t counter = ++memory_.counters[sale.card];
        writer.put(Tag{0x5F34}, TRY(from_hex(card.profile.psn)));
        writer.put(Tag{0xDF8155}, TRY(chip_data(card, counter, sale.amount_minor, parts_)));
    }
    return channel::CardData::read(list);
}

Result<channel::PinBlock> ClassicPos::pin_block(const std::string& pin,
                                                std::string_view pan) const {
    const auto key = TRY(crypto::BlockKey::make(crypto::Cipher::tdes, pin_key_.bytes()));
    const auto clear = TRY(crypto::Pin::parse(bytes_of(pin)));
    const Pan card = TRY(Pan::parse(pan));
    const auto block =
        TRY(crypto::encrypt_pin(crypto::PinFormat::iso0, key, clear, &card, parts_.random));
    channel::PinBlock out{};
    std::ranges::copy(block.bytes(), out.begin());
    return out;
}

// Packs, signs where it is signed, sends, and reads what comes back.
Result<PosAnswer> ClassicPos::send(IsoMessage& message) {
    auto outgoing = TRY(channel::OutgoingMessage::pack(message));
    const auto mac_of = [&](Bytes input) -> Result<channel::MacText> {
        const auto key = TRY(crypto::BlockKey::make(crypto::Cipher::tdes, mac_key_.bytes()));
        return crypto::unionpay_ecb_mac(key, input);
    };
    if (const Bytes input = outgoing.mac_input(); !input.empty()) {
        if (mac_key_.empty()) return fail(ErrorKind::conflict, "pos: sign in first");
        auto mac = TRY(mac_of(input));
        if (std::exchange(damage_, false)) mac[0] ^= 1;
        outgoing.set_mac(mac);
        last_request_ = SecretBytes::copy_of(outgoing.bytes());
    }
    PosAnswer answer;
    const auto frame = parts_.exchange(outgoing.frame(channel::CupRoute{}));
    if (!frame) return answer;
    const auto envelope = TRY(codec::parse_frame(*frame));
    IsoMessage in(parts_.dialect);
    TRY_VOID(codec::unpack(envelope.message, in));
    answer.heard = true;
    answer.code = in.text(39).value_or("");
    answer.reference = in.text(37).value_or("");
    if (const auto digits = in.text(60)) {
        const auto field_60 = TRY(codec::parse_field_60(*digits));
        const std::string_view batch = field_60.batch;
        std::from_chars(batch.data(), batch.data() + batch.size(), answer.batch);
    }
    answer.text = std::string(in.mti()) + " " + answer.code;
    if (const auto mac = in.binary(64); mac && !mac_key_.empty()) {
        answer.mac_right =
            equal_constant_time(*mac, TRY(mac_of(codec::mac_input(envelope.message))));
    }
    if (const auto totals = in.text(48)) answer.totals = TRY(codec::parse_batch_totals(*totals));
    if (const auto approval = in.text(38)) last_slip_.approval = *approval;
    const auto field_62 = in.binary(62);
    if (!field_62 || answer.code != "00") return answer;
    const auto take = [&](const codec::KeyCryptogram& key) -> Result<SecretBytes> {
        SecretBytes clear = TRY(crypto::ecb_decrypt_secret(
            crypto::Cipher::tdes, parts_.master_key.bytes(), key.cryptogram));
        const auto kcv = TRY(crypto::zero_block_kcv(crypto::Cipher::tdes, clear.bytes()));
        if (equal_constant_time(Bytes(kcv).first(4), key.check_value)) return clear;
        return fail(ErrorKind::denied, "pos: a working key has another check value");
    };
    const auto keys = TRY(codec::parse_working_keys(*field_62));
    pin_key_ = TRY(take(keys.pin_key));
    mac_key_ = TRY(take(keys.mac_key));
    return answer;
}

Result<PosAnswer> ClassicPos::sign_in() {
    IsoMessage message(parts_.dialect);
    TRY_VOID(channel::build_sign_in(speaker(), next_trace(), std::nullopt, message));
    auto answer = send(message);
    if (!answer || answer->code != "00") return answer;
    if (answer->batch != memory_.batch) {
        memory_.batch = answer->batch;
        memory_.trace = 0;
        memory_.slips.clear();
    }
    return answer;
}

Result<PosAnswer> ClassicPos::sign_out() {
    IsoMessage message(parts_.dialect);
    TRY_VOID(channel::build_sign_out(speaker(), next_trace(), message));
    return send(message);
}

Result<PosAnswer> ClassicPos::echo() {
    IsoMessage message(parts_.dialect);
    TRY_VOID(channel::build_echo(speaker(), next_trace(), message));
    return send(message);
}

Result<PosAnswer> ClassicPos::pay(IsoMessage& message, PosSlip slip) {
    last_slip_ = std::move(slip);
    auto answer = send(message);
    if (!answer || answer->code != "00") return answer;
    last_slip_.reference = answer->reference;
    memory_.slips.push_back(last_slip_);
    return answer;
}

Result<PosAnswer> ClassicPos::sell(const Sale& sale) {
    const channel::CardData card = TRY(read_card(sale));
    const channel::CupTerminal terminal = speaker();
    channel::CupPayment payment{.terminal = terminal,
                                .card = card,
                                .trace = next_trace(),
                                .amount = {sale.amount_minor, Currency::cny}};
    if (!sale.pin.empty()) payment.pin = TRY(pin_block(sale.pin, card.pan()));
    IsoMessage message(parts_.dialect);
    TRY_VOID(channel::build_purchase(payment, message));
    if (std::exchange(strip_, false)) message.clear(55);
    return pay(message, {.batch = memory_.batch,
                         .trace = memory_.trace,
                         .amount_minor = sale.amount_minor,
                         .card = sale.card});
}

Result<PosAnswer> ClassicPos::void_sale(const PosSlip& slip) {
    const channel::CardData card = TRY(embossed(slip.card));
    const channel::CupTerminal terminal = speaker();
    const channel::CupPayment payment{.terminal = terminal,
                                      .card = card,
                                      .trace = next_trace(),
                                      .amount = {slip.amount_minor, Currency::cny},
                                      .original = channel::CupOriginal{.batch = slip.batch,
                                                                       .trace = slip.trace,
                                                                       .reference = slip.reference,
                                                                       .approval = slip.approval}};
    IsoMessage message(parts_.dialect);
    TRY_VOID(channel::build_void(payment, message));
    return pay(message, {.kind = PosSlip::Kind::void_sale,
                         .batch = memory_.batch,
                         .trace = memory_.trace,
                         .amount_minor = slip.amount_minor,
                         .card = slip.card});
}

Result<PosAnswer> ClassicPos::refund(const PosSlip& slip, std::int64_t amount_minor) {
    const channel::CardData card = TRY(embossed(slip.card));
    const channel::CupTerminal terminal = speaker();
    const std::string today = china_time(parts_.clock.now()).mmdd();
    const channel::CupPayment payment{
        .terminal = terminal,
        .card = card,
        .trace = next_trace(),
        .amount = {amount_minor, Currency::cny},
        .original = channel::CupOriginal{
            .batch = slip.batch, .trace = slip.trace, .date = today, .reference = slip.reference}};
    IsoMessage message(parts_.dialect);
    TRY_VOID(channel::build_refund(payment, message));
    return pay(message, {.kind = PosSlip::Kind::refund,
                         .batch = memory_.batch,
                         .trace = memory_.trace,
                         .amount_minor = amount_minor,
                         .card = slip.card});
}

Result<PosAnswer> ClassicPos::repeat() {
    IsoMessage message(parts_.dialect);
    TRY_VOID(codec::unpack(last_request_.bytes(), message));
    return send(message);
}

// Same trace, same batch; without track, PIN and what names the card reader's work.
Result<void> ClassicPos::make_reversal(IsoMessage& message) const {
    TRY_VOID(codec::unpack(last_request_.bytes(), message));
    for (const unsigned field : {26U, 35U, 37U, 38U, 52U, 53U, 55U, 59U, 63U, 64U}) {
        message.clear(field);
    }
    TRY_VOID(message.set_mti("0400"));
    return message.set(39, "98");
}

Result<PosAnswer> ClassicPos::reverse() {
    IsoMessage message(parts_.dialect);
    TRY_VOID(make_reversal(message));
    return send_reversal(message);
}

Result<PosAnswer> ClassicPos::reverse_as_sale() {
    IsoMessage message(parts_.dialect);
    TRY_VOID(make_reversal(message));
    TRY_VOID(message.set(3, "000000"));
    const std::string field_60(message.text(60).value_or(""));
    if (field_60.size() < 2) return fail(ErrorKind::conflict, "pos: nothing to reverse");
    TRY_VOID(message.set(60, "22" + field_60.substr(2)));
    message.clear(61);
    return send_reversal(message);
}

Result<PosAnswer> ClassicPos::send_reversal(IsoMessage& message) {
    auto answer = send(message);
    if (answer && answer->code == "00") {
        std::erase_if(memory_.slips, [&](const PosSlip& slip) {
            return slip.batch == last_slip_.batch && slip.trace == last_slip_.trace;
        });
    }
    return answer;
}

Result<PosAnswer> ClassicPos::settle() {
    codec::BatchTotals totals;
    for (const PosSlip& slip : memory_.slips) {
        const bool sale = slip.kind == PosSlip::Kind::purchase;
        (sale ? totals.domestic.debit_amount_minor : totals.domestic.credit_amount_minor) +=
            slip.amount_minor;
        ++(sale ? totals.domestic.debit_count : totals.domestic.credit_count);
    }
    IsoMessage message(parts_.dialect);
    TRY_VOID(channel::build_batch_settle(speaker(), next_trace(), totals, message));
    auto answer = send(message);
    if (!answer || answer->code != "00" || !answer->totals) return answer;
    if (answer->totals->domestic.verdict != codec::BatchVerdict::balanced) {
        const auto uploaded = TRY(upload());
        if (uploaded.code != "00") return uploaded;
    }
    memory_.slips.clear();
    return answer;
}

// Eight to a message, then how many there were.
Result<PosAnswer> ClassicPos::upload() {
    const auto message_of = [&](IsoMessage& message, const std::string& code,
                                const std::string& field_48) -> Result<void> {
        message.reset();
        TRY_VOID(message.set_mti("0320"));
        TRY_VOID(message.set(11, digits(next_trace(), 6)));
        TRY_VOID(message.set(41, parts_.terminal));
        TRY_VOID(message.set(42, parts_.merchant));
        TRY_VOID(message.set(48, field_48));
        return message.set(60, "00" + digits(memory_.batch, 6) + code);
    };
    IsoMessage message(parts_.dialect);
    for (std::size_t i = 0; i < memory_.slips.size(); i += upload_items) {
        const std::size_t count = std::min(upload_items, memory_.slips.size() - i);
        std::string items = digits(static_cast<std::int64_t>(count), 2);
        for (std::size_t k = i; k < i + count; ++k) {
            const PosSlip& slip = memory_.slips[k];
            const std::string pan(TRY(embossed(slip.card)).pan());
            items += "00" + digits(slip.trace, 6) + std::string(20 - pan.size(), '0') + pan +
                     digits(slip.amount_minor, 12);
        }
        TRY_VOID(message_of(message, "201", items));
        const auto answer = TRY(send(message));
        if (answer.code != "00") return answer;
    }
    TRY_VOID(
        message_of(message, "207", digits(static_cast<std::int64_t>(memory_.slips.size()), 4)));
    return send(message);
}

}  // namespace softpos::sim
