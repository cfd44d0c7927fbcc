// Twelve columns there and back.
#include "platform/channel/payout_file.h"

namespace softpos::channel {
namespace {

constexpr std::int64_t count_max = 99'999'999;
constexpr std::int64_t minor_max = 9'999'999'999'999;

}  // namespace

Result<std::string> format_payout_line(const PayoutLine& payout) {
    const bool good = payout.count >= 0 && payout.count <= count_max && payout.amount_minor > 0 &&
                      payout.amount_minor <= minor_max && payout.fee_minor >= 0 &&
                      payout.fee_minor <= minor_max && !payout.account.empty();
    if (!good) return fail(ErrorKind::denied, "payout: cannot be paid so");
    const std::string values[] = {
        payout.merchant,
        payout.category,
        payout.name,
        payout.bank,
        payout.bank_number,
        payout.branch_number,
        payout.account,
        payout.holder,
        payout.region,
        format_amount(payout.count, 8),
        format_amount(payout.amount_minor, 13),
        format_amount(payout.fee_minor, 13),
    };
    std::string line;
    for (std::size_t i = 0; i < payout_columns.size(); ++i) {
        TRY_VOID(write_column(payout_columns[i], values[i], line));
    }
    return line;
}

Result<PayoutLine> parse_payout_line(std::string_view line, std::uint32_t number) {
    std::array<std::string, payout_columns.size()> values;
    TRY_VOID(read_columns(line, number, payout_columns,
                          [&](std::size_t i, std::string_view value) { values[i] = value; }));
    return PayoutLine{.merchant = values[0],
                      .category = values[1],
                      .name = values[2],
                      .bank = values[3],
                      .bank_number = values[4],
                      .branch_number = values[5],
                      .account = values[6],
                      .holder = values[7],
                      .region = values[8],
                      .count = parse_amount(values[9]),
                      .amount_minor = parse_amount(values[10]),
                      .fee_minor = parse_amount(values[11])};
}

}  // namespace softpos::channel
