// For tests only: cards that tap by themselves, and a terminal that speaks cup-pos to a network
// host as the platform would, without a platform.
#pragma once

#include "base/check.h"
#include "base/hex.h"
#include "codec/ber_tlv.h"
#include "crypto/cipher.h"
#include "crypto/mac.h"
#include "host/data_files.h"
#include "platform/channel/cup_messages.h"
#include "world/card/cryptogram.h"
#include "world/card/test_cards.h"
#include "world/sim/network_host.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>

namespace softpos::sim::test {

constexpr Instant noon{1'795'320'000'000};  // 2026-11-22T12:00:00+08:00
constexpr std::uint32_t today = 20261122;

inline const codec::Dialect& dialect() {
    static const codec::Dialect loaded =
        codec::Dialect::parse(host::read_data("dialects/cup-pos.dialect").value()).value();
    return loaded;
}

inline Buffer bcd_amount(std::int64_t amount_minor) {
    std::array<char, 16> digits{};
    std::snprintf(digits.data(), digits.size(), "%012lld", static_cast<long long>(amount_minor));
    return from_hex(digits.data()).value();
}

// A card of data/cards: its tap is a field 55 with a cryptogram under its own key.
class TestCard {
public:
    explicit TestCard(const std::string& name)
        : data_(card::personalise(card::test::profile(name),
                                  card::test::issuer_of(card::test::profile(name)))
                    .value()) {}

    std::string pan() const { return std::string(data_.profile.pan.clear_digits()); }
    const card::CardProfile& profile() const { return data_.profile; }
    std::uint16_t counter() const { return counter_; }

    // Field 55 of the next tap.
    Buffer tap(std::int64_t amount_minor, card::CryptogramType type = card::CryptogramType::arqc) {
        return tap_with(amount_minor, ++counter_, type);
    }
    Buffer tap_with(std::int64_t amount_minor, std::uint16_t counter,
                    card::CryptogramType type) const {
        const Buffer amount = bcd_amount(amount_minor), zeros(6), country{0x01, 0x56}, tvr(5),
                     date{0x26, 0x11, 0x22}, purchase(1), number{1, 2, 3, 4}, aip{0x08, 0x00};
        const Buffer atc{static_cast<std::uint8_t>(counter >> 8),
                         static_cast<std::uint8_t>(counter)};
        const auto iad = card::make_iad(data_.profile.dki, type);
        const auto cryptogram =
            card::compute_cryptogram(data_.card_key.bytes(), {.amount = amount,
                                                              .amount_other = zeros,
                                                              .terminal_country = country,
                                                              .tvr = tvr,
                                                              .currency = country,
                                                              .date = date,
                                                              .type = purchase,
                                                              .unpredictable = number,
                                                              .aip = aip,
                                                              .cvr = Bytes(iad).subspan(3, 4),
                                                              .atc = counter});
        const Buffer information{0x80};
        Buffer out;
        const auto put = [&](std::uint32_t tag, Bytes value) {
            codec::TlvWriter(out).put(codec::Tag{tag}, value);
        };
        put(0x9F26, cryptogram.value());
        put(0x9F27, information);
        put(0x9F10, iad);
        put(0x9F37, number);
        put(0x9F36, atc);
        put(0x95, tvr);
        put(0x9A, date);
        put(0x9C, purchase);
        put(0x9F02, amount);
        put(0x5F2A, country);
        put(0x82, aip);
        put(0x9F1A, country);
        put(0x9F03, zeros);
        put(0x84, data_.profile.aid);
        return out;
    }

