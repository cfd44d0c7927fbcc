// The card's commands, from the field inwards.
#include "world/card/virtual_card.h"

#include "base/check.h"
#include "world/card/cryptogram.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace softpos::card {

enum class VirtualCard::Verdict : std::uint8_t { decline, approve, go_online };

// What GET PROCESSING OPTIONS brought, in the order of our PDOL. Borrowed from the command.
struct VirtualCard::Terminal {
    Bytes ttq, amount, amount_other, country, tvr, currency, date, type, unpredictable;

    bool ttq_bit(std::size_t byte, unsigned bit) const {
        return (ttq[byte - 1] >> (bit - 1) & 1U) != 0;  // Counted from 1, as in the books.
    }
};

namespace {

using codec::CommandApdu;
using codec::Tag;
using codec::TlvWriter;

// Spec: [ISO7816-4] 5.1.3.
namespace sw {
constexpr std::uint16_t ok = 0x9000;
constexpr std::uint16_t application_blocked = 0x6283;
constexpr std::uint16_t memory_failure = 0x6581;
constexpr std::uint16_t wrong_length = 0x6700;
constexpr std::uint16_t conditions_not_satisfied = 0x6985;
constexpr std::uint16_t see_phone = 0x6986;
constexpr std::uint16_t wrong_data = 0x6A80;
constexpr std::uint16_t card_blocked = 0x6A81;
constexpr std::uint16_t not_found = 0x6A82;
constexpr std::uint16_t no_record = 0x6A83;
constexpr std::uint16_t wrong_p1_p2 = 0x6A86;
constexpr std::uint16_t no_such_data = 0x6A88;
constexpr std::uint16_t exact_length = 0x6C00;
constexpr std::uint16_t unknown_ins = 0x6D00;
constexpr std::uint16_t wrong_class = 0x6E00;
}  // namespace sw

constexpr std::string_view ppse_name = "2PAY.SYS.DDF01";
constexpr std::size_t aid_bytes_min = 5;
constexpr std::size_t aid_bytes_max = 16;

// 9F66 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37 with their sizes, as cards in the field ask for them.
constexpr std::array<std::uint8_t, 24> pdol{0x9F, 0x66, 4,    0x9F, 0x02, 6,    0x9F, 0x03,
                                            6,    0x9F, 0x1A, 2,    0x95, 5,    0x5F, 0x2A,
                                            2,    0x9A, 3,    0x9C, 1,    0x9F, 0x37, 4};
constexpr std::size_t pdol_values_bytes = 4 + 6 + 6 + 2 + 5 + 2 + 3 + 1 + 4;

// Terminal risk management and nothing else: this card has no keys for offline authentication.
constexpr std::array<std::uint8_t, 2> aip{0x08, 0x00};
constexpr std::array<std::uint8_t, 4> afl{0x08, 1, 2, 0};  // SFI 1, records 1 to 2, none signed.
constexpr std::uint8_t record_file_p2 = 0x0C;              // SFI 1, and P1 is a record number.
constexpr std::string_view offline_code = "ECC001";

Buffer status(std::uint16_t word) {
    return {static_cast<std::uint8_t>(word >> 8), static_cast<std::uint8_t>(word)};
}

Buffer with_status(Buffer data, std::uint16_t word = sw::ok) {
    append(data, status(word));
    return data;
}

std::array<std::uint8_t, 2> two_bytes(std::uint16_t number) {
    return {static_cast<std::uint8_t>(number >> 8), static_cast<std::uint8_t>(number)};
}

// Decimal digits, two a byte, zeros in front.
template <std::size_t size>
std::array<std::uint8_t, size> bcd(std::int64_t number) {
    std::array<std::uint8_t, size> out{};
    for (std::size_t i = size; i-- > 0; number /= 100) {
        const auto pair = static_cast<unsigned>(number % 100);
        out[i] = static_cast<std::uint8_t>(pair / 10 << 4 | pair % 10);
    }
    return out;
}

// Digits as they travel in 5A: two a byte, F behind an odd one.
SecretBytes packed_digits(std::string_view digits) {
    SecretBytes out((digits.size() + 1) / 2);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto high = static_cast<unsigned>(digits[2 * i] - '0');
        const auto low =
            2 * i + 1 < digits.size() ? static_cast<unsigned>(digits[2 * i + 1] - '0') : 0xFU;
        out.writable()[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return out;
}

std::uint8_t psn_byte(const CardProfile& profile) {
    return packed_digits(profile.psn).bytes().front();
}

struct InsRow {
    std::uint8_t ins;
    std::uint8_t cla;
};
constexpr std::uint8_t ins_select = 0xA4, ins_gpo = 0xA8, ins_read = 0xB2, ins_get_data = 0xCA;
constexpr std::array<InsRow, 4> known{
    {{ins_select, 0x00}, {ins_gpo, 0x80}, {ins_read, 0x00}, {ins_get_data, 0x80}}};

// A command that this card does not have, or not in this class.
std::optional<std::uint16_t> refuse_header(const CommandApdu& command) {
    if (command.cla != 0x00 && command.cla != 0x80) return sw::wrong_class;
    const auto* row = std::ranges::find(known, command.ins, &InsRow::ins);
    if (row == known.end()) return sw::unknown_ins;
    if (row->cla != command.cla) return sw::wrong_class;
    if (!command.le) return sw::wrong_length;  // Each of the four answers with data.
    return std::nullopt;
}

}  // namespace

VirtualCard::VirtualCard(CardData data, CardState state) : data_(std::move(data)), state_(state) {}

void VirtualCard::power_off() {
    stage_ = Stage::off;
    step_ = 0;
}

void VirtualCard::reset() {
    stage_ = Stage::idle;
    step_ = 0;
}

std::array<std::uint8_t, 18> VirtualCard::atr() {
    return {0x3B, 0x8D, 0x80, 0x01, 0x00, 0x81, 0x4D, 0x22, 0x08,
            0x86, 0x60, 0x12, 0x22, 0x27, 0x50, 0x00, 0x01, 0x4A};
}

CardAnswer VirtualCard::exchange(Bytes capdu) {
    const auto left = [this] {
        power_off();
        return CardAnswer{.rapdu = {}, .delay_ms = 0, .left_field = true};
    };
    if (stage_ == Stage::off) return left();
    if (step_ < std::numeric_limits<unsigned>::max()) ++step_;
    if (faults_.take(FaultKind::leave, step_)) return left();

    CardAnswer answer;
    if (const auto word = faults_.take(FaultKind::sw, step_)) {
        answer.rapdu = status(static_cast<std::uint16_t>(*word));
    } else {
        answer.rapdu = execute(capdu);
    }
    if (faults_.take(FaultKind::tear, step_)) return left();
    garble(answer.rapdu);
    answer.delay_ms = faults_.take(FaultKind::slow, step_).value_or(0);
    return answer;
}

Buffer VirtualCard::execute(Bytes capdu) {
    const auto command = codec::parse_command(capdu);
    if (!command) return status(sw::wrong_length);
    if (const auto refused = refuse_header(*command)) return status(*refused);

    Buffer rapdu;
    switch (command->ins) {
        case ins_select:
            rapdu = select(*command);
            break;
        case ins_gpo:
            rapdu = get_processing_options(*command);
            break;
        case ins_read:
            rapdu = read_record(*command);
            break;
        case ins_get_data:
            rapdu = get_data(*command);
            break;
        default:
            CHECK(false);
    }
    // Le 00 takes all; another one must fit. The data is not lost but for a counted transaction,
    // which is why no reader asks so. Spec: [ISO7816-4] 5.1.3.
    const std::size_t size = rapdu.size() - 2;
    if (size > *command->le) {
        return status(static_cast<std::uint16_t>(sw::exact_length | (size & 0xFF)));
    }
    return rapdu;
}

// --- SELECT ---------------------------------------------------------------------------------

Buffer VirtualCard::select(const CommandApdu& command) {
    constexpr std::uint8_t by_name = 0x04, next = 0x02;
    if (command.p1 != by_name || (command.p2 != 0 && command.p2 != next)) {
        return status(sw::wrong_p1_p2);
    }
    if (command.data.size() < aid_bytes_min || command.data.size() > aid_bytes_max) {
        return status(sw::wrong_length);
    }
    if (data_.profile.life == CardLife::card_blocked) return status(sw::card_blocked);
    stage_ = Stage::idle;
    if (command.p2 == next) return status(sw::not_found);  // There is only one.
    if (text_of(command.data) == ppse_name) return select_ppse();

    // A shorter name selects what begins with it. Spec: [EMV-B1] 12.3.1.
    const Buffer& aid = data_.profile.aid;
    const bool ours = command.data.size() <= aid.size() &&
                      std::ranges::equal(command.data, Bytes(aid).first(command.data.size()));
    return ours ? select_application() : status(sw::not_found);
}

Buffer VirtualCard::select_ppse() {
    const CardProfile& profile = data_.profile;
    Buffer entry, directory, discretionary, proprietary, fci, out;
    put(entry, Tag{0x4F}, profile.aid);
    put(entry, Tag{0x50}, bytes_of(profile.label));
    put(entry, Tag{0x87}, Bytes(&profile.priority, 1));
    put(directory, Tag{0x61}, entry);
    put(discretionary, Tag{0xBF0C}, directory);
    put(proprietary, Tag{0xA5}, discretionary);
    put(fci, Tag{0x84}, bytes_of(ppse_name));
    append(fci, proprietary);
    put(out, Tag{0x6F}, fci);
    return with_status(std::move(out));
}

Buffer VirtualCard::select_application() {
    const CardProfile& profile = data_.profile;
    constexpr std::uint8_t latin_1 = 1;
    Buffer proprietary, fci, out;
    put(proprietary, Tag{0x50}, bytes_of(profile.label));
    put(proprietary, Tag{0x87}, Bytes(&profile.priority, 1));
    put(proprietary, Tag{0x9F38}, pdol);
    put(proprietary, Tag{0x5F2D}, bytes_of("zhen"));
    put(proprietary, Tag{0x9F11}, Bytes(&latin_1, 1));
    put(proprietary, Tag{0x9F12}, bytes_of(profile.label));
    put(fci, Tag{0x84}, profile.aid);
    put(fci, Tag{0xA5}, proprietary);
    put(out, Tag{0x6F}, fci);
    if (profile.life == CardLife::application_blocked) {
        return with_status(std::move(out), sw::application_blocked);
    }
    stage_ = Stage::selected;
    return with_status(std::move(out));
}

// --- GET PROCESSING OPTIONS -----------------------------------------------------------------

Buffer VirtualCard::get_processing_options(const CommandApdu& command) {
    constexpr std::uint8_t command_template = 0x83;
    if (command.p1 != 0 || command.p2 != 0) return status(sw::wrong_p1_p2);
    if (stage_ != Stage::selected) return status(sw::conditions_not_satisfied);
    if (command.data.size() != 2 + pdol_values_bytes) return status(sw::wrong_length);
    if (command.data[0] != command_template || command.data[1] != pdol_values_bytes) {
        return status(sw::wrong_data);
    }
    const Bytes values = command.data.subspan(2);
    const Terminal terminal{
        .ttq = values.first(4),
        .amount = values.subspan(4, 6),
        .amount_other = values.subspan(10, 6),
        .country = values.subspan(16, 2),
        .tvr = values.subspan(18, 5),
        .currency = values.subspan(23, 2),
        .date = values.subspan(25, 3),
        .type = values.subspan(28, 1),
        .unpredictable = values.subspan(29, 4),
    };
    if (const auto word = refusal(terminal)) return status(*word);
    if (!count_transaction()) return status(sw::memory_failure);
    stage_ = Stage::initiated;
    return gpo_answer(terminal);
}

std::optional<std::uint16_t> VirtualCard::refusal(const Terminal& terminal) {
    if (faults_.take(FaultKind::see_phone, step_)) return sw::see_phone;
    if (faults_.take(FaultKind::refuse, step_)) return sw::conditions_not_satisfied;
    // Only the quick flow is there; a reader without it is for another card.
    if (!terminal.ttq_bit(1, 6)) return sw::conditions_not_satisfied;
    // The counter is used up: for ever. Spec: [EMV-B2] 8.1.1.
    if (state_.atc == std::numeric_limits<std::uint16_t>::max()) {
        return sw::conditions_not_satisfied;
    }
    return std::nullopt;
}

// Counts before anything is computed, so that no two cryptograms share a session key, and writes it
// down before anybody sees it. A number that was not written down is not used again either.
Result<void> VirtualCard::count_transaction() {
    ++state_.atc;
    return sink_ ? sink_(state_) : Result<void>{};
}

// Without offline funds the only way to a yes is online; a reader that cannot go there hears no.
VirtualCard::Verdict VirtualCard::decide(const Terminal& terminal) {
    if (faults_.take(FaultKind::aac, step_)) return Verdict::decline;
    if (faults_.take(FaultKind::tc, step_)) return Verdict::approve;
    const bool reader_offline_only = terminal.ttq_bit(1, 4);
    return reader_offline_only ? Verdict::decline : Verdict::go_online;
}

// 9F6C. A way that the reader does not have is not asked for; what follows from that is the
// reader's to decide.
std::array<std::uint8_t, 2> VirtualCard::ctq(const Terminal& terminal) const {
    constexpr std::uint8_t online_pin = 0x80, signature = 0x40, device_did = 0x80;
    const CardProfile& profile = data_.profile;
    std::array<std::uint8_t, 2> out{};
    // A phone says so whether or not it was asked.
    if (profile.cvm == CardCvm::device) out[1] = device_did;
    const bool wanted = profile.cvm_when == CardCvmWhen::always || terminal.ttq_bit(2, 7);
    if (!wanted) return out;
    if (profile.cvm == CardCvm::online_pin && terminal.ttq_bit(1, 3)) out[0] = online_pin;
    if (profile.cvm == CardCvm::signature && terminal.ttq_bit(1, 2)) out[0] = signature;
    return out;
}

Buffer VirtualCard::gpo_answer(const Terminal& terminal) {
    const Verdict verdict = decide(terminal);
    const CryptogramType type = verdict == Verdict::go_online ? CryptogramType::arqc
                                : verdict == Verdict::approve ? CryptogramType::tc
                                                              : CryptogramType::aac;
    const IssuerApplicationData iad = make_iad(data_.profile.dki, type);
    auto cryptogram =
        compute_cryptogram(data_.card_key.bytes(), {.amount = terminal.amount,
                                                    .amount_other = terminal.amount_other,
                                                    .terminal_country = terminal.country,
                                                    .tvr = terminal.tvr,
                                                    .currency = terminal.currency,
                                                    .date = terminal.date,
                                                    .type = terminal.type,
                                                    .unpredictable = terminal.unpredictable,
                                                    .aip = aip,
                                                    .cvr = Bytes(iad).subspan(3, 4),
                                                    .atc = state_.atc});
    if (!cryptogram) return status(sw::memory_failure);
    if (faults_.take(FaultKind::wrong_arqc, step_)) cryptogram->back() ^= 0x01;

    const std::uint8_t psn = psn_byte(data_.profile);
    Buffer objects, out;
    put(objects, Tag{0x82}, aip);
    if (verdict == Verdict::approve) put(objects, Tag{0x94}, afl);
    put(objects, Tag{0x9F36}, two_bytes(state_.atc));
    put(objects, Tag{0x57}, data_.track2.bytes());
    put(objects, Tag{0x9F10}, iad);
    put(objects, Tag{0x9F26}, *cryptogram);
    put(objects, Tag{0x5F34}, Bytes(&psn, 1));
    put(objects, Tag{0x9F6C}, ctq(terminal));
    if (data_.profile.offline_available_minor) {
        put(objects, Tag{0x9F5D}, bcd<6>(*data_.profile.offline_available_minor));
    }
    put(out, Tag{0x77}, objects);
    return with_status(std::move(out));
}

// --- READ RECORD, GET DATA ------------------------------------------------------------------

// Two records, for a reader that was told to approve offline. The expiry is not in the last one,
// which holds the authorisation code alone. Spec: [JRT-0025] part 12.
Buffer VirtualCard::read_record(const CommandApdu& command) {
    if (command.p2 != record_file_p2) {
        return status((command.p2 & 0x07) == 0x04 ? sw::not_found : sw::wrong_p1_p2);
    }
    if (!command.data.empty()) return status(sw::wrong_length);
    if (stage_ != Stage::initiated) return status(sw::conditions_not_satisfied);
    const CardProfile& profile = data_.profile;
    Buffer objects, out;
    if (command.p1 == 1) {
        constexpr std::string_view last_day = "31";  // Of the month; 5F24 wants a day.
        const std::uint8_t psn = psn_byte(profile);
        put(objects, Tag{0x5A}, packed_digits(profile.pan.clear_digits()).bytes());
        put(objects, Tag{0x5F24}, packed_digits(profile.expiry + std::string(last_day)).bytes());
        put(objects, Tag{0x5F28}, bcd<2>(profile.country));
        put(objects, Tag{0x5F34}, Bytes(&psn, 1));
    } else if (command.p1 == 2) {
        put(objects, Tag{0x9F74}, bytes_of(offline_code));
    } else {
        return status(sw::no_record);
    }
    put(out, Tag{0x70}, objects);
    return with_status(std::move(out));
}

Buffer VirtualCard::get_data(const CommandApdu& command) {
    if (!command.data.empty()) return status(sw::wrong_length);
    if (stage_ != Stage::selected && stage_ != Stage::initiated) {
        return status(sw::conditions_not_satisfied);
    }
    const CardProfile& profile = data_.profile;
    const auto tag = static_cast<std::uint16_t>(command.p1 << 8 | command.p2);
    Buffer out;
    switch (tag) {
        case 0x9F36:
            put(out, Tag{tag}, two_bytes(state_.atc));
            break;
        case 0x9F51:
            put(out, Tag{tag}, bcd<2>(profile.currency));
            break;
        case 0x9F57:
            put(out, Tag{tag}, bcd<2>(profile.country));
            break;
        case 0x9F5D:
        case 0x9F79:
            if (!profile.offline_available_minor) return status(sw::no_such_data);
            put(out, Tag{tag}, bcd<6>(*profile.offline_available_minor));
            break;
        default:
            return status(sw::no_such_data);
    }
    return with_status(std::move(out));
}

// --- Faults ---------------------------------------------------------------------------------

void VirtualCard::put(Buffer& out, Tag tag, Bytes value) {
    if (faults_.takes_tag(std::to_underlying(tag), step_)) return;
    TlvWriter(out).put(tag, value);
}

void VirtualCard::garble(Buffer& rapdu) {
    if (const auto kept = faults_.take(FaultKind::truncate, step_)) {
        const std::size_t data = rapdu.size() - 2;
        if (*kept < data) {
            rapdu.erase(rapdu.begin() + static_cast<std::ptrdiff_t>(*kept), rapdu.end() - 2);
        }
    }
    if (const auto count = faults_.take(FaultKind::garbage, step_)) {
        // The same on every run, and never the start of a template that anybody expects.
        std::uint32_t state = 0x9E37'79B9U + step_;
        rapdu.clear();
        for (std::uint32_t i = 0; i < *count; ++i) {
            state = state * 1'664'525U + 1'013'904'223U;
            rapdu.push_back(static_cast<std::uint8_t>(state >> 24));
        }
        append(rapdu, status(sw::ok));
    }
}

}  // namespace softpos::card
