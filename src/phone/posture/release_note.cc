// Two lines, one signature.
#include "phone/posture/release_note.h"

#include "base/hex.h"
#include "crypto/p256.h"

#include <algorithm>

namespace softpos::posture {

std::string release_message(Bytes program_sha256) {
    std::string digits = to_hex(program_sha256);
    std::ranges::transform(digits, digits.begin(), [](char c) {
        return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return "spos-program/1 " + digits;
}

bool is_as_released(Bytes program_sha256, std::string_view note, Bytes maker_point) {
    if (note.size() > release_note_bytes_max) return false;
    const std::size_t line = note.find('\n');
    if (line == std::string_view::npos) return false;
    std::string_view second = note.substr(line + 1);
    if (second.ends_with('\n')) second.remove_suffix(1);
    const auto told = from_hex(note.substr(0, line));
    const auto signature = from_hex(second);
    if (!told || !signature || !std::ranges::equal(*told, program_sha256)) return false;
    const std::string message = release_message(program_sha256);
    return crypto::p256_verify(maker_point, bytes_of(message), *signature).has_value();
}

}  // namespace softpos::posture
