// Whatever stands in a wallet's bill: lines come in order, amounts are none below zero, and an
// error names a line that is there. An amount that is read is the same when it is read again.
// links: wallet
#include "base/check.h"
#include "platform/channel/wallet/bill.h"
#include "platform/channel/wallet/wallet_dialect.h"

#include <algorithm>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const Bytes bytes(data, size);
    const auto lines =
        static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), std::uint8_t{'\n'})) + 1;
    for (const auto channel : pay::wallet_channels) {
        std::uint32_t last = 0;
        const auto read = wallet::read_bill(channel, bytes, [&](const auto& row) -> Result<void> {
            CHECK(row.line > last && row.line <= lines);
            CHECK(row.amount_minor >= 0 && !row.order.empty());
            last = row.line;
            return {};
        });
        if (!read) CHECK(read.error().detail <= lines);
    }
    const std::string_view text = text_of(bytes);
    if (const auto fen = wallet::fen_of_bill(text)) {
        const std::string again =
            (*fen < 0 ? "-" : "") + wallet::yuan_text(*fen < 0 ? -*fen : *fen);
        CHECK(wallet::fen_of_bill(again) == *fen);
    }
    return 0;
}
