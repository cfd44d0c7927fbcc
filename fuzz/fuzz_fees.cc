// Any text makes a fee table whose fees add up, or is refused with a line.
// links: pay merchant
#include "base/bytes.h"
#include "base/check.h"
#include "base/money.h"
#include "platform/merchant/limits.h"
#include "platform/pay/fees.h"

#include <array>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const std::string_view text = text_of(Bytes(data, size));
    if (const auto limits = merchant::LimitTable::parse(text)) CHECK(limits->version() > 0);
    const auto table = pay::FeeTable::parse(text);
    if (!table) return 0;
    CHECK(table->version() > 0 && table->valid_from().known());
    for (const pay::FeeRow& row : table->rows()) {
        for (const std::int64_t amount :
             std::array<std::int64_t, 4>{1, 999, 1'000'000, amount_minor_max}) {
            const auto quote = table->quote({row.product, row.card, amount});
            CHECK(quote.has_value());  // Every named product and card has a row for any amount.
            const pay::FeeSplit& fee = quote->fee;
            CHECK(fee.merchant_minor >= 0 && fee.issuer_minor >= 0 && fee.network_minor >= 0);
            CHECK(fee.margin_minor() + fee.issuer_minor + fee.network_minor == fee.merchant_minor);
            const std::int64_t half = amount / 2;
            if (half == 0) continue;
            const auto first = pay::fee_returned({fee, quote->on_refund, amount, 0, half});
            const auto rest =
                pay::fee_returned({fee, quote->on_refund, amount, half, amount - half});
            CHECK(first.merchant_minor + rest.merchant_minor <= fee.merchant_minor);
        }
    }
    return 0;
}
