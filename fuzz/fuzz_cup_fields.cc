// Whatever stands in a private field: what is accepted is written back to the same digits or bytes.
// links: codec
#include "base/check.h"
#include "codec/cup_fields.h"

#include <algorithm>

namespace {

using namespace softpos::codec;

void run_digits(std::string_view text) {
    if (const auto field = parse_field_60(text)) CHECK(build_field_60(*field).value() == text);
    if (const auto field = parse_field_61(text)) CHECK(build_field_61(*field).value() == text);
    if (const auto totals = parse_batch_totals(text)) {
        const auto again = parse_batch_totals(build_batch_totals(*totals).value());
        CHECK(again.value() == *totals);
    }
    if (const auto answer = parse_answer_text(text)) {
        CHECK(answer->issuer.size() <= 20 && answer->acquirer.size() <= 20);
    }
}

void run_bytes(softpos::Bytes input) {
    for (const auto& built :
         {field_55_for_sale(input), field_55_for_reversal(input, ChipEnd::card_declined)}) {
        if (built) CHECK(built->size() <= field_55_bytes_max);
    }
    (void)parse_field_55_answer(input);
    if (const auto field = parse_field_59(input)) {
        if (const auto built = build_field_59(*field)) {
            CHECK(build_field_59(parse_field_59(*built).value()).value() == *built);
        }
    }
    if (const auto keys = parse_working_keys(input)) {
        CHECK(keys->pin_key.cryptogram.size() % 8 == 0 && !keys->pin_key.cryptogram.empty());
        CHECK(keys->mac_key.check_value.data() + 4 <= input.data() + input.size());
    }
    if (const auto identity = parse_sign_in_identity(input)) {
        CHECK(std::ranges::equal(build_sign_in_identity(*identity).value(), input));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const softpos::Bytes input(data, size);
    run_digits(softpos::text_of(input));
    run_bytes(input);
    return 0;
}
