// The EMV code that a merchant shows and a payer scans: what it says as one value, read and
// written.
//
//     const MerchantCode code = ...;
//     const std::string text = TRY(build_merchant_code(code));        // For the display.
//     const auto scanned = TRY(parse_merchant_code(text, Reading::lenient));
//
// Spec: [EMV-QR-MPM] 3 and 4.
#pragma once

#include "codec/qr/qr_fault.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::qr {

constexpr std::size_t merchant_code_bytes_max = 512;           // Spec: [EMV-QR-MPM] 2.1.
constexpr std::size_t merchant_code_lenient_bytes_max = 4096;  // What a QR symbol can hold.

struct IdValue {
    unsigned id;
    std::string value;

    friend bool operator==(const IdValue&, const IdValue&) = default;
};

// Objects that one payment system defines: 26 to 51, 80 to 99, and 50 to 99 inside of 62.
struct SystemTemplate {
    unsigned id;
    std::string guid;           // 00: an AID, a UUID or a domain backwards.
    std::vector<IdValue> data;  // 01 to 99, rising.

    friend bool operator==(const SystemTemplate&, const SystemTemplate&) = default;
};

// 01. A code for one payment only carries its amount; the other stands on the counter.
enum class Initiation : std::uint8_t { fixed, dynamic };  // "11", "12"

// 55 to 57.
struct Tip {
    enum class Kind : std::uint8_t { prompt, amount, percent };
    Kind kind = Kind::prompt;
    std::string value;  // Empty for prompt. "5" percent, or an amount.

    friend bool operator==(const Tip&, const Tip&) = default;
};

// 64: name and city once more, for people who read another script.
struct LocalisedMerchant {
    std::string language;  // "zh", as ISO 639
    std::string name;
    std::string city;            // May be empty.
    std::vector<IdValue> other;  // 03 to 99

    friend bool operator==(const LocalisedMerchant&, const LocalisedMerchant&) = default;
};

// 62. "***" asks the payer's app to prompt for the value.
struct AdditionalData {
    std::vector<IdValue> values;            // 01 to 49, rising; see the names below.
    std::vector<SystemTemplate> templates;  // 50 to 99

    friend bool operator==(const AdditionalData&, const AdditionalData&) = default;
};

namespace additional {
constexpr unsigned bill_number = 1;
constexpr unsigned mobile_number = 2;
constexpr unsigned store_label = 3;
constexpr unsigned loyalty_number = 4;
constexpr unsigned reference_label = 5;
constexpr unsigned customer_label = 6;
constexpr unsigned terminal_label = 7;
constexpr unsigned purpose = 8;
constexpr unsigned consumer_data_request = 9;  // Of A, M and E: address, mobile, e-mail.
}  // namespace additional

struct MerchantCode {
    std::optional<Initiation> initiation;
    std::vector<IdValue> accounts;                  // 02 to 25, of known card schemes.
    std::vector<SystemTemplate> account_templates;  // 26 to 51
    std::string category_code;                      // 52: "5411"
    std::string currency;                           // 53: "156"
    std::string amount;                             // 54: "23.72"; empty: the payer types it.
    std::optional<Tip> tip;
    std::string country;  // 58: "CN"
    std::string name;     // 59
    std::string city;     // 60
    std::string postal_code;
    std::optional<AdditionalData> additional;
    std::optional<LocalisedMerchant> localised;
    std::vector<IdValue> reserved;          // 65 to 79: of versions that we do not know.
    std::vector<SystemTemplate> templates;  // 80 to 99

    friend bool operator==(const MerchantCode&, const MerchantCode&) = default;
};

struct ScannedMerchantCode {
    MerchantCode code;
    std::vector<Fault> forgiven;  // Empty after a strict reading.
};

// Objects may come in any order between the first (00) and the last (63, the check sum). A lenient
// reading forgives values of descriptive fields that break their rules, objects that describe the
// merchant and are missing, and templates that cannot be taken apart, which are then left out.
QrResult<ScannedMerchantCode> parse_merchant_code(std::string_view text, Reading reading);

// In rising order of ids. What it gives has been read back strictly.
QrResult<std::string> build_merchant_code(const MerchantCode& code);

// "23.72" with two decimals is 2372. nullopt where it is no amount, is zero, has more decimals than
// the currency, or is above amount_minor_max.
std::optional<std::int64_t> amount_minor_of(std::string_view amount, unsigned decimals);
std::string amount_text(std::int64_t minor, unsigned decimals);  // CHECKs a positive amount.

}  // namespace softpos::qr
