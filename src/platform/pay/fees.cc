// Reads a fee table and computes with it in whole minor units.
//
//     fees 1
//     valid-from 20261101
//     # product card amount-max merchant issuer network return
//     card credit 0 6000 4500 325 none
//
// A rate is PPM, PPM/CAP, PPM+FIXED or PPM/CAP+FIXED.
#include "platform/pay/fees.h"

#include "base/check.h"
#include "base/money.h"
#include "base/table_text.h"

#include <algorithm>
#include <optional>
#include <span>

namespace softpos::pay {
namespace {

__extension__ using Wide = __int128;  // Of an amount times an amount.

constexpr std::int64_t ppm = 1'000'000;
constexpr std::size_t columns = 7;
constexpr std::int64_t version_max = 1'000'000'000;

std::optional<FeeRate> rate(std::string_view text) {
    FeeRate rate;
    if (const auto plus = text.find('+'); plus != text.npos) {
        const auto fixed = decimal(text.substr(plus + 1), amount_minor_max);
        if (!fixed || *fixed == 0) return std::nullopt;
        rate.fixed_minor = *fixed;
        text = text.substr(0, plus);
    }
    if (const auto slash = text.find('/'); slash != text.npos) {
        const auto cap = decimal(text.substr(slash + 1), amount_minor_max);
        if (!cap || *cap == 0 || *cap < rate.fixed_minor) return std::nullopt;
        rate.cap_minor = *cap;
        text = text.substr(0, slash);
    }
    const auto per_million = decimal(text, ppm);
    if (!per_million) return std::nullopt;
    rate.rate_ppm = *per_million;
    return rate;
}

std::optional<FeeProduct> product(std::string_view text) {
    if (text == "card") return FeeProduct::card;
    if (text == "small_contactless") return FeeProduct::small_contactless;
    if (text == "qr") return FeeProduct::qr;
    return std::nullopt;
}

std::optional<CardClass> card_class(std::string_view text) {
    if (text == "debit") return CardClass::debit;
    if (text == "credit") return CardClass::credit;
    return std::nullopt;
}

std::optional<FeeReturn> fee_return(std::string_view text) {
    if (text == "none") return FeeReturn::none;
    if (text == "proportional") return FeeReturn::proportional;
    if (text == "full_on_last") return FeeReturn::full_on_last;
    return std::nullopt;
}

std::optional<FeeRow> row_of(std::span<const std::string_view> word) {
    if (word.size() != columns) return std::nullopt;
    const auto of = product(word[0]);
    const auto card = card_class(word[1]);
    const auto amount_max = decimal(word[2], amount_minor_max);
    const auto merchant = rate(word[3]), issuer = rate(word[4]), network = rate(word[5]);
    const auto back = fee_return(word[6]);
    if (!of || !card || !amount_max || !merchant || !issuer || !network || !back) {
        return std::nullopt;
    }
    return FeeRow{*of, *card, *amount_max, *merchant, *issuer, *network, *back};
}

// Every product and card that is named has one row for any amount, and no row twice.
bool is_complete(const std::vector<FeeRow>& rows) {
    const auto rows_like = [&](const FeeRow& row, std::int64_t amount_max) {
        return std::ranges::count_if(rows, [&](const FeeRow& other) {
            return other.product == row.product && other.card == row.card &&
                   other.amount_max_minor == amount_max;
        });
    };
    return !rows.empty() && std::ranges::all_of(rows, [&](const FeeRow& row) {
        return rows_like(row, row.amount_max_minor) == 1 && rows_like(row, 0) == 1;
    });
}

}  // namespace

Result<FeeTable> FeeTable::parse(std::string_view text) {
    if (text.size() > text_bytes_max) return fail(ErrorKind::malformed, "fee table is too long");
    FeeTable table;
    for (TableText lines(text); lines.next();) {
        const auto words = lines.words();
        const std::uint32_t line = lines.line();
        if (table.version_ == 0) {
            const bool header = words.size() == 2 && words[0] == "fees";
            const auto version = header ? decimal(words[1], version_max) : std::nullopt;
            if (!version || *version == 0) {
                return fail(ErrorKind::malformed, "fee table has no version", line);
            }
            table.version_ = static_cast<std::uint32_t>(*version);
        } else if (!table.valid_from_.known()) {
            const bool first_day = words.size() == 2 && words[0] == "valid-from";
            const auto date = parse_date(first_day ? words[1] : "");
            if (!date) return fail(ErrorKind::malformed, "fee table has no first day", line);
            table.valid_from_ = *date;
        } else {
            const auto row = row_of(words);
            if (!row) return fail(ErrorKind::malformed, "fee row cannot be read", line);
            if (table.rows_.size() == rows_max) {
                return fail(ErrorKind::malformed, "fee table has too many rows", line);
            }
            table.rows_.push_back(*row);
        }
    }
    if (!is_complete(table.rows_)) {
        return fail(ErrorKind::malformed, "fee table has a row twice or none for any amount");
    }
    return table;
}

const FeeRow* FeeTable::row_for(const Case& of) const {
    const FeeRow* best = nullptr;
    for (const FeeRow& row : rows_) {
        if (row.product != of.product || row.card != of.card) continue;
        const std::int64_t max = row.amount_max_minor;
        if (max != 0 && of.amount_minor > max) continue;
        const bool narrower = best == nullptr || best->amount_max_minor == 0 ||
                              (max != 0 && max < best->amount_max_minor);
        if (narrower) best = &row;
    }
    return best;
}

Result<FeeTable::Quote> FeeTable::quote(const Case& of) const {
    if (of.amount_minor <= 0 || of.amount_minor > amount_minor_max) {
        return fail(ErrorKind::malformed, "fee of an amount out of range");
    }
    const FeeRow* row = row_for(of);
    if (row == nullptr) return fail(ErrorKind::not_found, "no fee for this card and product");
    return Quote{{.merchant_minor = apply_rate(row->merchant, of.amount_minor),
                  .issuer_minor = apply_rate(row->issuer, of.amount_minor),
                  .network_minor = apply_rate(row->network, of.amount_minor)},
                 row->on_refund};
}

std::int64_t apply_rate(const FeeRate& rate, std::int64_t amount_minor) {
    CHECK(amount_minor >= 0 && amount_minor <= amount_minor_max && rate.rate_ppm <= ppm);
    const std::int64_t fee = (amount_minor * rate.rate_ppm + ppm / 2) / ppm + rate.fixed_minor;
    return rate.cap_minor == 0 ? fee : std::min(fee, rate.cap_minor);
}

namespace {

// What is back in all once `refunded` of the sale is: half up, so all of it at the end.
std::int64_t back_in_all(const RefundedFee& of, std::int64_t charged, std::int64_t refunded) {
    switch (of.rule) {
        case FeeReturn::none:
            return 0;
        case FeeReturn::full_on_last:
            return refunded == of.sale_minor ? charged : 0;
        case FeeReturn::proportional:
            break;
    }
    const Wide sale = of.sale_minor;
    return static_cast<std::int64_t>((Wide{charged} * refunded * 2 + sale) / (sale * 2));
}

}  // namespace

FeeSplit fee_returned(const RefundedFee& of) {
    CHECK(of.refund_minor > 0 && of.refunded_minor >= 0);
    CHECK(of.refunded_minor + of.refund_minor <= of.sale_minor);
    const auto part = [&](std::int64_t charged) {
        return back_in_all(of, charged, of.refunded_minor + of.refund_minor) -
               back_in_all(of, charged, of.refunded_minor);
    };
    return {.merchant_minor = part(of.charged.merchant_minor),
            .issuer_minor = part(of.charged.issuer_minor),
            .network_minor = part(of.charged.network_minor)};
}

}  // namespace softpos::pay
