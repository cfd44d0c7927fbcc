// Masking shows what [PCI-DSS] 3.4.1 allows at most: the first six and the last four digits.
#include "base/pan.h"

#include <algorithm>

namespace softpos {
namespace {

constexpr std::size_t shown_front = 6;
constexpr std::size_t shown_back = 4;

}  // namespace

Result<Pan> Pan::parse(std::string_view digits) {
    if (digits.size() < digits_min || digits.size() > digits_max) {
        return fail(ErrorKind::malformed, "pan: wrong number of digits");
    }
    const bool decimal = std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
    if (!decimal) return fail(ErrorKind::malformed, "pan: not a digit");
    return Pan(SecretBytes::copy_of(bytes_of(digits)));
}

Pan Pan::clone() const {
    return Pan(digits_.clone());
}

std::string Pan::masked() const {
    return mask_pan(clear_digits());
}

std::string_view Pan::clear_digits() const {
    return text_of(digits_.bytes());
}

std::string mask_pan(std::string_view digits) {
    std::string masked(digits.size(), '*');
    if (digits.size() <= shown_front + shown_back + 2) return masked;
    std::ranges::copy(digits.substr(0, shown_front), masked.begin());
    std::ranges::copy(digits.substr(digits.size() - shown_back), masked.end() - shown_back);
    return masked;
}

std::string mask_track2(std::string_view track2) {
    const std::size_t separator = std::min(track2.find_first_of("=Dd"), track2.size());
    std::string masked = mask_pan(track2.substr(0, separator));
    masked.append(track2.size() - separator, '*');
    return masked;
}

}  // namespace softpos
