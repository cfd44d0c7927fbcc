// What field 39 of an answer means and what to do about it: data/policy/response-codes.tsv, since
// acquirers differ. Checked when it is loaded.
//
//     code TAB class TAB English TAB Chinese
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::channel {

enum class AnswerClass : std::uint8_t {
    approve,
    decline_final,
    capture,      // Declined, and a risk event: the card is wanted.
    retry_later,  // The same intent may be tried again: new trace, after a reversal.
    re_sign_in,   // The keys or the batch are not the network's.
    duplicate,    // Ask what became of the first one; never send again.
    re_enter_pin,
};

struct ResponseCode {
    std::string code;  // Two characters.
    AnswerClass klass = AnswerClass::decline_final;
    std::string en;
    std::string zh;
};

class ResponseCodes {
public:
    static constexpr std::size_t text_bytes_max = 64 * 1024;
    static constexpr std::size_t meaning_bytes_max = 120;

    // Error.detail is the line, from 1. 00 must be there and approve.
    static Result<ResponseCodes> parse(std::string_view text);

    // An unknown code is a final decline: nothing may be approved or repeated on a guess.
    const ResponseCode& find(std::string_view code) const;
    std::size_t size() const { return rows_.size(); }

private:
    ResponseCodes() = default;
    std::vector<ResponseCode> rows_;  // Sorted by code.
    ResponseCode unknown_{"", AnswerClass::decline_final, "Declined", "交易失败"};
};

std::string_view name_of(AnswerClass klass);

}  // namespace softpos::channel
