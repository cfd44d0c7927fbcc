// The table of answers.
#include "platform/pay/response_code.h"

#include <algorithm>
#include <array>

namespace softpos::pay {
namespace {

using enum AnswerClass;

struct Row {
    std::string_view code;
    AnswerClass klass;
};

// 98 is "PIN translation failed" to some networks and "issuer timed out" to others, and 68 an
// answer that came too late upstream: where the money may have moved, we reverse.
constexpr std::array rows{
    Row{"00", approve},       Row{"10", approve},       Row{"11", approve},
    Row{"16", approve},       Row{"Y1", approve},       Row{"Y3", approve},
    Row{"04", capture},       Row{"07", capture},       Row{"34", capture},
    Row{"35", capture},       Row{"37", capture},       Row{"41", capture},
    Row{"43", capture},       Row{"LC", capture},       Row{"55", enter_pin},
    Row{"68", retry_later},   Row{"91", retry_later},   Row{"92", retry_later},
    Row{"96", retry_later},   Row{"98", retry_later},   Row{"A2", retry_later},
    Row{"A7", retry_later},   Row{"97", sign_in_again}, Row{"99", sign_in_again},
    Row{"A0", sign_in_again}, Row{"A8", sign_in_again}, Row{"EW", sign_in_again},
    Row{"A5", retry_later},   Row{"MC", retry_later},   Row{"ME", retry_later},
    Row{"EG", enter_pin},     Row{"94", duplicate},
};

}  // namespace

AnswerClass classify(std::string_view response_code) {
    const auto row = std::ranges::find(rows, response_code, &Row::code);
    return row == rows.end() ? decline : row->klass;
}

bool ends_reversal(std::string_view response_code) {
    constexpr std::array<std::string_view, 8> ends{"00", "11", "12", "16", "22", "25", "B3", "BA"};
    return std::ranges::find(ends, response_code) != ends.end();
}

Refusal refusal_of_answer(std::string_view response_code) {
    switch (classify(response_code)) {
        case approve:
            return Refusal::none;
        case retry_later:
        case sign_in_again:
            return Refusal::network_declined;
        case duplicate:
            return Refusal::duplicate_transaction;
        case capture:
        case decline:
        case enter_pin:
            break;
    }
    return Refusal::issuer_declined;
}

}  // namespace softpos::pay