    // What the vault would hand to the channel: fresh from the phone, or out of the store.
    channel::CardData fresh(Bytes field55) const {
        Buffer list;
        codec::TlvWriter(list).put(codec::Tag{0x57}, data_.track2.bytes());
        return finish(std::move(list), field55);
    }
    channel::CardData stored() const {
        std::string digits = pan();
        if (digits.size() % 2 != 0) digits += 'F';
        Buffer list;
        codec::TlvWriter(list).put(codec::Tag{0x5A}, from_hex(digits).value());
        return finish(std::move(list), {});
    }

private:
    channel::CardData finish(Buffer list, Bytes field55) const {
        codec::TlvWriter(list).put(codec::Tag{0x5F34}, from_hex(data_.profile.psn).value());
        codec::TlvWriter(list).put(codec::Tag{0x5F24},
                                   from_hex(data_.profile.expiry + "31").value());
        if (!field55.empty()) codec::TlvWriter(list).put(codec::Tag{0xDF8155}, field55);
        return channel::CardData::read(list).value();
    }

    card::CardData data_;
    std::uint16_t counter_ = 0;
};

// An answer of the host, taken apart.
struct HostAnswer {
    bool silent = true;
    std::string mti, code, rrn, auth, field48;
    bool has_mac = false, mac_right = false;
    Buffer bytes;
};

struct Sale {
    std::uint32_t trace = 0;
    std::uint32_t batch = 0;
    std::int64_t amount_minor = 0;
    std::string rrn, auth;
};

class TestTerminal {
public:
    using Change = std::function<void(codec::IsoMessage&)>;

    TestTerminal(NetworkHost& network, std::string number, std::string merchant)
        : network_(network),
          speaker_{.terminal = std::move(number), .merchant = std::move(merchant)} {}

    channel::CupTerminal& speaker() { return speaker_; }
    std::uint32_t trace() const { return trace_; }
    void go_back_to(std::uint32_t trace) { trace_ = trace - 1; }
    void damage_next_mac() { damage_ = true; }
    const Buffer& last_request() const { return request_; }
    void change_next(Change change) { change_ = std::move(change); }

    Result<void> register_at_host() {
        return network_.register_terminal(speaker_.terminal, speaker_.merchant,
                                          SecretBytes::copy_of(master_key_));
    }
    HostAnswer sign_in() {
        codec::IsoMessage message(dialect());
        CHECK(channel::build_sign_in(speaker_, ++trace_, std::nullopt, message).has_value());
        const HostAnswer answer = send(message);
        if (answer.code != "00") return answer;
        codec::IsoMessage parsed(dialect());
        CHECK(codec::unpack(answer.bytes, parsed).has_value());
        const auto keys = codec::parse_working_keys(*parsed.binary(62)).value();
        mac_key_ =
            crypto::ecb_decrypt_secret(crypto::Cipher::tdes, master_key_, keys.mac_key.cryptogram)
                .value();
        const std::string_view batch = parsed.text(60).value().substr(2, 6);
        std::from_chars(batch.data(), batch.data() + batch.size(), speaker_.batch);
        return answer;
    }

    HostAnswer purchase(const TestCard& card, std::int64_t amount_minor, Bytes field55,
                        Sale* sale = nullptr) {
        const channel::CardData data = card.fresh(field55);
        const HostAnswer answer =
            payment(channel::build_purchase, data, amount_minor, std::nullopt);
        if (sale != nullptr) {
            *sale = {.trace = trace_,
                     .batch = speaker_.batch,
                     .amount_minor = amount_minor,
                     .rrn = answer.rrn,
                     .auth = answer.auth};
        }
        return answer;
    }
    HostAnswer purchase(TestCard& card, std::int64_t amount_minor, Sale* sale = nullptr) {
        const Buffer field55 = card.tap(amount_minor);
        return purchase(card, amount_minor, field55, sale);
    }
    HostAnswer void_sale(const TestCard& card, const Sale& sale) {
        return payment(channel::build_void, card.stored(), sale.amount_minor, original(sale));
    }
    HostAnswer refund(const TestCard& card, const Sale& sale, std::int64_t amount_minor) {
        return payment(channel::build_refund, card.stored(), amount_minor, original(sale));
    }
    HostAnswer reverse(const TestCard& card, const Sale& sale) {
        return reverse(card, sale, channel::Reversed::purchase, std::nullopt);
    }
    // `sale` names the trace of the void and the amount.
    HostAnswer reverse_void(const TestCard& card, const Sale& voiding, const Sale& sale) {
        return reverse(card, voiding, channel::Reversed::cancellation, original(sale));
    }
    HostAnswer settle(const codec::BatchTotals& totals) {
        codec::IsoMessage message(dialect());
        CHECK(channel::build_batch_settle(speaker_, ++trace_, totals, message).has_value());
        return send(message);
    }

