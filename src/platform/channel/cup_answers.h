// What the platform understands of a card network's answers in cup-pos.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "codec/iso8583.h"
#include "platform/channel/cup_messages.h"
#include "platform/channel/response_codes.h"

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>

namespace softpos::channel {

// What an answer to a request must repeat; kept while the request is on its way.
struct ExpectedAnswer {
    std::string mti{};         // "0210"
    std::string processing{};  // Field 3, or empty.
    std::string amount{};      // Field 4, or empty.
    std::string trace{};
    std::string terminal{};
    std::string merchant{};
};
ExpectedAnswer expect_answer_to(const codec::IsoMessage& request);

struct CupAnswer {
    std::string code{};  // Field 39
    AnswerClass klass = AnswerClass::decline_final;
    std::string local_time{};       // Field 12, hhmmss.
    std::string local_date{};       // Field 13, MMDD.
    std::string settlement_date{};  // Field 15, MMDD.
    std::string reference{};        // Field 37
    std::string approval{};         // Field 38
    std::string parties{};          // Field 44: issuer and acquirer.
    std::uint32_t batch = 0;        // 60.2; 0 where the answer does not say.
    Buffer chip_data{};             // Field 55: issuer authentication and scripts.
    Buffer keys{};                  // Field 62: cryptograms, for codec::parse_working_keys.
    std::string text{};             // Field 63, GBK.
    std::optional<codec::BatchTotals> totals{};  // Field 48, of a settlement.
    std::optional<MacText> mac{};                // To be checked over codec::mac_input.
};

// conflict "answer: does not repeat the request" with the field in Error.detail (0: the MTI) where
// the answer is to something else; malformed where it says nothing. Field 4 and field 3 may be
// missing where the network did not approve.
Result<CupAnswer> read_answer(const codec::IsoMessage& answer, const ExpectedAnswer& expected,
                              const ResponseCodes& codes);

// By what an answer finds its request. Spec: [CUP-POS] 1.2: an answer's MTI is the request's
// and 10.
struct AnswerKey {
    std::array<char, 8> terminal{};
    std::array<char, 15> merchant{};
    std::array<char, 6> trace{};
    char mti_class = '0';  // Second digit: 2 payment, 4 reversal, 5 settlement, 8 management.

    friend auto operator<=>(const AnswerKey&, const AnswerKey&) = default;
};
// Of a request or an answer; malformed where 11, 41 or 42 is missing.
Result<AnswerKey> answer_key(const codec::IsoMessage& message);

}  // namespace softpos::channel
