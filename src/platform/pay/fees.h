// What a payment costs the merchant, and who gets it. Rates are data: data/fees/*.fees, versioned
// and checked when loaded.
#pragma once

#include "base/result.h"
#include "platform/pay/business_date.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::pay {

// How much of a fee: positive on a sale; on a refund what is given back.
struct FeeSplit {
    std::int64_t merchant_minor = 0;  // The merchant pays this.
    std::int64_t issuer_minor = 0;    // Interchange, out of it.
    std::int64_t network_minor = 0;   // Out of it.

    // The acquirer's: the remainder, which may be below zero.
    std::int64_t margin_minor() const { return merchant_minor - issuer_minor - network_minor; }
    friend bool operator==(const FeeSplit&, const FeeSplit&) = default;
};

enum class CardClass : std::uint8_t { debit = 1, credit = 2 };
enum class FeeProduct : std::uint8_t { card = 1, small_contactless = 2, qr = 3 };
// Numbers are stored: never renumber.
enum class FeeReturn : std::uint8_t { none = 0, proportional = 1, full_on_last = 2 };

// amount * rate_ppm / 1e6 rounded half up, plus fixed, at most cap (0: no cap).
struct FeeRate {
    std::int64_t rate_ppm = 0;
    std::int64_t cap_minor = 0;
    std::int64_t fixed_minor = 0;
    friend bool operator==(const FeeRate&, const FeeRate&) = default;
};

struct FeeRow {
    FeeProduct product{};
    CardClass card{};
    std::int64_t amount_max_minor = 0;  // 0: any. Of several rows the smallest that fits counts.
    FeeRate merchant = {}, issuer = {}, network = {};
    FeeReturn on_refund = FeeReturn::none;
};

// One version of the fees.
//
//     const FeeTable table = TRY(FeeTable::parse(text));
//     const auto quote = TRY(table.quote({FeeProduct::card, CardClass::credit, 10'000}));
//     payment.fee = quote.fee, payment.fee_return = quote.on_refund;
class FeeTable {
public:
    static constexpr std::size_t rows_max = 256;
    static constexpr std::size_t text_bytes_max = 64 * 1024;

    // Error.detail is the line.
    static Result<FeeTable> parse(std::string_view text);

    struct Case {
        FeeProduct product{};
        CardClass card{};
        std::int64_t amount_minor = 0;
    };
    struct Quote {
        FeeSplit fee = {};
        FeeReturn on_refund = FeeReturn::none;
    };
    Result<Quote> quote(const Case& of) const;  // not_found where no row fits.

    std::uint32_t version() const { return version_; }
    BusinessDate valid_from() const { return valid_from_; }
    const std::vector<FeeRow>& rows() const { return rows_; }

private:
    std::uint32_t version_ = 0;
    BusinessDate valid_from_;
    std::vector<FeeRow> rows_;

    const FeeRow* row_for(const Case& of) const;
};

std::int64_t apply_rate(const FeeRate& rate, std::int64_t amount_minor);

// What one more refund of a sale gives back. Refunds of a sale together never give back more than
// was charged, however it is cut up.
struct RefundedFee {
    FeeSplit charged = {};
    FeeReturn rule = FeeReturn::none;
    std::int64_t sale_minor = 0;
    std::int64_t refunded_minor = 0;  // Before this refund.
    std::int64_t refund_minor = 0;
};
FeeSplit fee_returned(const RefundedFee& of);

}  // namespace softpos::pay
