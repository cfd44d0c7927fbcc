// Answers message by message; the money itself is with the issuers.
#include "world/sim/network_host.h"

#include "base/check.h"
#include "codec/ber_tlv.h"
#include "crypto/cipher.h"
#include "crypto/mac.h"
#include "crypto/pin_block.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <set>

namespace softpos::sim {
namespace {

constexpr std::size_t message_bytes_max = 2048;
constexpr std::size_t field_60_digits_min = 8;  // Kind of message and batch.

// Response codes that an amount ending in them selects in the sandbox: 12.51 yuan -> 51.
constexpr std::array<std::string_view, 16> sandbox_codes = {
    "01", "05", "13", "14", "41", "43", "51", "54", "55", "57", "61", "62", "65", "75", "91", "96"};

template <typename... Numbers>
std::string printed(const char* format, Numbers... numbers) {
    char text[48];
    const int size = std::snprintf(text, sizeof text, format, numbers...);
    return {text, static_cast<std::size_t>(size)};
}

std::int64_t number_of(std::string_view digits) {
    std::int64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return value;
}

std::string trace_key(const std::string& terminal, const std::string& batch,
                      const std::string& trace) {
    return terminal + "|" + batch + "|" + trace;
}

// Tag 84: the identifier's last byte is 01 for debit, 02 and 03 for credit.
bool is_credit(Bytes field55) {
    const auto aid = codec::find_value(field55, codec::Tag{0x84});
    return aid && *aid && (*aid)->size() >= 8 && ((**aid)[7] == 0x02 || (**aid)[7] == 0x03);
}

// Requests and advices; an answer to an answer would go on for ever.
bool is_request(std::string_view mti) {
    return (mti[2] - '0') % 2 == 0;
}

// The message class decides what an answer is called: 0200 -> 0210.
std::string answer_mti(std::string_view mti) {
    std::string answer(mti);
    answer[2] = static_cast<char>(answer[2] + 1);
    return answer;
}

}  // namespace

std::uint32_t next_date(std::uint32_t yyyymmdd) {
    using std::chrono::day, std::chrono::days, std::chrono::month, std::chrono::sys_days,
        std::chrono::year, std::chrono::year_month_day;
    const year_month_day today{year(static_cast<int>(yyyymmdd / 10000)),
                               month(yyyymmdd / 100 % 100), day(yyyymmdd % 100)};
    const year_month_day next{sys_days(today) + days(1)};
    return static_cast<std::uint32_t>(int{next.year()}) * 10000 + unsigned{next.month()} * 100 +
           unsigned{next.day()};
}

std::string NetworkHost::Turn::text(unsigned field) const {
    return std::string(in.text(field).value_or(""));
}

std::int64_t NetworkHost::Turn::amount() const {
    return number_of(in.text(4).value_or("0"));
}

NetworkHost::NetworkHost(const codec::Dialect& dialect, Config config, Issuer& issuer,
                         Random& random)
    : dialect_(dialect), config_(std::move(config)), issuer_(issuer), random_(random) {}

Result<void> NetworkHost::register_terminal(const std::string& terminal_id,
                                            const std::string& merchant_id,
                                            SecretBytes terminal_master_key) {
    if (terminal_master_key.size() != 16) {
        return fail(ErrorKind::malformed, "network: terminal master key has 16 bytes");
    }
    Terminal& terminal = terminals_[terminal_id];
    terminal.merchant_id = merchant_id;
    terminal.master_key = std::move(terminal_master_key);
    return {};
}

std::string NetworkHost::key_of(const Turn& turn) {
    const std::string field60 = turn.text(60);
    return turn.text(42) + turn.text(41) + field60.substr(0, 8) + turn.text(11) +
           std::string(turn.in.mti());
}

std::optional<Buffer> NetworkHost::handle(Bytes message, Instant now) {
    ++counters_.messages;
    codec::IsoMessage in(dialect_);
    if (!codec::unpack(message, in) || !is_request(in.mti())) {
        ++counters_.malformed;
        return std::nullopt;
    }
    codec::IsoMessage out(dialect_);
    const auto found = terminals_.find(in.text(41).value_or(""));
    Terminal* terminal = found == terminals_.end() ? nullptr : &found->second;
    Turn turn{in, out, terminal, message, now};

    const bool remembers = in.mti() != "0800" && in.mti() != "0820";
    const std::string key = remembers ? key_of(turn) : std::string();
    if (const auto before = answered_.find(key); remembers && before != answered_.end()) {
        ++counters_.repeated;
        if (auto same = answer_again(turn, before->second)) return same;
    }

    CHECK(out.set_mti(answer_mti(in.mti())).has_value());
    const bool other_body = remembers && answered_.contains(key);
    const std::string code = other_body ? answer_conflict(turn) : dispatch(turn);
    stamp(turn);
    CHECK(out.set(39, code).has_value());
    Buffer answer = seal(out, turn.terminal);
    // A wrong MAC or a terminal that is not signed in leaves nothing behind: the same message may
    // come again after a sign-in.
    const bool durable = code != "A0" && code != "A8" && code != "97" && !other_body;
    if (remembers && durable) {
        answered_[key] = {Buffer(message.begin(), message.end()), answer};
    }
    return answer;
}

// The same bytes get the same bytes. A terminal that signed in since then repeats its message under
// its new key, and gets the same answer under that key.
std::optional<Buffer> NetworkHost::answer_again(const Turn& turn, const Remembered& before) const {
    if (std::ranges::equal(before.request, turn.request)) return before.answer;
    const bool with_mac = turn.in.has(64) && turn.terminal != nullptr;
    if (!with_mac ||
        !std::ranges::equal(codec::mac_input(before.request), codec::mac_input(turn.request))) {
        return std::nullopt;
    }
    if (!check_security(turn).empty()) return std::nullopt;
    Buffer answer = before.answer;
    put_mac(answer, *turn.terminal);
    return answer;
}

// The key of an earlier message with another content, or with a MAC that is nobody's.
std::string NetworkHost::answer_conflict(const Turn& turn) {
    if (turn.terminal == nullptr) return "97";
    const std::string refused = turn.in.has(64) ? check_security(turn) : std::string();
    if (!refused.empty()) ++counters_.mac_failures;
    return refused.empty() ? "94" : refused;
}

std::string NetworkHost::dispatch(Turn& turn) {
    if (turn.terminal == nullptr || turn.text(42) != turn.terminal->merchant_id) return "97";
    const std::string_view mti = turn.in.mti();
    if (mti == "0800") return answer_sign_in(turn);
    if (mti == "0820") return answer_management(turn);
    if (turn.terminal->signed_in_on != config_.business_date) return "A8";
    if (turn.text(60).size() < field_60_digits_min) return "30";
    if (mti == "0500") return answer_settlement(turn);
    const std::string refused = check_security(turn);
    if (!refused.empty()) {
        ++counters_.mac_failures;
        return refused;
    }
    if (mti == "0400") return answer_reversal(turn);
    if (mti == "0200" || mti == "0220") return answer_financial(turn);
    return "40";  // Type not supported.
}

// Every financial message carries a MAC over everything in front of it, under today's key.
std::string NetworkHost::check_security(const Turn& turn) const {
    const auto mac = turn.in.binary(64);
    if (!mac || turn.terminal->mac_key.empty()) return "A0";
    const auto key = crypto::BlockKey::make(crypto::Cipher::tdes, turn.terminal->mac_key.bytes());
    CHECK(key.has_value());
    const auto expected = crypto::unionpay_ecb_mac(*key, codec::mac_input(turn.request));
    return equal_constant_time(*mac, expected) ? "" : "A0";
}

// New working keys under the terminal's master key, and the number of the batch.
// Spec: [CUP-POS] field 62 of the sign-in answer, form 003: 40 bytes.
std::string NetworkHost::answer_sign_in(Turn& turn) {
    Terminal& terminal = *turn.terminal;
    SecretBytes pin_key(16);
    SecretBytes mac_key(8);
    random_.fill(pin_key.writable());
    random_.fill(mac_key.writable());

    Buffer field62;
    const auto add = [&](const SecretBytes& key, std::size_t filler) {
        const auto sealed =
            crypto::ecb_encrypt(crypto::Cipher::tdes, terminal.master_key.bytes(), key.bytes());
        const auto check = crypto::ecb_encrypt(crypto::Cipher::tdes, key.bytes(), Buffer(8, 0));
        CHECK(sealed.has_value() && check.has_value());
        append(field62, *sealed);
        field62.resize(field62.size() + filler, 0);
        append(field62, Bytes(*check).first(4));
    };
    add(pin_key, 0);
    add(mac_key, 8);

    if (terminal.batch_opened_on != config_.business_date || terminal.batch_settled) {
        ++terminal.batch;
        terminal.batch_opened_on = config_.business_date;
        terminal.batch_settled = false;
    }
    ++counters_.sign_ins;
    terminal.signed_in_on = config_.business_date;
    terminal.mac_key = std::move(mac_key);
    terminal.pin_key = std::move(pin_key);
    CHECK(turn.out.set(60, "00" + printed("%06u", terminal.batch) + "003").has_value());
    CHECK(turn.out.set_binary(62, field62).has_value());
    return "00";
}

// An echo says that somebody is here. Who signed out has no keys and makes no payments until it
// signs in again; its batch stays open.
std::string NetworkHost::answer_management(Turn& turn) {
    constexpr std::size_t code_at = 8;  // Behind kind and batch.
    const std::string field60 = turn.text(60);
    const std::string code = field60.size() < code_at ? std::string() : field60.substr(code_at, 3);
    if (code == "301") {
        ++counters_.echoes;
        return "00";
    }
    if (code != "002") return "40";
    ++counters_.sign_outs;
    turn.terminal->signed_in_on = 0;
    turn.terminal->mac_key = SecretBytes();
    turn.terminal->pin_key = SecretBytes();
    return "00";
}

std::string NetworkHost::answer_financial(Turn& turn) {
    NetworkRecord record;
    record.terminal_id = turn.text(41);
    record.merchant_id = turn.text(42);
    record.batch = turn.text(60).substr(2, 6);
    record.trace = turn.text(11);
    record.pan = turn.text(2);
    record.entry_mode = turn.text(22);
    record.amount_minor = turn.amount();
    record.settlement_date = config_.business_date;
    const LocalTime time = china_time(turn.now);
    record.local_time = time.mmdd() + time.hhmmss();
    const std::string batch = printed("%06u", turn.terminal->batch);
    if (record.amount_minor <= 0) return "13";
    // Of a day that has ended. A refund is an advice: it may have been under way when the day
    // ended.
    if (record.batch != batch && turn.in.mti() != "0220") return "A8";
    if (reversed_first_.contains(trace_key(record.terminal_id, record.batch, record.trace))) {
        return "B3";  // Its reversal came first; it must not be authorised any more.
    }
    const bool credit = turn.text(3) == "200000";
    if (turn.in.mti() == "0220") return credit ? answer_refund(turn, std::move(record)) : "40";
    if (credit) return answer_void(turn, std::move(record));
    return turn.text(3) == "000000" ? answer_purchase(turn, std::move(record)) : "40";
}

// Format 0 under the terminal's working key. Spec: [CUP-POS] field 52.
std::optional<std::string> NetworkHost::pin_of(const Terminal& terminal, Bytes block,
                                               std::string_view pan_digits) {
    const auto pan = Pan::parse(pan_digits);
    const auto key = crypto::BlockKey::make(crypto::Cipher::tdes, terminal.pin_key.bytes());
    if (!pan || !key) return std::nullopt;
    const auto pin = crypto::decrypt_pin(crypto::PinFormat::iso0, *key, block, &*pan);
    if (!pin) return std::nullopt;
    return std::string(text_of(pin->clear_digits()));
}

std::string NetworkHost::answer_purchase(Turn& turn, NetworkRecord record) {
    const std::string cents = printed("%02d", static_cast<int>(record.amount_minor % 100));
    if (config_.sandbox_codes && std::ranges::find(sandbox_codes, cents) != sandbox_codes.end()) {
        ++counters_.declined;
        return cents;
    }
    // Three digits of field 23, two of tag 5F34.
    std::string psn = turn.text(23);
    psn = psn.size() == 3 ? psn.substr(1) : "00";
    const std::string track2 = turn.text(35);
    const std::size_t separator = track2.find('=');
    std::string expiry = turn.text(14);
    if (expiry.empty() && separator != std::string::npos) expiry = track2.substr(separator + 1, 4);
    if (separator != std::string::npos && track2.substr(0, separator) != record.pan) return "14";
    std::optional<std::string> pin;
    if (const auto block = turn.in.binary(52)) {
        pin = pin_of(*turn.terminal, *block, record.pan);
        if (!pin) return "99";  // Not a PIN block under this terminal's key, or of another card.
    }
    const std::string code = issuer_.authorise({.pan = record.pan,
                                                .psn = psn,
                                                .expiry_yymm = expiry,
                                                .business_date = config_.business_date,
                                                .amount_minor = record.amount_minor,
                                                .field55 = turn.in.binary(55).value_or(Bytes()),
                                                .pin = pin});
    if (code != "00") {
        ++counters_.declined;
        return code;
    }
    record.credit_card = is_credit(turn.in.binary(55).value_or(Bytes()));
    keep(std::move(record));
    CHECK(turn.out.set(37, records_.back().rrn).has_value());
    CHECK(turn.out.set(38, records_.back().auth_code).has_value());
    return code;
}

// Same batch, full amount, once.
std::string NetworkHost::answer_void(Turn& turn, NetworkRecord record) {
    const std::string original_field = turn.text(61);
    if (original_field.size() < 12) return "30";
    record.kind = NetworkRecord::Kind::void_of_sale;
    record.original_trace = original_field.substr(6, 6);
    NetworkRecord* original =
        find(record.terminal_id, original_field.substr(0, 6), record.original_trace);
    if (original == nullptr || original->reversed) return "25";
    if (original->kind != NetworkRecord::Kind::sale) return "25";
    if (original->settlement_date != config_.business_date) return "KK";
    if (original->voided || original->refunded_minor != 0) return "5M";
    if (original->amount_minor != record.amount_minor) return "64";
    if (original->pan != record.pan || original->rrn != turn.text(37)) return "25";
    original->voided = true;
    record.original = static_cast<std::size_t>(original - records_.data()) + 1;
    issuer_.credit(record.pan, record.amount_minor);
    keep(std::move(record));
    CHECK(turn.out.set(37, records_.back().rrn).has_value());
    CHECK(turn.out.set(38, records_.back().auth_code).has_value());
    return "00";
}

// Any later day, in parts, together never above the sale.
std::string NetworkHost::answer_refund(Turn& turn, NetworkRecord record) {
    const std::string rrn = turn.text(37);
    record.kind = NetworkRecord::Kind::refund;
    const auto original = std::ranges::find_if(records_, [&](const NetworkRecord& other) {
        return other.kind == NetworkRecord::Kind::sale && other.rrn == rrn &&
               other.merchant_id == record.merchant_id && other.pan == record.pan;
    });
    if (original == records_.end() || original->reversed) return "25";
    if (original->voided) return "5M";
    if (original->refunded_minor + record.amount_minor > original->amount_minor) return "64";
    original->refunded_minor += record.amount_minor;
    record.original_trace = original->trace;
    record.original = static_cast<std::size_t>(original - records_.begin()) + 1;
    issuer_.credit(record.pan, record.amount_minor);
    keep(std::move(record));
    CHECK(turn.out.set(37, records_.back().rrn).has_value());
    CHECK(turn.out.set(38, records_.back().auth_code).has_value());
    return "00";
}

// Undoes the message with the same trace and batch, whether it was a sale or a void. One that was
// never seen is remembered, so that it cannot be authorised when it comes late.
std::string NetworkHost::answer_reversal(Turn& turn) {
    const std::string batch = turn.text(60).substr(2, 6);
    NetworkRecord* record = find(turn.text(41), batch, turn.text(11));
    if (record == nullptr) {
        reversed_first_[trace_key(turn.text(41), batch, turn.text(11))] = true;
        return "25";
    }
    if (record->amount_minor != turn.amount()) return "64";
    if (record->kind == NetworkRecord::Kind::refund) return "40";  // An advice has no reversal.
    if (record->reversed) return "00";
    // What was given back already is not given back again.
    if (record->voided || record->refunded_minor != 0) return "25";
    record->reversed = true;
    ++counters_.reversed;
    if (record->kind == NetworkRecord::Kind::sale) {
        issuer_.credit(record->pan, record->amount_minor);
    } else if (record->original != 0) {
        records_[record->original - 1].voided = false;
        issuer_.credit(record->pan, -record->amount_minor);
    }
    CHECK(turn.out.set(37, record->rrn).has_value());
    return "00";
}

// Compares the terminal's totals with ours. Field 48: debit amount 12, count 3, credit amount 12,
// count 3, result 1 (1 balanced, 2 not), then the same for foreign cards.
// Spec: [CUP-POS] settlement.
std::string NetworkHost::answer_settlement(Turn& turn) {
    const std::string batch = turn.text(60).substr(2, 6);
    std::int64_t debit = 0;
    std::int64_t credit = 0;
    int debits = 0;
    int credits = 0;
    for (const NetworkRecord& record : records_) {
        if (record.terminal_id != turn.text(41) || record.batch != batch || record.reversed)
            continue;
        const bool sale = record.kind == NetworkRecord::Kind::sale;
        (sale ? debit : credit) += record.amount_minor;
        ++(sale ? debits : credits);
    }
    const std::string ours = printed("%012lld%03d%012lld%03d", static_cast<long long>(debit),
                                     debits % 1000, static_cast<long long>(credit), credits % 1000);
    std::string field48 = turn.text(48);
    if (field48.size() != 62) return "30";
    const bool balanced = field48.substr(0, 30) == ours;
    field48[30] = balanced ? '1' : '2';
    // The next sign-in opens another batch.
    if (balanced && batch == printed("%06u", turn.terminal->batch)) {
        turn.terminal->batch_settled = true;
    }
    field48[61] = field48.substr(31, 30) == std::string(30, '0') ? '1' : '2';
    CHECK(turn.out.set(48, field48).has_value());
    return "00";
}

void NetworkHost::keep(NetworkRecord record) {
    ++sequence_;
    const std::uint32_t date = config_.business_date;
    // Y DDD hh and a sequence of six would repeat after a million a day; the sequence takes seven.
    record.rrn = printed("%u%04u%07llu", date / 10000 % 10, date % 10000,
                         static_cast<unsigned long long>(sequence_ % 10'000'000));
    record.auth_code =
        printed("%06llu", static_cast<unsigned long long>((sequence_ * 7919 + 104729) % 1'000'000));
    record.response_code = "00";
    ++counters_.approved;
    by_trace_[trace_key(record.terminal_id, record.batch, record.trace)] = records_.size();
    records_.push_back(std::move(record));
}

NetworkRecord* NetworkHost::find(const std::string& terminal, const std::string& batch,
                                 const std::string& trace) {
    const auto found = by_trace_.find(trace_key(terminal, batch, trace));
    return found == by_trace_.end() ? nullptr : &records_[found->second];
}

// What every answer repeats, and what the host sets: date, time, settlement date, acquirer.
void NetworkHost::stamp(Turn& turn) {
    codec::IsoMessage& out = turn.out;
    for (const unsigned field : {2u, 3u, 4u, 11u, 25u, 41u, 42u, 49u}) {
        if (turn.in.has(field)) CHECK(out.set(field, *turn.in.text(field)).has_value());
    }
    if (turn.in.has(60) && !out.has(60)) CHECK(out.set(60, *turn.in.text(60)).has_value());
    const LocalTime time = china_time(turn.now);
    CHECK(out.set(12, time.hhmmss()).has_value());
    // The host's calendar, which a terminal takes over, is the business day's.
    CHECK(out.set(13, printed("%04u", config_.business_date % 10000)).has_value());
    CHECK(out.set(15, printed("%04u", config_.business_date % 10000)).has_value());
    CHECK(out.set(32, config_.acquirer_id).has_value());
    if (!out.has(37)) {
        const std::string rrn = time.hhmmss() + turn.text(11);
        CHECK(out.set(37, rrn.size() == 12 ? rrn : time.hhmmss() + "000000").has_value());
    }
}

Buffer NetworkHost::seal(codec::IsoMessage& out, const Terminal* terminal) const {
    const std::string_view mti = out.mti();
    const bool financial = mti == "0210" || mti == "0230" || mti == "0410";
    Buffer packed(message_bytes_max);
    const bool with_mac = financial && terminal != nullptr && !terminal->mac_key.empty();
    if (with_mac) CHECK(out.set_binary(64, Buffer(8, '0')).has_value());
    const auto size = codec::pack(out, packed);
    CHECK(size.has_value());
    packed.resize(*size);
    if (with_mac) put_mac(packed, *terminal);
    return packed;
}

// Into the room that is left for it at the end.
void NetworkHost::put_mac(Buffer& packed, const Terminal& terminal) {
    const auto key = crypto::BlockKey::make(crypto::Cipher::tdes, terminal.mac_key.bytes());
    CHECK(key.has_value());
    const auto mac = crypto::unionpay_ecb_mac(*key, codec::mac_input(packed));
    std::ranges::copy(mac, packed.end() - static_cast<std::ptrdiff_t>(mac.size()));
}

void NetworkHost::cut_over() {
    config_.business_date = next_date(config_.business_date);
}

}  // namespace softpos::sim
