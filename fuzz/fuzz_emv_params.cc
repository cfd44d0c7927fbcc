// Any text as a parameter set, any bytes as downloaded application parameters: what is accepted is
// within its limits, and no kernel that is not built in comes in.
// links: emv
#include "base/check.h"
#include "phone/emv/parameter_tlvs.h"
#include "phone/emv/parameters.h"

#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    using namespace softpos::emv;
    const Bytes input(data, size);
    const std::string head =
        "format version=1\nterminal 9F1A=0156 5F2A=0156 9F33=0068C8 9F35=22\n"
        "combination aid=A000000333010101 kernel=7 types=purchase ttq=26000000 floor_limit=0 "
        "transaction_limit=1\n";
    for (const auto& text : {std::string(text_of(input)), head + std::string(text_of(input))}) {
        const auto set = ParameterSet::parse(text);
        if (!set) continue;
        CHECK(!set->combinations().empty() && set->combinations().size() <= combinations_max);
        for (const auto& row : set->combinations()) {
            CHECK(row.kernel == kernel_unionpay && row.aid.count >= aid_bytes_min);
            CHECK(row.floor_limit_minor == 0 && row.types != 0);
        }
        CHECK(set->terminal(codec::Tag{0x9F1A}).has_value());
    }
    if (const auto parameters = parse_aid_parameters(input)) {
        CHECK(parameters->combination.aid.count >= aid_bytes_min);
        CHECK(parameters->combination.cvm_limit_minor.value_or(0) >= 0);
    }
    return 0;
}
