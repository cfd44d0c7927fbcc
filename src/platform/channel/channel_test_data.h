// For tests only: a card, a terminal, payments of theirs, and the network's answers.
#pragma once

#include "base/check.h"
#include "base/hex.h"
#include "codec/dialect_test_data.h"
#include "platform/channel/cup_answers.h"
#include "platform/channel/cup_messages.h"
#include "testing/vectors.h"

#include <fstream>
#include <map>
#include <sstream>
#include <string>

namespace softpos::channel {

// Everything a kernel knows of a tap.
inline const std::string chip_hex =
    "9F260811223344556677889F2701809F1008070103A0000001019F3704010203049F3602002A95050000000000"
    "9A032611229C01009F02060000000010005F2A02015682027C009F1A0201569F3303E0F8C8"
    "9F1E083132333435363738DF31052000000000";

inline CardData fresh_card() {
    const Buffer chip = testing::unhex(chip_hex);
    Buffer list = testing::unhex("57126210940000000001D30122010000012300005F3401015F24033012 31");
    codec::TlvWriter(list).put(codec::Tag{0xDF8155}, chip);
    return CardData::read(list).value();
}

inline CardData stored_card() {
    const Buffer chip =
        codec::field_55_for_reversal(testing::unhex(chip_hex), codec::ChipEnd::card_declined)
            .value();
    Buffer list = testing::unhex("5A0862109400000000015F3401015F2403301231");
    codec::TlvWriter(list).put(codec::Tag{0xDF8155}, chip);
    return CardData::read(list).value();
}

inline const CupTerminal& terminal() {
    static const CupTerminal one{.terminal = "10000001",
                                 .merchant = "847100053990002",
                                 .batch = 24,
                                 .serial = "00000202SP000001",
                                 .app_version = "1.0.0"};
    return one;
}

inline ResponseCodes shipped_codes() {
    const std::ifstream file(SOFTPOS_DATA "/policy/response-codes.tsv");
    CHECK(file.is_open());
    std::ostringstream text;
    text << file.rdbuf();
    return ResponseCodes::parse(text.str()).value();
}

using Fields = std::map<unsigned, std::string>;  // Text, or hex of a binary field.

inline Fields fields_of(const codec::IsoMessage& message) {
    Fields fields{{0, std::string(message.mti())}};
    message.for_each([&](unsigned field) {
        const auto text = message.text(field);
        fields[field] = text ? std::string(*text) : to_hex(*message.binary(field));
    });
    return fields;
}

inline void set_fields(codec::IsoMessage& message, const Fields& fields) {
    message.reset();
    for (const auto& [field, value] : fields) {
        if (field == 0) {
            CHECK(message.set_mti(value).has_value());
        } else if (message.dialect().field(field).encoding == codec::FieldEncoding::binary) {
            CHECK(message.set_binary(field, testing::unhex(value)).has_value());
        } else {
            CHECK(message.set(field, value).has_value());
        }
    }
}

// What a network would say to it: the echo fields and these.
inline Fields answer_to(const codec::IsoMessage& request, const Fields& more) {
    Fields fields = more;
    fields[0] = expect_answer_to(request).mti;
    for (const unsigned field : {3U, 4U, 11U, 41U, 42U}) {
        if (request.has(field)) fields.try_emplace(field, *request.text(field));
    }
    return fields;
}

}  // namespace softpos::channel
