// Cards and issuers of data/cards for the tests of this module. Read where the project lies.
#pragma once

#include "base/check.h"
#include "world/card/virtual_card.h"

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace softpos::card::test {

inline std::string read_data(const std::string& file_name) {
    std::ifstream file("data/cards/" + file_name);
    CHECK(file.is_open());
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

inline CardProfile profile(const std::string& name) {
    return parse_card(read_data(name + ".card")).value();
}

inline IssuerProfile issuer_of(const CardProfile& card) {
    IssuerProfile a = parse_issuer(read_data("bank-a.issuer")).value();
    IssuerProfile b = parse_issuer(read_data("bank-b.issuer")).value();
    return card.pan.clear_digits().starts_with(a.bin) ? std::move(a) : std::move(b);
}

inline VirtualCard make_card(CardProfile card, CardState state = {}) {
    const IssuerProfile issuer = issuer_of(card);
    return VirtualCard(personalise(std::move(card), issuer).value(), state);
}

inline VirtualCard make_card(const std::string& name, CardState state = {}) {
    return make_card(profile(name), state);
}

}  // namespace softpos::card::test
