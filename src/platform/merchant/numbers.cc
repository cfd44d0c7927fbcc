// Sequence numbers in fixed widths.
#include "platform/merchant/numbers.h"

#include <algorithm>

namespace softpos::merchant {
namespace {

constexpr std::string_view alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::uint64_t decimal_last = 9'999;

std::string in_base(std::uint64_t value, std::uint64_t base, std::size_t size) {
    std::string text(size, '0');
    for (std::size_t i = size; i > 0; --i, value /= base) text[i - 1] = alphabet[value % base];
    return text;
}

bool digits(std::string_view text, std::size_t size) {
    return text.size() == size && text.find_first_not_of("0123456789") == text.npos;
}

bool is_number(std::string_view text, std::size_t size) {
    return text.size() == size && text.find_first_not_of(alphabet) == text.npos;
}

}  // namespace

Result<std::string> merchant_number(const MerchantNumberParts& parts) {
    const bool sound = digits(parts.acquirer, 3) && digits(parts.region, 4) && digits(parts.mcc, 4);
    if (!sound || parts.sequence == 0) {
        return fail(ErrorKind::malformed, "no part of a merchant number");
    }
    // Behind 9999: the numbers of base 36 that begin with a letter, so that none is used twice.
    constexpr std::uint64_t letters_first = 10ULL * 36 * 36 * 36;
    constexpr std::uint64_t letters_last = 36ULL * 36 * 36 * 36 - 1;
    std::string sequence;
    if (parts.sequence <= decimal_last) {
        sequence = in_base(parts.sequence, 10, 4);
    } else {
        if (parts.sequence - decimal_last - 1 > letters_last - letters_first) {
            return fail(ErrorKind::denied, "merchant numbers are used up");
        }
        sequence = in_base(letters_first + (parts.sequence - decimal_last - 1), 36, 4);
    }
    return std::string(parts.acquirer) + std::string(parts.region) + std::string(parts.mcc) +
           sequence;
}

Result<std::string> terminal_number(std::uint64_t sequence) {
    if (sequence == 0) return fail(ErrorKind::malformed, "terminal numbers count from 1");
    if (sequence > 99'999'999) return fail(ErrorKind::denied, "terminal numbers are used up");
    return in_base(sequence, 10, terminal_number_size);
}

Result<std::string> serial_number(std::string_view maker, std::uint64_t sequence) {
    constexpr std::uint64_t sequence_max = 99'999'999'999;
    if (!digits(maker, 6) || sequence == 0) {
        return fail(ErrorKind::malformed, "no part of a serial number");
    }
    if (sequence > sequence_max) return fail(ErrorKind::denied, "serial numbers are used up");
    return std::string(maker).append(phone_pos_device_type) + "P" + in_base(sequence, 10, 11);
}

bool is_merchant_number(std::string_view text) {
    return is_number(text, merchant_number_size);
}

bool is_terminal_number(std::string_view text) {
    return is_number(text, terminal_number_size);
}

}  // namespace softpos::merchant
