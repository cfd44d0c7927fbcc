// Test data in lines "Name = value", with empty lines between one case and the next.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

namespace softpos::conformance {

struct Stanza {
    unsigned line = 0;  // Where it begins; the first is 1.
    std::vector<std::pair<std::string_view, std::string_view>> lines;

    bool has(std::string_view name) const;
    std::string_view value(std::string_view name) const;  // Empty where there is none.
};

// Comments (#) and lines of another form are passed over. Borrows the text.
std::vector<Stanza> stanzas_of(std::string_view text);

}  // namespace softpos::conformance
