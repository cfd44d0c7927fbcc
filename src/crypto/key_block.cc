// Characters in and out. Everything is bounded by the length that the block itself states, and that
// one by four digits.
#include "crypto/key_block.h"

#include "base/check.h"

#include <algorithm>
#include <charconv>

namespace softpos::crypto {
namespace {

constexpr std::string_view usages =
    "B0 B1 B2 B3 C0 D0 D1 D2 D3 E0 E1 E2 E3 E4 E5 E6 E7 I0 K0 K1 K2 K3 K4 "
    "M0 M1 M2 M3 M4 M5 M6 M7 M8 P0 P1 S0 S1 S2 V0 V1 V2 V3 V4 V5 ";
constexpr std::string_view versions = "ABCDE1";
constexpr std::string_view algorithms = "ADEHRST24";
constexpr std::string_view modes = "BCDEGNSTVXY";
constexpr std::string_view exports = "ENS";
constexpr std::string_view contexts = "012";

constexpr std::size_t short_head = 4;  // Identifier and two digits of length.
constexpr std::size_t short_text_max = 0xFF - short_head;
constexpr std::size_t extended_digits = 4;      // Of the length, as we write it.
constexpr std::size_t extended_digits_max = 8;  // As we take it.
constexpr std::string_view padding_id = "PB";

bool is_upper_hex(std::string_view text) {
    return std::ranges::all_of(
        text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

bool is_printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_alphanumeric(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    });
}

std::optional<std::size_t> number(std::string_view digits, int base) {
    std::size_t value = 0;
    const bool right =
        base == 16 ? is_upper_hex(digits)
                   : std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
    if (!right) return std::nullopt;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    return value;
}

std::string in_digits(std::size_t value, std::size_t count, int base) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out(count, '0');
    for (auto at = out.rbegin(); at != out.rend(); ++at) {
        *at = digits[value % static_cast<std::size_t>(base)];
        value /= static_cast<std::size_t>(base);
    }
    return out;
}

std::unexpected<Error> broken(Literal what, std::size_t at) {
    return fail(ErrorKind::malformed, what, 0, at);
}

// Takes characters off the front; what is taken beyond the end is a fault of the block.
class Cursor {
public:
    explicit Cursor(std::string_view text) : text_(text) {}
    std::size_t at() const { return at_; }
    std::size_t size() const { return text_.size() - at_; }
    Result<std::string_view> take(std::size_t count) {
        if (count > size()) return broken("key block: cut short", at_);
        at_ += count;
        return text_.substr(at_ - count, count);
    }

private:
    std::string_view text_;
    std::size_t at_ = 0;
};

// Identifier, length in two hex digits, text; or 00, how many digits the length has, the length.
// The length counts all of it. Spec: [X9.143] 6.3.6.
Result<OptionalBlock> take_optional(Cursor& in) {
    const std::size_t start = in.at();
    const auto id = TRY(in.take(2));
    if (!is_alphanumeric(id)) return broken("key block: identifier of an optional block", start);
    auto size = number(TRY(in.take(2)), 16);
    if (size == 0U) {
        const auto digits = number(TRY(in.take(2)), 16);
        if (!digits || *digits == 0 || *digits > extended_digits_max) {
            return broken("key block: extended length", start);
        }
        size = number(TRY(in.take(*digits)), 16);
    }
    const std::size_t head = in.at() - start;
    if (!size || *size < head) return broken("key block: length of an optional block", start);
    const auto text = TRY(in.take(*size - head));
    if (!is_printable(text)) return broken("key block: text of an optional block", start);
    OptionalBlock block;
    std::ranges::copy(id, block.id.begin());
    block.text = text;
    return block;
}

Result<void> take_optionals(Cursor& in, std::size_t count, KeyBlockHeader& header) {
    std::size_t used = in.at();
    for (std::size_t i = 0; i < count; ++i) {
        header.optional.push_back(TRY(take_optional(in)));
        const std::string_view name = header.optional.back().name();
        if (name == padding_id && i + 1 != count) {
            return broken("key block: padding is not last", in.at());
        }
    }
    used = in.at() - used;
    // Counter mode needs no whole blocks, and some senders make none.
    if (header.version != KeyBlockVersion::aes_ctr &&
        used % key_block_alignment(header.version) != 0) {
        return broken("key block: header is not whole blocks", in.at());
    }
    return {};
}

// One character that must be among those we know.
Result<char> known(Cursor& in, std::string_view values, Literal what) {
    const std::size_t at = in.at();
    const char value = TRY(in.take(1)).front();
    if (!values.contains(value)) return fail(ErrorKind::unsupported, what, 0, at);
    return value;
}

Result<KeyUsage> known_usage(Cursor& in) {
    const std::size_t at = in.at();
    const auto code = TRY(in.take(2));
    const std::size_t place = usages.find(code);
    if (place == std::string_view::npos || place % 3 != 0) {
        return fail(ErrorKind::unsupported, "key block: usage", 0, at);
    }
    return static_cast<KeyUsage>(key_usage_code(code[0], code[1]));
}

// Numbers for algorithms are everybody's own; ours stand in our own version only.
bool fits_version(const KeyBlockHeader& header) {
    const bool ours =
        header.algorithm == KeyAlgorithm::sm2 || header.algorithm == KeyAlgorithm::sm4;
    return !ours || header.version == KeyBlockVersion::sm4;
}

// What follows the length; gives the number of optional blocks.
Result<std::size_t> take_fields(Cursor& in, KeyBlockHeader& header) {
    header.usage = TRY(known_usage(in));
    header.algorithm =
        static_cast<KeyAlgorithm>(TRY(known(in, algorithms, "key block: algorithm")));
    header.mode = static_cast<KeyMode>(TRY(known(in, modes, "key block: mode")));
    const auto key_version = TRY(in.take(2));
    if (!is_alphanumeric(key_version)) return broken("key block: key version", in.at());
    std::ranges::copy(key_version, header.key_version.begin());
    header.exportability =
        static_cast<KeyExport>(TRY(known(in, exports, "key block: exportability")));
    const auto count = number(TRY(in.take(2)), 10);
    if (!count) return broken("key block: number of optional blocks", in.at());
    if (TRY(in.take(1)) != "0") return broken("key block: reserved", in.at());
    header.context = static_cast<KeyContext>(TRY(known(in, contexts, "key block: context")));
    if (!fits_version(header)) return fail(ErrorKind::unsupported, "key block: algorithm");
    return *count;
}

}  // namespace