    HostAnswer send_bytes(Bytes request) { return read(network_.handle(request, noon)); }

    HostAnswer send(codec::IsoMessage& message) {
        if (change_) std::exchange(change_, nullptr)(message);
        auto outgoing = channel::OutgoingMessage::pack(message);
        CHECK(outgoing.has_value());
        if (const Bytes input = outgoing->mac_input(); !input.empty()) {
            auto mac = mac_of(input);
            if (std::exchange(damage_, false)) mac[0] ^= 1;
            outgoing->set_mac(mac);
        }
        request_.assign(outgoing->bytes().begin(), outgoing->bytes().end());
        return send_bytes(request_);
    }

private:
    using Build = Result<void> (*)(const channel::CupPayment&, codec::IsoMessage&);

    static channel::CupOriginal original(const Sale& sale) {
        return {.batch = sale.batch,
                .trace = sale.trace,
                .date = "1122",
                .reference = sale.rrn,
                .approval = sale.auth};
    }
    HostAnswer payment(Build build, const channel::CardData& card, std::int64_t amount_minor,
                       std::optional<channel::CupOriginal> about) {
        codec::IsoMessage message(dialect());
        CHECK(build({.terminal = speaker_,
                     .card = card,
                     .trace = ++trace_,
                     .amount = {amount_minor, Currency::cny},
                     .original = std::move(about)},
                    message)
                  .has_value());
        return send(message);
    }
    HostAnswer reverse(const TestCard& card, const Sale& about, channel::Reversed what,
                       std::optional<channel::CupOriginal> sale) {
        codec::IsoMessage message(dialect());
        channel::CupTerminal speaker = speaker_;
        speaker.batch = about.batch;
        const channel::CardData data = card.stored();
        CHECK(channel::build_reversal({.terminal = speaker,
                                       .card = data,
                                       .trace = about.trace,
                                       .amount = {about.amount_minor, Currency::cny},
                                       .original = std::move(sale)},
                                      {.reversed = what}, message)
                  .has_value());
        return send(message);
    }
    crypto::UnionpayMac mac_of(Bytes input) const {
        if (mac_key_.empty()) return {'0', '0', '0', '0', '0', '0', '0', '0'};
        const auto key = crypto::BlockKey::make(crypto::Cipher::tdes, mac_key_.bytes());
        return crypto::unionpay_ecb_mac(key.value(), input);
    }
    HostAnswer read(std::optional<Buffer> bytes) const {
        HostAnswer answer;
        if (!bytes) return answer;
        codec::IsoMessage message(dialect());
        CHECK(codec::unpack(*bytes, message).has_value());
        const auto text = [&](unsigned field) {
            return std::string(message.text(field).value_or(""));
        };
        answer.silent = false;
        answer.mti = message.mti();
        answer.code = text(39);
        answer.rrn = text(37);
        answer.auth = text(38);
        answer.field48 = text(48);
        answer.has_mac = message.has(64);
        answer.mac_right = answer.has_mac && std::ranges::equal(*message.binary(64),
                                                                mac_of(codec::mac_input(*bytes)));
        answer.bytes = *std::move(bytes);
        return answer;
    }

    NetworkHost& network_;
    channel::CupTerminal speaker_;
    Buffer master_key_ = Buffer(16, 0x5A);
    SecretBytes mac_key_;
    Buffer request_;
    Change change_;
    bool damage_ = false;
    std::uint32_t trace_ = 0;
};

}  // namespace softpos::sim::test
