// Fields 48, 59, 60, 61 and 63: fixed parts one behind the other.
#include "codec/cup_fields.h"

#include "base/check.h"
#include "base/money.h"

#include <algorithm>
#include <charconv>

namespace softpos::codec {
namespace {

constexpr std::size_t text_tag_size = 2;
constexpr std::size_t text_length_digits = 3;
constexpr std::size_t text_value_max = 999;
constexpr std::size_t field_59_bytes_max = 999;

bool all_digits(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool are_digits(std::string_view text, std::size_t size) {
    return text.size() == size && all_digits(text);
}

// The number in at most 18 digits, already looked at.
std::int64_t number_of(std::string_view digits) {
    std::int64_t number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

void put_number(std::string& out, std::int64_t number, std::size_t size) {
    const std::string digits = std::to_string(number);
    out.append(size - digits.size(), '0');
    out += digits;
}

// Takes text apart from the front.
struct TextReader {
    std::string_view rest;

    std::string_view take(std::size_t size) {
        const std::string_view taken = rest.substr(0, size);
        rest.remove_prefix(taken.size());
        return taken;
    }
};

void put_if_any(Buffer& out, std::string_view tag, std::string_view value) {
    if (!value.empty()) put_text_object(out, tag, bytes_of(value));
}

// The text of an object whose tag stands in a list; others are passed over.
struct Wanted {
    std::string_view tag;
    std::string* into;
};
Result<void> read_texts(Bytes value, std::span<const Wanted> list) {
    TextTlvReader reader(value);
    while (const auto object = TRY(reader.next())) {
        const auto found = std::ranges::find(list, object->tag, &Wanted::tag);
        if (found != list.end()) *found->into = text_of(object->value);
    }
    return {};
}

}  // namespace

Result<std::optional<TextObject>> TextTlvReader::next() {
    if (in_.empty()) return std::nullopt;
    const std::size_t start = in_.position();
    const auto head = in_.take(text_tag_size + text_length_digits);
    if (!head) {
        in_.drop_all();
        return fail(ErrorKind::malformed, "field 59: head cut short", 59, start);
    }
    const std::string_view digits = text_of(*head).substr(text_tag_size);
    const auto value =
        all_digits(digits) ? in_.take(static_cast<std::size_t>(number_of(digits))) : std::nullopt;
    if (!value) {
        in_.drop_all();
        return fail(ErrorKind::malformed, "field 59: length", 59, start);
    }
    return TextObject{text_of(*head).substr(0, text_tag_size), *value};
}

void put_text_object(Buffer& out, std::string_view tag, Bytes value) {
    CHECK(tag.size() == text_tag_size && value.size() <= text_value_max);
    std::string head(tag);
    put_number(head, static_cast<std::int64_t>(value.size()), text_length_digits);
    append(out, bytes_of(head));
    append(out, value);
}

Result<Field59> parse_field_59(Bytes value) {
    Field59 field;
    TextTlvReader reader(value);
    while (const auto object = TRY(reader.next())) {
        if (object->tag == "A1") {
            auto& block = field.sm4_pin_block.emplace();
            if (object->value.size() != block.size()) {
                return fail(ErrorKind::malformed, "field 59: PIN block", 59);
            }
            std::ranges::copy(object->value, block.begin());
        } else if (object->tag == "A2") {
            auto& to = field.terminal.emplace();
            const Wanted list[] = {{"01", &to.device_type},
                                   {"02", &to.serial},
                                   {"03", &to.factor},
                                   {"04", &to.proof},
                                   {"05", &to.app_version}};
            TRY_VOID(read_texts(object->value, list));
        } else if (object->tag == "A5") {
            auto& to = field.place.emplace();
            const Wanted list[] = {{"01", &to.longitude}, {"02", &to.latitude}, {"05", &to.system}};
            TRY_VOID(read_texts(object->value, list));
        }
    }
    return field;
}

Result<Buffer> build_field_59(const Field59& field) {
    Buffer out;
    Buffer inner;
    if (field.sm4_pin_block) put_text_object(out, "A1", *field.sm4_pin_block);
    if (field.terminal) {
        const auto& from = *field.terminal;
        for (const std::string* text :
             {&from.device_type, &from.serial, &from.factor, &from.proof, &from.app_version}) {
            if (text->size() > text_value_max / 10) {
                return fail(ErrorKind::denied, "field 59: text too long", 59);
            }
        }
        put_if_any(inner, "01", from.device_type);
        put_if_any(inner, "02", from.serial);
        put_if_any(inner, "03", from.factor);
        put_if_any(inner, "04", from.proof);
        put_if_any(inner, "05", from.app_version);
        put_text_object(out, "A2", inner);
    }
    if (field.place) {
        const auto& from = *field.place;
        for (const std::string* text : {&from.longitude, &from.latitude, &from.system}) {
            if (text->size() > text_value_max / 10) {
                return fail(ErrorKind::denied, "field 59: text too long", 59);
            }
        }
        inner.clear();
        put_if_any(inner, "01", from.longitude);
        put_if_any(inner, "02", from.latitude);
        put_if_any(inner, "05", from.system);
        put_text_object(out, "A5", inner);
    }
    if (out.size() > field_59_bytes_max) return fail(ErrorKind::denied, "field 59: too long", 59);
    return out;
}

// Where a host lets the field end differs: after 60.2, and after each part from 60.3 on.
Result<Field60> parse_field_60(std::string_view digits) {
    constexpr std::array<std::size_t, 6> ends{8, 11, 12, 13, 14, 17};
    if (!all_digits(digits)) return fail(ErrorKind::malformed, "field 60: digit", 60);
    if (std::ranges::find(ends, digits.size()) == ends.end()) {
        return fail(ErrorKind::unsupported, "field 60: length", 60, digits.size());
    }
    TextReader in{digits};
    Field60 field;
    field.kind = in.take(2);
    field.batch = in.take(6);
    if (!in.rest.empty()) field.network_code = in.take(3);
    if (!in.rest.empty()) field.reader = in.take(1).front();
    if (!in.rest.empty()) field.chip_condition = in.take(1).front();
    if (!in.rest.empty()) field.partial_approval = in.take(1).front();
    if (!in.rest.empty()) field.account_type = in.take(3);
    return field;
}

Result<std::string> build_field_60(const Field60& field) {
    struct Part {
        bool there;
        std::string_view text;
        std::size_t size;
    };
    const auto one = [](const std::optional<char>& c) {
        return Part{c.has_value(), c ? std::string_view(&*c, 1) : std::string_view(), 1};
    };
    const auto three = [](const std::optional<std::string>& s) {
        return Part{s.has_value(), s ? std::string_view(*s) : std::string_view(), 3};
    };
    const Part parts[] = {{true, field.kind, 2},     {true, field.batch, 6},
                          three(field.network_code), one(field.reader),
                          one(field.chip_condition), one(field.partial_approval),
                          three(field.account_type)};
    std::string digits;
    bool ended = false;
    for (const Part& part : parts) {
        if (part.there && (ended || !are_digits(part.text, part.size))) {
            return fail(ErrorKind::malformed, "field 60: part", 60, digits.size());
        }
        ended = !part.there;
        digits += part.text;
    }
    return digits;
}

Result<Field61> parse_field_61(std::string_view digits) {
    constexpr std::array<std::size_t, 4> ends{12, 16, 18, 29};
    if (!all_digits(digits)) return fail(ErrorKind::malformed, "field 61: digit", 61);
    if (std::ranges::find(ends, digits.size()) == ends.end()) {
        return fail(ErrorKind::unsupported, "field 61: length", 61, digits.size());
    }
    TextReader in{digits};
    Field61 field;
    field.batch = in.take(6);
    field.trace = in.take(6);
    field.date = in.take(4);
    field.authorization_mode = in.take(2);
    field.authorization_institution = in.take(11);
    return field;
}

Result<std::string> build_field_61(const Field61& field) {
    struct Part {
        std::string_view text;
        std::size_t size;
    };
    const Part parts[] = {{field.batch, 6},
                          {field.trace, 6},
                          {field.date, 4},
                          {field.authorization_mode, 2},
                          {field.authorization_institution, 11}};
    std::string digits;
    bool ended = false;
    for (const Part& part : parts) {
        const bool required = digits.size() < 12;
        if (part.text.empty() && !required) {
            ended = true;
            continue;
        }
        if (ended || !are_digits(part.text, part.size)) {
            return fail(ErrorKind::malformed, "field 61: part", 61, digits.size());
        }
        digits += part.text;
    }
    return digits;
}

namespace {

constexpr std::size_t amount_digits = 12;
constexpr std::size_t count_digits = 3;
constexpr unsigned count_max = 999;
constexpr std::size_t totals_digits = 2 * (2 * (amount_digits + count_digits) + 1);

BatchSide take_side(TextReader& in) {
    BatchSide side;
    side.debit_amount_minor = number_of(in.take(amount_digits));
    side.debit_count = static_cast<unsigned>(number_of(in.take(count_digits)));
    side.credit_amount_minor = number_of(in.take(amount_digits));
    side.credit_count = static_cast<unsigned>(number_of(in.take(count_digits)));
    // Hosts differ in digits above 3; all of them mean that the batch was not taken.
    const std::int64_t verdict = number_of(in.take(1));
    side.verdict = static_cast<BatchVerdict>(std::min<std::int64_t>(verdict, 3));
    return side;
}

bool fits(const BatchSide& side) {
    const auto amount = [](std::int64_t minor) { return minor >= 0 && minor <= amount_minor_max; };
    return amount(side.debit_amount_minor) && amount(side.credit_amount_minor) &&
           side.debit_count <= count_max && side.credit_count <= count_max;
}

void put_side(std::string& out, const BatchSide& side) {
    put_number(out, side.debit_amount_minor, amount_digits);
    put_number(out, side.debit_count, count_digits);
    put_number(out, side.credit_amount_minor, amount_digits);
    put_number(out, side.credit_count, count_digits);
    put_number(out, static_cast<std::int64_t>(side.verdict), 1);
}

std::string_view without_blanks(std::string_view text) {
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

}  // namespace

Result<BatchTotals> parse_batch_totals(std::string_view digits) {
    if (!are_digits(digits, totals_digits)) {
        return fail(ErrorKind::malformed, "field 48: totals", 48, digits.size());
    }
    TextReader in{digits};
    const BatchSide domestic = take_side(in);
    return BatchTotals{domestic, take_side(in)};
}

Result<std::string> build_batch_totals(const BatchTotals& totals) {
    if (!fits(totals.domestic) || !fits(totals.foreign)) {
        return fail(ErrorKind::denied, "field 48: totals do not fit", 48);
    }
    std::string digits;
    put_side(digits, totals.domestic);
    put_side(digits, totals.foreign);
    return digits;
}

Result<AnswerText> parse_answer_text(std::string_view field_63) {
    constexpr std::size_t scheme_size = 3;
    constexpr std::size_t part_size = 20;
    if (field_63.size() < scheme_size) {
        return fail(ErrorKind::malformed, "field 63: scheme cut short", 63, field_63.size());
    }
    TextReader in{field_63};
    AnswerText text;
    text.scheme = without_blanks(in.take(scheme_size));
    text.issuer = without_blanks(in.take(part_size));
    text.centre = without_blanks(in.take(part_size));
    text.acquirer = without_blanks(in.take(part_size));
    return text;
}

}  // namespace softpos::codec
