// What makes a virtual card this card: its profile, its issuer, and the key that ties the two.
// Cards are self-made, on test BINs and under test keys; no network ever issued them.
#pragma once

#include "base/bytes.h"
#include "base/pan.h"
#include "base/result.h"
#include "base/secret.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace softpos::card {

// How the card wants its holder checked.
enum class CardCvm : std::uint8_t { none, device, online_pin, signature };
enum class CardCvmWhen : std::uint8_t { when_required, always };

enum class CardLife : std::uint8_t { active, application_blocked, card_blocked };

struct CardProfile {
    std::string name;
    Pan pan;
    std::string psn;           // Two digits.
    std::string expiry;        // "YYMM".
    std::string service_code;  // Three digits.
    std::string track2_rest;   // Digits behind the service code, at most 13.
    Buffer aid;                // 7 to 16 bytes: RID and extension.
    std::string label;         // 1 to 16 printable characters.
    std::uint8_t priority;     // 1 to 15.
    CardCvm cvm;
    CardCvmWhen cvm_when;
    std::uint16_t country;   // ISO 3166-1 number, 156 for China.
    std::uint16_t currency;  // ISO 4217 number, 156 for CNY.
    std::uint8_t dki;        // Which of its issuer's master keys.
    CardLife life;
    std::optional<std::int64_t> offline_available_minor;  // 9F5D and 9F79, on cards that show it.
};

// One BIN of one issuer and the master key of its cards.
struct IssuerProfile {
    std::string name;
    std::string bin;  // 6 to 8 digits.
    std::uint8_t dki;
    SecretBytes mdk;  // 16 bytes, two-key TDES.
};

// The text of data/cards/*.card and *.issuer: lines `key = value`, comments with #, every key once
// and no other. What the file says is checked: sizes, digits, the PAN's check digit. Error.detail
// is the line, 0 where a key is missing.
constexpr std::size_t profile_text_bytes_max = 4096;
Result<CardProfile> parse_card(std::string_view text);
Result<IssuerProfile> parse_issuer(std::string_view text);

// The issuer with the longest BIN that the PAN begins with; null where there is none.
const IssuerProfile* find_issuer(std::span<const IssuerProfile> issuers, const Pan& pan);

// A card as it leaves its issuer.
struct CardData {
    CardProfile profile;
    SecretBytes card_key;  // Derived from the master key, PAN and sequence number.
    SecretBytes track2;    // 57 as it travels.
};

// denied where the card is not one of this issuer's: another BIN or key index.
//
//     VirtualCard card(TRY(personalise(TRY(parse_card(text)), issuer)));
Result<CardData> personalise(CardProfile profile, const IssuerProfile& issuer);

}  // namespace softpos::card
