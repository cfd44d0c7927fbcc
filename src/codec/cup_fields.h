// The private fields of cup-pos as types: 48, 55, 59, 60, 61, 62 and 63. Acquirers vary them; what
// stands here is the form that public terminal programs agree on.
//
// Spec: [CUP-POS] 1.5 to 1.8 (as public terminal code shows it; the paper itself was not read).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "codec/ber_tlv.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace softpos::codec {

// ---- Field 55: chip data -----------------------------------------------------------------------

constexpr std::size_t field_55_bytes_max = 255;

// The objects of a sale in the order hosts expect, out of everything the kernel knows. Objects that
// no card must have are left out where they are missing; 9F03 becomes zero. malformed with the tag
// in Error.detail where one is missing without which no issuer can check the cryptogram.
Result<Buffer> field_55_for_sale(Bytes chip_data);

// The few objects that a reversal repeats. With 9F36 only where the card declined after the issuer
// had approved. Empty where there is nothing to repeat: then the message goes without field 55.
enum class ChipEnd : std::uint8_t { unknown, card_declined };
Result<Buffer> field_55_for_reversal(Bytes chip_data, ChipEnd end);

// What the issuer sends back to the card. Borrowed.
struct IssuerAnswer {
    std::optional<Bytes> authentication_data;  // 91
    std::optional<Bytes> script_before;        // 71
    std::optional<Bytes> script_after;         // 72
};
Result<IssuerAnswer> parse_field_55_answer(Bytes value);

// ---- Field 59: what and where the terminal is
// ----------------------------------------------------

// Two characters of tag, three digits of length, the value; again and again, and inside A2 and A5.
struct TextObject {
    std::string_view tag;
    Bytes value;
};
class TextTlvReader {
public:
    explicit TextTlvReader(Bytes input) : in_(input) {}
    Result<std::optional<TextObject>> next();  // An error is final.

private:
    ByteReader in_;
};
void put_text_object(Buffer& out, std::string_view tag, Bytes value);  // CHECKs the sizes.

struct TerminalInformation {    // A2. Empty is left out.
    std::string device_type{};  // 01. "08" is a phone as POS.
    std::string serial{};       // 02: TUSN, or "00000202" and the maker's serial number.
    std::string factor{};       // 03: last six digits of the PAN.
    std::string proof{};        // 04: eight hex digits over serial and factor.
    std::string app_version{};  // 05: eight characters, blanks on the right.
};
struct TerminalPlace {  // A5, of which 01, 02 and 05.
    std::string longitude{};
    std::string latitude{};
    std::string system{};  // "GCJ02"
};
struct Field59 {
    std::optional<std::array<std::uint8_t, 16>> sm4_pin_block{};  // A1
    std::optional<TerminalInformation> terminal{};
    std::optional<TerminalPlace> place{};
};
Result<Field59> parse_field_59(Bytes value);  // Objects of other tags are passed over.
Result<Buffer> build_field_59(const Field59& field);

// ---- Fields 60 and 61: kind of message, and which one it is about
// --------------------------------

// Digits. Each part can be there only if all in front of it are.
struct Field60 {
    std::string kind{};                         // 60.1, two digits: "22" is a sale.
    std::string batch{};                        // 60.2, six digits.
    std::optional<std::string> network_code{};  // 60.3, three digits: "003".
    std::optional<char> reader{};               // 60.4: '6' reads contact and contactless.
    std::optional<char> chip_condition{};       // 60.5
    std::optional<char> partial_approval{};     // 60.6
    std::optional<std::string> account_type{};  // 60.7, three digits.
};
Result<Field60> parse_field_60(std::string_view digits);
Result<std::string> build_field_60(const Field60& field);

struct Field61 {
    std::string batch{};  // Six digits.
    std::string trace{};  // Six digits.
    std::string date{};   // MMDD, or empty.
    std::string authorization_mode{};
    std::string authorization_institution{};
};
Result<Field61> parse_field_61(std::string_view digits);
Result<std::string> build_field_61(const Field61& field);

// ---- Field 62: keys
// ------------------------------------------------------------------------------

// A key under the terminal master key, without filler, and the first bytes of the encryption of
// zero under it. Borrowed.
struct KeyCryptogram {
    Bytes cryptogram;   // 8, 16 or 24 bytes.
    Bytes check_value;  // 4 bytes.
};
struct WorkingKeys {
    KeyCryptogram pin_key;
    KeyCryptogram mac_key;
    std::optional<KeyCryptogram> track_key;
};
// The forms of 24, 40, 56 (two keys of 8, 16 or 24 bytes), 60 and 84 bytes (three of 16 or 24). A
// shorter key stands in front of zeros. unsupported on any other size.
Result<WorkingKeys> parse_working_keys(Bytes field_62);

// "Sequence No" and who asks: four characters of certification number, and the serial number.
struct SignInIdentity {
    std::string certification{};
    std::string serial{};
};
Result<Buffer> build_sign_in_identity(const SignInIdentity& identity);
Result<SignInIdentity> parse_sign_in_identity(Bytes field_62);

// ---- Field 48: totals of a batch
// -----------------------------------------------------------------

enum class BatchVerdict : std::uint8_t { unanswered = 0, balanced = 1, unbalanced = 2, error = 3 };
struct BatchSide {
    std::int64_t debit_amount_minor = 0;
    unsigned debit_count = 0;
    std::int64_t credit_amount_minor = 0;
    unsigned credit_count = 0;
    BatchVerdict verdict = BatchVerdict::unanswered;

    friend bool operator==(const BatchSide&, const BatchSide&) = default;
};
struct BatchTotals {
    BatchSide domestic;
    BatchSide foreign;

    friend bool operator==(const BatchTotals&, const BatchTotals&) = default;
};
Result<BatchTotals> parse_batch_totals(std::string_view digits);
Result<std::string> build_batch_totals(const BatchTotals& totals);  // denied over 12 or 3 digits.

// ---- Field 63 of an answer
// -----------------------------------------------------------------------

// Texts are GBK, without the blanks behind them; borrowed.
struct AnswerText {
    std::string_view scheme;  // "CUP"
    std::string_view issuer;
    std::string_view centre;
    std::string_view acquirer;
};
Result<AnswerText> parse_answer_text(std::string_view field_63);

}  // namespace softpos::codec
