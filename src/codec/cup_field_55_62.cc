// Fields 55 and 62: chip data in the order hosts expect, and working keys.
#include "codec/cup_fields.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace softpos::codec {
namespace {

enum class Need : std::uint8_t { required, optional, zero };
struct ChipObject {
    Tag tag;
    Need need;
};
constexpr ChipObject sale_objects[] = {
    {Tag{0x9F26}, Need::required}, {Tag{0x9F27}, Need::required}, {Tag{0x9F10}, Need::required},
    {Tag{0x9F37}, Need::required}, {Tag{0x9F36}, Need::required}, {Tag{0x95}, Need::required},
    {Tag{0x9A}, Need::required},   {Tag{0x9C}, Need::required},   {Tag{0x9F02}, Need::required},
    {Tag{0x5F2A}, Need::required}, {Tag{0x82}, Need::required},   {Tag{0x9F1A}, Need::required},
    {Tag{0x9F03}, Need::zero},     {Tag{0x9F33}, Need::optional}, {Tag{0x9F34}, Need::optional},
    {Tag{0x9F35}, Need::optional}, {Tag{0x9F1E}, Need::optional}, {Tag{0x84}, Need::optional},
    {Tag{0x9F09}, Need::optional}, {Tag{0x9F41}, Need::optional}, {Tag{0x9F63}, Need::optional},
};
constexpr ChipObject reversal_objects[] = {
    {Tag{0x95}, Need::optional},
    {Tag{0x9F10}, Need::optional},
    {Tag{0x9F1E}, Need::optional},
    {Tag{0xDF31}, Need::optional},
};
constexpr std::array<std::uint8_t, 6> zero_amount{};

Result<void> put_object(Bytes chip_data, ChipObject wanted, Buffer& out) {
    auto value = TRY(find_value(chip_data, wanted.tag));
    if (!value && wanted.need == Need::zero) value = zero_amount;
    if (value) {
        if (value->size() > field_55_bytes_max) {
            return fail(ErrorKind::denied, "field 55: object too long",
                        std::to_underlying(wanted.tag));
        }
        TlvWriter(out).put(wanted.tag, *value);
    } else if (wanted.need == Need::required) {
        return fail(ErrorKind::malformed, "field 55: object missing",
                    std::to_underlying(wanted.tag));
    }
    return {};
}

Result<Buffer> choose(Bytes chip_data, std::span<const ChipObject> objects) {
    Buffer out;
    for (const ChipObject& object : objects) TRY_VOID(put_object(chip_data, object, out));
    if (out.size() > field_55_bytes_max) return fail(ErrorKind::denied, "field 55: too long", 55);
    return out;
}

}  // namespace

Result<Buffer> field_55_for_sale(Bytes chip_data) {
    return choose(chip_data, sale_objects);
}

Result<Buffer> field_55_for_reversal(Bytes chip_data, ChipEnd end) {
    Buffer out = TRY(choose(chip_data, reversal_objects));
    if (end == ChipEnd::card_declined) {
        TRY_VOID(put_object(chip_data, {Tag{0x9F36}, Need::optional}, out));
        if (out.size() > field_55_bytes_max) {
            return fail(ErrorKind::denied, "field 55: too long", 55);
        }
    }
    return out;
}

Result<IssuerAnswer> parse_field_55_answer(Bytes value) {
    IssuerAnswer answer;
    TlvReader reader(value);
    while (const auto object = TRY(reader.next())) {
        if (object->tag == Tag{0x91}) answer.authentication_data = object->value;
        if (object->tag == Tag{0x71}) answer.script_before = object->value;
        if (object->tag == Tag{0x72}) answer.script_after = object->value;
    }
    return answer;
}

namespace {

constexpr std::size_t check_value_bytes = 4;
constexpr std::size_t key_step_bytes = 8;

// One key in a place of `place` bytes and its check value. The cryptogram of a shorter key stands
// in front of zeros; that a real one ends in eight zero bytes happens once in 2^64.
Result<KeyCryptogram> take_key(ByteReader& in, std::size_t place) {
    const std::size_t start = in.position();
    Bytes cryptogram = in.take(place).value_or(Bytes{});
    const Bytes check_value = in.take(check_value_bytes).value_or(Bytes{});
    const auto zero = [](std::uint8_t byte) { return byte == 0; };
    while (!cryptogram.empty() && std::ranges::all_of(cryptogram.last(key_step_bytes), zero)) {
        cryptogram = cryptogram.first(cryptogram.size() - key_step_bytes);
    }
    if (cryptogram.empty()) return fail(ErrorKind::malformed, "field 62: empty key", 62, start);
    return KeyCryptogram{cryptogram, check_value};
}

}  // namespace

Result<WorkingKeys> parse_working_keys(Bytes field_62) {
    struct Form {
        std::size_t bytes;
        std::size_t key_bytes;
        bool track_key;
    };
    constexpr Form forms[] = {
        {24, 8, false}, {40, 16, false}, {56, 24, false}, {60, 16, true}, {84, 24, true}};
    const auto* form = std::ranges::find(forms, field_62.size(), &Form::bytes);
    if (form == std::end(forms)) {
        return fail(ErrorKind::unsupported, "field 62: form of the keys", 62, field_62.size());
    }
    ByteReader in(field_62);
    const auto pin_key = TRY(take_key(in, form->key_bytes));
    const auto mac_key = TRY(take_key(in, form->key_bytes));
    WorkingKeys keys{pin_key, mac_key, std::nullopt};
    if (form->track_key) keys.track_key = TRY(take_key(in, form->key_bytes));
    return keys;
}

namespace {

constexpr std::string_view identity_mark = "Sequence No";
constexpr std::size_t identity_length_digits = 2;
constexpr std::size_t certification_size = 4;
constexpr std::size_t serial_size_max = 50;

bool printable(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

Result<Buffer> build_sign_in_identity(const SignInIdentity& identity) {
    const bool good = identity.certification.size() == certification_size &&
                      !identity.serial.empty() && identity.serial.size() <= serial_size_max &&
                      printable(identity.certification) && printable(identity.serial);
    if (!good) return fail(ErrorKind::malformed, "field 62: identity", 62);
    const std::size_t size = certification_size + identity.serial.size();
    Buffer out;
    append(out, bytes_of(identity_mark));
    out.push_back(static_cast<std::uint8_t>('0' + size / 10));
    out.push_back(static_cast<std::uint8_t>('0' + size % 10));
    append(out, bytes_of(identity.certification));
    append(out, bytes_of(identity.serial));
    return out;
}

Result<SignInIdentity> parse_sign_in_identity(Bytes field_62) {
    std::string_view text = text_of(field_62);
    if (!text.starts_with(identity_mark)) {
        return fail(ErrorKind::malformed, "field 62: no identity", 62);
    }
    text.remove_prefix(identity_mark.size());
    const std::string_view digits = text.substr(0, identity_length_digits);
    unsigned size = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size);
    text.remove_prefix(digits.size());
    const bool good = digits.size() == identity_length_digits && error == std::errc() &&
                      end == digits.data() + digits.size() && size == text.size() &&
                      size > certification_size && size <= certification_size + serial_size_max &&
                      printable(text);
    if (!good) return fail(ErrorKind::malformed, "field 62: identity", 62, identity_mark.size());
    return SignInIdentity{std::string(text.substr(0, certification_size)),
                          std::string(text.substr(certification_size))};
}

}  // namespace softpos::codec
