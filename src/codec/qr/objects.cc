// Numbers of two digits, characters of one to four bytes, and the check sum.
#include "codec/qr/objects.h"

#include "base/check.h"
#include "base/hex.h"

#include <boost/crc.hpp>

#include <array>

namespace softpos::qr {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

std::uint8_t byte_at(std::string_view text, std::size_t at) {
    return static_cast<std::uint8_t>(text[at]);
}

// Bytes of the character that begins at `at`; 0 where none does.
std::size_t utf8_step(std::string_view text, std::size_t at) {
    const std::uint8_t first = byte_at(text, at);
    if (first < 0x80) return 1;
    const std::size_t count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || count > text.size() - at) return 0;
    for (std::size_t i = 1; i < count; ++i) {
        if ((byte_at(text, at + i) & 0xC0U) != 0x80) return 0;
    }
    const std::uint8_t second = byte_at(text, at + 1);
    const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
    const bool surrogate = first == 0xED && second >= 0xA0;
    const bool beyond = first == 0xF4 && second >= 0x90;
    return overlong || surrogate || beyond ? 0 : count;
}

// Bytes of the first `count` characters; nullopt where there are fewer, or no characters.
std::optional<std::size_t> bytes_of_characters(std::string_view text, std::size_t count) {
    std::size_t at = 0;
    for (; count > 0; --count) {
        if (at == text.size()) return std::nullopt;
        const std::size_t step = utf8_step(text, at);
        if (step == 0) return std::nullopt;
        at += step;
    }
    return at;
}

char digit(unsigned number) {
    return static_cast<char>('0' + number);
}

}  // namespace

QrResult<unsigned> ObjectReader::take_number(Rule rule, unsigned id) {
    const std::size_t at = base_ + position_;
    if (text_.size() - position_ < 2) return broken(Rule::truncated, id, at, within_);
    const char tens = text_[position_];
    const char ones = text_[position_ + 1];
    if (!is_digit(tens) || !is_digit(ones)) return broken(rule, id, at, within_);
    position_ += 2;
    return static_cast<unsigned>((tens - '0') * 10 + (ones - '0'));
}

QrResult<Object> ObjectReader::read() {
    const std::size_t at = position_;
    const unsigned id = TRY(take_number(Rule::id_not_numeric, 0));
    const unsigned length = TRY(take_number(Rule::length_not_numeric, id));
    const auto size = bytes_of_characters(text_.substr(position_), length);
    if (!size) return broken(Rule::truncated, id, base_ + at, within_);
    const Object object{id, text_.substr(position_, *size), base_ + at, base_ + position_};
    position_ += *size;
    return object;
}

QrResult<std::optional<Object>> ObjectReader::next() {
    if (position_ == text_.size()) return std::nullopt;
    const auto object = read();
    if (object) return *object;
    position_ = text_.size();
    return std::unexpected(object.error());
}

std::size_t utf8_valid_bytes(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t step = utf8_step(text, at);
        if (step == 0) break;
        at += step;
    }
    return at;
}

std::optional<std::size_t> utf8_characters(std::string_view text) {
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); ++count) {
        const std::size_t step = utf8_step(text, at);
        if (step == 0) return std::nullopt;
        at += step;
    }
    return count;
}

QrResult<void> put_object(std::string& to, unsigned id, std::string_view value) {
    CHECK(id <= 99);
    const auto count = utf8_characters(value);
    if (!count) return broken(Rule::encoding, id, to.size());
    if (*count > value_characters_max) return broken(Rule::value_length, id, to.size());
    const auto length = static_cast<unsigned>(*count);
    for (const unsigned number : {id, length}) {
        to += digit(number / 10);
        to += digit(number % 10);
    }
    to += value;
    return {};
}

std::uint16_t crc16(std::string_view text) {
    boost::crc_optimal<16, 0x1021, 0xFFFF, 0, false, false> crc;
    crc.process_bytes(text.data(), text.size());
    return static_cast<std::uint16_t>(crc.checksum());
}

std::string crc_text(std::string_view text) {
    const std::uint16_t crc = crc16(text);
    return to_hex(std::array{static_cast<std::uint8_t>(crc >> 8), static_cast<std::uint8_t>(crc)});
}

}  // namespace softpos::qr
