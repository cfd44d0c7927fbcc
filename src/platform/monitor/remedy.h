// What a person can do about what was found, in the two languages of our users. Like the refusals
// of base/refusal.h, one table that everybody reads.
#pragma once

#include "base/refusal.h"
#include "protocol/finding.h"

#include <string_view>

namespace softpos::monitor {

struct Remedy {
    RefusalClass klass{};  // Who can do something about it.
    // Whether whoever holds the phone may read it. Of all else the phone says that it cannot take
    // payments, and gives the reference: the rest would teach whoever attacks.
    bool tell = false;
    std::string_view en, zh;
};

const Remedy& remedy_of(protocol::FindingCode code);

}  // namespace softpos::monitor
