// PIN blocks in clear, and PAN fields.
#include "crypto/pin_block.h"

#include "base/hex.h"
#include "world/conformance/checkers.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

using crypto::Pin;
using crypto::PinFormat;

constexpr std::string_view suffixes[] = {"", "2", "3", "4"};  // Of several cases in one row.

std::optional<PinFormat> format_of(std::int64_t number) {
    if (number < 0 || number > 4) return std::nullopt;
    return static_cast<PinFormat>(number);
}

// Hex digits up to the filling.
std::string digits_of(std::string_view hex) {
    return std::string(hex.substr(0, hex.find_first_of("Ff")));
}

// Every byte one digit.
std::string digits_of_bytes(Row& row, const std::string& hex) {
    std::string digits;
    for (const std::uint8_t byte : row.hex(hex, "pin"))
        digits += static_cast<char>('0' + std::min<unsigned>(byte, 15));
    return digits;
}

// What a published filling was made of, in the order in which our encoder asks for it.
class Filling final : public Random {
public:
    explicit Filling(Buffer bytes) : bytes_(std::move(bytes)) {}
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) {
            if (place_ == bytes_.size()) place_ = 0;
            byte = bytes_.empty() ? 0 : bytes_[place_++];
        }
    }

private:
    Buffer bytes_;
    std::size_t place_ = 0;
};

struct Case {
    PinFormat format;
    std::string pin;
    std::string pan;       // Empty where there is none.
    std::string expected;  // Hex.
    std::size_t compared;  // Bytes that nothing random is in; all of them without randomness.
};

void check_encoding(Row& row, const Case& in, Random& random) {
    const auto pin = Pin::parse(bytes_of(in.pin));
    if (!pin) return row.fail("PIN", pin.error());
    const auto pan = Pan::parse(in.pan);
    if (!pan && crypto::binds_pan(in.format) && in.format != PinFormat::iso4)
        return row.fail("PAN", pan.error());
    // Format 4 binds its PAN at encryption: here any will do.
    static const Pan any = Pan::parse("000000000000").value();
    const Pan& used = pan ? *pan : any;
    const auto block = crypto::encode_pin_block(in.format, *pin, &used, random);
    const Buffer wanted = row.hex(in.expected, "expected block");
    const std::size_t count = std::min({in.compared, wanted.size(), block.bytes().size()});
    row.same("PIN block", block.bytes().first(count), to_hex(Bytes(wanted).first(count)));
    const auto back = crypto::decode_pin_block(in.format, block.bytes(), &used);
    if (!back) return row.fail("decoding", back.error());
    row.holds("another PIN was decoded", back->same_as(*pin));
}

// A whole block decodes to its PIN; with another PAN it does not.
void check_decoding(Row& row, const Case& in, const std::string& bad_pan) {
    const Buffer block = row.hex(in.expected, "block");
    const auto pan = Pan::parse(in.pan);
    const Pan* bound = pan ? &*pan : nullptr;
    if (crypto::binds_pan(in.format) && bound == nullptr) return row.fail("PAN");
    const auto pin = crypto::decode_pin_block(in.format, block, bound);
    if (!pin) return row.fail("decoding", pin.error());
    row.same_text("decoded PIN", text_of(pin->clear_digits()), in.pin);
    const auto bad = Pan::parse(bad_pan);
    if (bad)
        row.holds("decoded with a wrong PAN", !crypto::decode_pin_block(in.format, block, &*bad));
}

void check_pan_field(Row& row, const std::string& pan, const Node& expected) {
    const auto field = crypto::iso4_pan_field(pan);
    if (!field) return row.fail("PAN field", field.error());
    row.same("PAN field", *field, expected);
}

// How many bytes of a block are the same whenever it is made.
std::size_t fixed_bytes(PinFormat format) {
    if (format == PinFormat::iso3)
        return 2;  // Further on digits and filling share the PAN's place.
    return format == PinFormat::iso4 ? 8 : 16;
}

// One set of "pin", "pan", "pinblock" and so on, or its second and third with a number behind.
void check_arrays(Row& row, PinFormat format, const Node& arrays, const std::string& suffix) {
    const std::string pan = digits_of(arrays["pan" + suffix].text());
    if (const Node expected = arrays["panfield_verify" + suffix])
        check_pan_field(row, pan, expected);
    Node block = arrays["pinblock" + suffix];
    if (!block) block = arrays["pinblock_verify" + suffix];
    if (!block) block = arrays["pinfield_verify" + suffix];
    if (!block) return;
    const std::string pin = digits_of_bytes(row, row.text(arrays, "pin" + suffix));
    // The published nonce is used from its end, the higher half of a byte first.
    Buffer nonce;
    if (const Node given = arrays["nonce" + suffix]) {
        nonce = row.hex(given.text(), "nonce");
        for (std::uint8_t& byte : nonce) byte = static_cast<std::uint8_t>(byte << 4 | byte >> 4);
    }
    Filling filling(nonce);
    const Case in{format, pin, pan, block.text(), fixed_bytes(format)};
    check_encoding(row, in, filling);
    if (format != PinFormat::iso3 && format != PinFormat::iso4)
        check_decoding(row, in, digits_of(arrays["bad_pan" + suffix].text()));
}

// "pinblock_format3_test.c": the digit is the format.
void check_test_file(const Node& node, Tally& tally) {
    const std::string file = node["file"].text();
    constexpr std::string_view front = "format";
    const auto at = file.find(front);
    const auto digit =
        at == std::string::npos ? std::nullopt : number_of(file.substr(at + front.size(), 1), 10);
    Row row(tally, file);
    const auto format = digit ? format_of(static_cast<std::int64_t>(*digit)) : std::nullopt;
    if (!format) return row.fail("no format in the name");
    for (const std::string_view suffix : suffixes)
        check_arrays(row, *format, node["arrays"], std::string(suffix));
}

void check_row(Row& row, const Node& node) {
    const auto format = format_of(node["fmt"].number().value_or(-1));
    if (!format) return row.fail("fmt is no format");
    if (const Node pan = node["pan_field_of"])
        return check_pan_field(row, pan.text(), node["pan_field"]);
    const std::string pin = row.text(node, "pin");
    const std::string pan = node["pan"].text();
    SeededRandom random(1);
    if (const Node prefix = node["block_prefix"])
        return check_encoding(row, {*format, pin, pan, prefix.text(), prefix.text().size() / 2},
                              random);
    const Case in{*format, pin, pan, row.text(node, "block"), crypto::block_bytes_max};
    check_encoding(row, in, random);
    check_decoding(row, in, "");
}

}  // namespace

void check_pin_blocks(const Input& in, Tally& tally) {
    for (const Node& node : in.json["openemv"].items()) check_test_file(node, tally);
    std::size_t index = 0;
    for (const Node& node : in.json["psec"].items()) {
        Row row(tally, "row " + std::to_string(index++));
        check_row(row, node);
    }
}

}  // namespace softpos::conformance
