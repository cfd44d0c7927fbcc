// A message as rows for people, without what a log must not hold.
#include "base/hex.h"
#include "base/pan.h"
#include "codec/ber_tlv.h"
#include "codec/iso8583.h"

#include <algorithm>
#include <utility>

namespace softpos::codec {
namespace {

// Objects of field 55 that are a PAN or contain one, or name the cardholder.
constexpr Tag hidden_tags[] = {Tag{0x56},   Tag{0x57},   Tag{0x5A},   Tag{0x5F20}, Tag{0x5F24},
                               Tag{0x9F0B}, Tag{0x9F1F}, Tag{0x9F20}, Tag{0x9F61}, Tag{0x9F6B}};

std::string hidden(std::size_t size, const char* unit) {
    return "<" + std::to_string(size) + " " + unit + ">";
}

// "9F26=1122334455667788 57=<19 bytes>"
std::string describe_chip(Bytes value) {
    std::string text;
    TlvReader reader(value);
    for (;;) {
        const auto object = reader.next();
        if (!object) return hidden(value.size(), "bytes, not TLV");
        if (!*object) return text;
        const TlvObject& found = **object;
        const bool secret =
            found.constructed || std::ranges::find(hidden_tags, found.tag) != std::end(hidden_tags);
        if (!text.empty()) text += ' ';
        text += hex_number(std::to_underlying(found.tag)) + '=';
        text += secret ? hidden(found.value.size(), "bytes") : to_hex(found.value);
    }
}

// Text that is not plain ASCII goes out as hex: a log is UTF-8, and these bytes are GBK.
std::string describe_text(std::string_view text) {
    const bool plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
    return plain ? std::string(text) : "hex " + to_hex(bytes_of(text));
}

std::string describe_value(const IsoMessage& message, unsigned field) {
    const auto text = message.text(field);
    const Bytes raw = text ? bytes_of(*text) : message.binary(field).value_or(Bytes{});
    switch (message.dialect().field(field).klass) {
        case FieldClass::open:
            return text ? describe_text(*text) : to_hex(raw);
        case FieldClass::pan:
            return mask_pan(text_of(raw));
        case FieldClass::track2:
            return mask_track2(text_of(raw));
        case FieldClass::chip:
            return describe_chip(raw);
        case FieldClass::track3:
        case FieldClass::pin:
        case FieldClass::key:
        case FieldClass::mac:
        case FieldClass::personal:
            break;
    }
    return hidden(raw.size(), text ? "characters" : "bytes");
}

}  // namespace

std::vector<DescribedField> describe(const IsoMessage& message) {
    std::vector<DescribedField> rows;
    rows.push_back({0, "message_type", std::string(message.mti())});
    message.for_each([&](unsigned field) {
        rows.push_back({field, std::string(message.dialect().field_name(field)),
                        describe_value(message, field)});
    });
    return rows;
}

}  // namespace softpos::codec
