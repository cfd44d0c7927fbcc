// Whatever stands in a clearing file: a line that is accepted is written back to the same columns.
// links: channel
#include "base/check.h"
#include "platform/channel/clearing_file.h"
#include "platform/channel/payout_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos::channel;
    const std::string_view line(reinterpret_cast<const char*>(data), size);
    const auto row = parse_clearing_line(line, 1);
    if (row) {
        const auto again = format_clearing_line(*row);
        CHECK(again.has_value() && again->size() == clearing_line_bytes);
        CHECK(parse_clearing_line(*again, 1).value() == *row);
    } else {
        CHECK(row.error().detail == 1 && row.error().at <= size);
    }
    if (const auto payout = parse_payout_line(line, 1)) {
        if (const auto again = format_payout_line(*payout)) {
            CHECK(parse_payout_line(*again, 1).value() == *payout);
        }
    }
    return 0;
}
