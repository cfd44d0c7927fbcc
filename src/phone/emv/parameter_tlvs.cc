// One row an object: its size, and where it goes.
#include "phone/emv/parameter_tlvs.h"

#include <algorithm>

namespace softpos::emv {
namespace {

using codec::Tag;

struct Row {
    Tag tag;
    std::uint8_t bytes_min;
    std::uint8_t bytes_max;
    Result<void> (*take)(AidParameters& to, Bytes value);
};

Result<std::int64_t> amount(Bytes value) {
    std::int64_t number = 0;
    for (const auto byte : value) {
        if (byte >> 4 > 9 || (byte & 0x0F) > 9)
            return fail(ErrorKind::malformed, "aid parameters: not decimal");
        number = number * 100 + (byte >> 4) * 10 + (byte & 0x0F);
    }
    return number;
}

template <std::size_t size>
Result<void> copy(Bytes value, std::array<std::uint8_t, size>& to) {
    std::ranges::copy(value, to.begin());
    return {};
}

using To = AidParameters;
constexpr Row rows[] = {
    {Tag{0x9F06}, 5, 16,
     [](To& to, Bytes v) -> Result<void> {
         static_cast<void>(to.combination.aid.assign(v));  // The row's sizes make it fit.
         return {};
     }},
    {Tag{0xDF01}, 1, 1,
     [](To& to, Bytes v) -> Result<void> {
         to.partial_match = v[0] == 0;
         return {};
     }},
    {Tag{0x9F08}, 2, 2, [](To& to, Bytes v) { return copy(v, to.combination.version.emplace()); }},
    {Tag{0x9F09}, 2, 2, [](To& to, Bytes v) { return copy(v, to.combination.version.emplace()); }},
    {Tag{0xDF11}, 5, 5, [](To& to, Bytes v) { return copy(v, to.tac_default); }},
    {Tag{0xDF12}, 5, 5, [](To& to, Bytes v) { return copy(v, to.tac_online); }},
    {Tag{0xDF13}, 5, 5, [](To& to, Bytes v) { return copy(v, to.tac_denial); }},
    {Tag{0xDF14}, 1, 32,
     [](To& to, Bytes v) -> Result<void> {
         static_cast<void>(to.default_ddol.assign(v));
         return {};
     }},
    {Tag{0xDF18}, 1, 1,
     [](To& to, Bytes v) -> Result<void> {
         to.online_pin = v[0] != 0;
         return {};
     }},
    {Tag{0x9F1B}, 4, 4,
     [](To& to, Bytes v) -> Result<void> {  // Binary, not decimal.
         to.combination.terminal_floor_limit_minor =
             static_cast<std::int64_t>(v[0]) << 24 | v[1] << 16 | v[2] << 8 | v[3];
         return {};
     }},
    {Tag{0x9F7B}, 6, 6,
     [](To& to, Bytes v) -> Result<void> {
         to.electronic_cash_limit_minor = TRY(amount(v));
         return {};
     }},
    {Tag{0xDF19}, 6, 6,
     [](To& to, Bytes v) -> Result<void> {
         to.combination.floor_limit_minor = TRY(amount(v));
         return {};
     }},
    {Tag{0xDF20}, 6, 6,
     [](To& to, Bytes v) -> Result<void> {
         to.combination.transaction_limit_minor = TRY(amount(v));
         return {};
     }},
    {Tag{0xDF21}, 6, 6,
     [](To& to, Bytes v) -> Result<void> {
         to.combination.cvm_limit_minor = TRY(amount(v));
         return {};
     }},
};

}  // namespace

Result<AidParameters> parse_aid_parameters(Bytes tlvs) {
    AidParameters parameters;
    parameters.combination.kernel = kernel_unionpay;
    std::uint32_t seen = 0;
    codec::TlvReader reader(tlvs);
    while (const auto object = TRY(reader.next())) {
        const auto row = std::ranges::find(rows, object->tag, &Row::tag);
        if (row == std::end(rows)) continue;
        const auto tag = static_cast<std::uint32_t>(object->tag);
        const auto bit = 1u << (row - std::begin(rows));
        const auto size = object->value.size();
        if ((seen & bit) != 0 || size < row->bytes_min || size > row->bytes_max)
            return fail(ErrorKind::malformed, "aid parameters: object twice or in a wrong size",
                        tag);
        seen |= bit;
        if (!row->take(parameters, object->value))
            return fail(ErrorKind::malformed, "aid parameters: value", tag);
    }
    if (parameters.combination.aid.empty())
        return fail(ErrorKind::malformed, "aid parameters: no AID", 0x9F06);
    return parameters;
}

}  // namespace softpos::emv