std::optional<std::string_view> KeyBlockHeader::find(std::string_view id) const {
    for (const OptionalBlock& block : optional) {
        if (block.name() == id) return block.text;
    }
    return std::nullopt;
}

void KeyBlockHeader::add(std::string_view id2, std::string text) {
    CHECK(id2.size() == 2);
    optional.push_back({.id = {id2[0], id2[1]}, .text = std::move(text)});
}

Result<KeyBlockText> parse_key_block(std::string_view text) {
    Cursor in(text);
    KeyBlockText block;
    block.header.version =
        static_cast<KeyBlockVersion>(TRY(known(in, versions, "key block: version")));
    const auto length = number(TRY(in.take(4)), 10);
    if (!length || *length != text.size()) return broken("key block: length", 1);
    const std::size_t count = TRY(take_fields(in, block.header));
    TRY_VOID(take_optionals(in, count, block.header));
    block.head = text.substr(0, in.at());
    const std::size_t mac = 2 * key_block_mac_bytes(block.header.version);
    if (in.size() <= mac) return broken("key block: no payload", in.at());
    block.payload = TRY(in.take(in.size() - mac));
    block.mac = TRY(in.take(mac));
    const bool whole = block.header.version == KeyBlockVersion::aes_ctr ||
                       block.payload.size() % (2 * key_block_alignment(block.header.version)) == 0;
    if (block.payload.size() % 2 != 0 || !whole) {
        return broken("key block: payload is not whole blocks", block.head.size());
    }
    if (!is_upper_hex(block.payload) || !is_upper_hex(block.mac)) {
        return broken("key block: not hex", block.head.size());
    }
    return block;
}

namespace {

Result<void> append_optional(std::string& out, const OptionalBlock& block) {
    if (!is_alphanumeric(block.name()) || !is_printable(block.text) ||
        block.text.size() > key_block_characters_max) {
        return broken("key block: optional block", 0);
    }
    out += block.name();
    if (block.text.size() <= short_text_max) {
        out += in_digits(short_head + block.text.size(), 2, 16);
    } else {
        const std::size_t head = short_head + 2 + extended_digits;
        out += "00" + in_digits(extended_digits, 2, 16);
        out += in_digits(head + block.text.size(), extended_digits, 16);
    }
    out += block.text;
    return {};
}

}  // namespace

Result<std::string> write_key_block_header(const KeyBlockHeader& header,
                                           std::size_t payload_bytes) {
    if (!fits_version(header)) return fail(ErrorKind::unsupported, "key block: algorithm");
    if (!is_alphanumeric({header.key_version.data(), header.key_version.size()})) {
        return broken("key block: key version", 0);
    }
    std::string optional;
    for (const OptionalBlock& block : header.optional) {
        if (block.name() == padding_id) return broken("key block: padding is ours to make", 0);
        TRY_VOID(append_optional(optional, block));
    }
    std::size_t count = header.optional.size();
    const std::size_t alignment = key_block_alignment(header.version);
    if (optional.size() % alignment != 0) {
        std::size_t missing = alignment - optional.size() % alignment;
        if (missing < short_head) missing += alignment;
        optional += padding_id;
        optional += in_digits(missing, 2, 16) + std::string(missing - short_head, '0');
        ++count;
    }
    const std::size_t size = key_block_header_characters + optional.size() +
                             2 * (payload_bytes + key_block_mac_bytes(header.version));
    if (count > optional_blocks_max || size > key_block_characters_max) {
        return broken("key block: too long", 0);
    }
    const auto usage = static_cast<unsigned>(header.usage);
    std::string out(1, static_cast<char>(header.version));
    out += in_digits(size, 4, 10);
    out += {static_cast<char>(usage >> 8), static_cast<char>(usage & 0xFF)};
    out += {static_cast<char>(header.algorithm), static_cast<char>(header.mode)};
    out.append(header.key_version.data(), header.key_version.size());
    out += static_cast<char>(header.exportability);
    out += in_digits(count, 2, 10) + '0' + static_cast<char>(header.context);
    return out + optional;
}

}  // namespace softpos::crypto
