// Card numbers as a type of their own: prints as first six and last four digits, and as nothing
// else. The clear digits leave it only by a member whose name says so.
#pragma once

#include "base/result.h"
#include "base/secret.h"

#include <string>
#include <string_view>

namespace softpos {

class Pan {
public:
    static constexpr std::size_t digits_min = 12;
    static constexpr std::size_t digits_max = 19;

    // malformed unless 12 to 19 decimal digits. The check digit is not looked at: test cards and
    // some live ranges do not carry a valid one.
    static Result<Pan> parse(std::string_view digits);

    Pan clone() const;
    std::string masked() const;  // "621094******0001"
    std::string_view clear_digits()
        const;  // For a message under construction. Never keep or log it.
    std::size_t size() const { return digits_.size(); }

private:
    explicit Pan(SecretBytes digits) : digits_(std::move(digits)) {}
    SecretBytes digits_;
};

// First six, stars, last four; all stars where there are fewer than 13 characters.
std::string mask_pan(std::string_view digits);

// Track 2 with its PAN masked and everything behind the separator ('=' or 'D') starred.
std::string mask_track2(std::string_view track2);

}  // namespace softpos
