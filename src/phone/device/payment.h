// What the phone knows about one payment, and its JSON: the same words towards the app, from the
// platform and in the journal.
#pragma once

#include "base/bytes.h"
#include "base/refusal.h"
#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace softpos::device {

enum class PaymentKind : std::uint8_t { purchase, void_sale, refund };
enum class PaymentResult : std::uint8_t { approved, declined, indeterminate };

std::string_view name_of(PaymentKind kind);      // "purchase", "void", "refund"
std::string_view name_of(PaymentResult result);  // "approved", "declined", "indeterminate"

// A refusal as it is shown. The platform may be newer than the phone and refuse with a code that
// our table does not have, so its words are kept as they came.
struct RefusalText {
    std::string code;   // "ISSUER_DECLINED"
    std::string klass;  // "fix_now", "retry", "contact" or "final"
    std::string message_en;
    std::string message_zh;
    std::string field = {};      // Which field of the request, where it is one.
    std::string reference = {};  // Finds the case at the platform, where there is one.

    friend bool operator==(const RefusalText&, const RefusalText&) = default;
};
RefusalText words_of(Refusal refusal, std::string_view field = {});

constexpr std::size_t reference_bytes_max = 64;
constexpr std::size_t payment_id_bytes_max = 64;
constexpr std::size_t wallet_code_bytes_max = 512;  // As much as a code may say.
constexpr std::size_t payment_json_bytes_max = 8 * 1024;

// Empty texts are fields that are not known. `refusal` is set when and only when not approved.
struct Payment {
    std::string payment_id;       // The platform's; empty where it never heard of the payment.
    std::string idempotency_key;  // 32 hex digits.
    PaymentKind kind = PaymentKind::purchase;
    PaymentResult result = PaymentResult::indeterminate;
    std::string state;
    std::int64_t amount_minor = 0;
    std::string currency = "CNY";
    std::string reference;
    std::string masked_pan;  // First six and last four digits at most.
    std::string response_code;
    std::optional<RefusalText> refusal;
    std::string trace;
    std::string rrn;
    std::string auth_code;
    std::string batch;
    std::string settlement_date;
    std::int64_t refunded_minor = 0;
    std::string original_payment_id;
    std::string created_at;
    // Of one out of a wallet.
    std::string channel = {};      // "alipay", …
    std::string wallet_code = {};  // The wallet's last word.
    std::string code = {};         // To be shown, while it can be paid.
    std::string code_expires_at = {};

    friend bool operator==(const Payment&, const Payment&) = default;
};

std::string payment_json(const Payment& payment);
std::string refusal_json(const RefusalText& refusal);  // {"refusal":{...}}

// The platform may add fields in a later version, so unknown ones are passed over; a known one of
// the wrong type or a value that cannot be is malformed. A masked PAN with more clear digits than
// it may have is masked here.
Result<Payment> read_payment(std::string_view json);

// nullopt where the text holds none.
std::optional<RefusalText> read_refusal(std::string_view json);

// True for text that goes into a URL path as it is: [A-Za-z0-9_-], 1 to payment_id_bytes_max.
bool is_identifier(std::string_view text);

// Valid UTF-8 without control characters, at most `bytes_max`: what people may be shown.
bool is_plain_text(std::string_view text, std::size_t bytes_max);

}  // namespace softpos::device
