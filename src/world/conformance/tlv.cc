// TLV rows with what another tool printed about them: objects, sizes, values, bits.
#include "world/conformance/tlv.h"

#include "base/hex.h"
#include "phone/emv/dictionary.h"
#include "phone/emv/track2.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <utility>

namespace softpos::conformance {
namespace {

using codec::Tag;

constexpr std::uint32_t kernel = 7;  // Whose dictionary is asked; the objects here are common.
constexpr unsigned depth_max = 16;

Result<void> flatten(Bytes input, unsigned depth, std::vector<FlatObject>& out) {
    if (depth > depth_max) return fail(ErrorKind::malformed, "TLV: nested too deep");
    codec::TlvReader reader(input);
    while (const auto object = TRY(reader.next())) {
        out.push_back({object->tag, depth, object->constructed, object->value});
        if (object->constructed) TRY_VOID(flatten(object->value, depth + 1, out));
    }
    return {};
}

// What a printed line says of bits, and what they are called here.
struct Wording {
    Tag tag;
    std::string_view part;
    std::string_view name;
};

constexpr Tag aip{0x82}, tvr{0x95};

constexpr Wording wordings[] = {
    {aip, "(SDA) is supported", "SDA supported"},
    {aip, "(DDA) is supported", "DDA supported"},
    {aip, "Cardholder verification is supported", "cardholder verification supported"},
    {aip, "Terminal risk management is to be performed",
     "terminal risk management to be performed"},
    {aip, "Issuer authentication", "issuer authentication supported"},
    {aip, "On device cardholder verification", "on-device cardholder verification supported"},
    {aip, "(CDA) is supported", "CDA supported"},
    {tvr, "Offline data authentication was not performed",
     "offline data authentication not performed"},
    {tvr, "SDA failed", "SDA failed"},
    {tvr, "DDA failed", "DDA failed"},
    {tvr, "CDA failed", "CDA failed"},
    {tvr, "Expired application", "expired application"},
    {tvr, "Application not yet effective", "application not yet effective"},
    {tvr, "New card", "new card"},
    {tvr, "Cardholder verification was not successful", "cardholder verification not successful"},
    {tvr, "Unrecognised CVM", "unrecognised CVM"},
    {tvr, "Transaction exceeds floor limit", "floor limit exceeded"},
    {tvr, "Merchant forced transaction online", "merchant forced online"},
    {tvr, "Default TDOL used", "default TDOL used"},
    {tvr, "Issuer authentication failed", "issuer authentication failed"},
};

struct OptionTag {
    std::string_view option;
    Tag tag;
};
constexpr OptionTag option_tags[] = {{"--aip", aip}, {"--tvr", tvr}};

// "  9F39 | Point-of-Service (POS) Entry Mode : [1] 05 (Integrated circuit card (ICC).)"
struct ObjectLine {
    unsigned depth;
    Tag tag;
    std::size_t size;
    std::string hex;        // Of the value; empty for a template.
    std::string_view rest;  // What the tool made of it.
};

std::string hex_pairs(std::string_view& text) {
    std::string hex;
    while (text.size() >= 3 && text[0] == ' ' && from_hex(text.substr(1, 2)) &&
           (text.size() == 3 || text[3] == ' ')) {
        hex.append(text.substr(1, 2));
        text.remove_prefix(3);
    }
    return hex;
}

std::optional<ObjectLine> object_line(std::string_view line) {
    const auto indent = std::min(line.find_first_not_of(' '), line.size());
    const auto bar = line.find(" | ");
    const auto open = line.find(" : [", bar == std::string_view::npos ? 0 : bar);
    const auto close = line.find(']', open == std::string_view::npos ? 0 : open);
    if (bar == std::string_view::npos || open == std::string_view::npos ||
        close == std::string_view::npos || bar < indent)
        return std::nullopt;
    const auto tag = tag_of(line.substr(indent, bar - indent));
    const auto size = number_of(line.substr(open + 4, close - open - 4), 10);
    if (!tag || !size) return std::nullopt;
    auto rest = line.substr(close + 1);
    auto hex = hex_pairs(rest);
    return ObjectLine{static_cast<unsigned>(indent / 2), *tag, static_cast<std::size_t>(*size),
                      std::move(hex), rest};
}

// "(40123456789095=2512201197339300)": number and expiry as we read them.
void check_track2(Row& row, Bytes value, std::string_view printed) {
    const auto open = printed.find('(');
    const auto equals = printed.find('=');
    if (open == std::string_view::npos || equals == std::string_view::npos || equals < open) return;
    const auto pan = emv::track2_pan(value);
    if (!pan) return row.fail("track 2", pan.error());
    row.holds("PAN in track 2 differs",
              pan->clear_digits() == printed.substr(open + 1, equals - open - 1));
    const auto expiry = number_of(printed.substr(equals + 1, 4), 10);
    row.holds("expiry in track 2 differs", emv::track2_expiry_yymm(value) == expiry);
}

void check_object(Row& row, const ObjectLine& line, const FlatObject& object) {
    row.holds("it has " + std::to_string(object.value.size()) + " bytes",
              object.value.size() == line.size);
    if (!object.constructed) row.holds("the value differs", to_hex(object.value) == line.hex);
    if (object.constructed && !line.hex.empty()) row.fail("a template is printed with a value");
    if (object.tag == Tag{0x57}) check_track2(row, object.value, line.rest);
    const emv::ObjectRow* known = emv::find_object(kernel, object.tag);
    if (known == nullptr) return;
    row.holds("our dictionary allows no such size",
              object.value.size() >= known->bytes_min && object.value.size() <= known->bytes_max);
    if (object.constructed)
        row.holds("our dictionary knows no template of this tag",
                  known->format == emv::Format::list);
}

// A line below an object: one bit that is set.
void check_bit(Row& row, Tag tag, Bytes value, std::string_view line) {
    for (const Wording& wording : wordings) {
        if (wording.tag != tag || line.find(wording.part) == std::string_view::npos) continue;
        const auto names = emv::decode_bits(kernel, tag, value);
        return row.holds(std::string(wording.name) + " is not among the bits that we find set",
                         std::ranges::find(names, wording.name) != names.end());
    }
}

// Some texts are a pattern that holds two ways to print the same; the second begins with "$^".
std::vector<std::vector<std::string>> alternatives(const Node& expect) {
    std::vector<std::vector<std::string>> out(1);
    for (const Node& node : expect.items()) {
        std::string line = node.text();
        if (line.starts_with("$^")) {
            out.emplace_back();
            line.erase(0, 2);
        }
        if (line.starts_with('^')) line.erase(0, 1);
        if (line.ends_with('$')) line.pop_back();
        out.back().push_back(std::move(line));
    }
    return out;
}

// The printed objects are found in the order of ours; some of ours may not be printed.
void check_lines(const std::string& name, const std::vector<std::string>& lines,
                 const std::vector<FlatObject>& objects, Tally& tally) {
    std::size_t next = 0;
    const FlatObject* last = nullptr;
    for (const std::string& text : lines) {
        const auto line = object_line(text);
        if (!line) {
            Row row(tally, name + " '" + text + "'");
            if (last != nullptr) check_bit(row, last->tag, last->value, text);
            continue;
        }
        Row row(tally, name + " object " + name_of(line->tag));
        while (next < objects.size() &&
               (objects[next].tag != line->tag || objects[next].depth != line->depth))
            ++next;
        if (next == objects.size()) {
            row.fail("is not found there");
            return;
        }
        last = &objects[next++];
        check_object(row, *line, *last);
    }
}

void check_test(const Node& test, Tally& tally) {
    const std::string name = test["name"].text();
    const std::string option = test["args"][std::size_t{0}].text();
    const auto value = from_hex(test["args"][1].text());
    const auto known = std::ranges::find(option_tags, option, &OptionTag::option);
    if (option != "--tlv" && known == std::end(option_tags)) {
        Row(tally, name);  // Skipped: no meaning for it here.
        return;
    }
    if (!value) return tally.fail(name, "the value is not hex");
    std::vector<FlatObject> objects;
    if (option == "--tlv") {
        auto found = flat_objects(*value);
        if (!found) return tally.fail(name, describe("", found.error()));
        objects = *std::move(found);
    }
    for (const auto& lines : alternatives(test["expect"])) {
        if (option == "--tlv") {
            check_lines(name, lines, objects, tally);
            continue;
        }
        for (const std::string& line : lines) {
            Row row(tally, name + " '" + line + "'");
            check_bit(row, known->tag, *value, line);
        }
    }
}

}  // namespace

void check_tlv_decoding(const Input& in, Tally& tally) {
    for (const Node& test : in.json["tests"].items()) check_test(test, tally);
}

Result<std::vector<FlatObject>> flat_objects(Bytes input) {
    std::vector<FlatObject> out;
    TRY_VOID(flatten(input, 0, out));
    return out;
}

std::optional<Tag> tag_of(std::string_view hex) {
    const auto bytes = from_hex(hex);
    if (!bytes) return std::nullopt;
    ByteReader reader(*bytes);
    const auto tag = codec::read_tag(reader);
    if (!tag || !reader.empty()) return std::nullopt;
    return *tag;
}

std::string name_of(Tag tag) {
    return hex_number(std::to_underlying(tag));
}

void check_leaves(Row& row, std::string_view what, Bytes input, const Node& stated) {
    const auto objects = flat_objects(input);
    if (!objects) return row.fail(what, objects.error());
    std::size_t next = 0;
    for (const FlatObject& object : *objects) {
        if (object.constructed) continue;
        const Node pair = stated[next++];
        const std::string name = std::string(what) + " " + name_of(object.tag);
        if (tag_of(pair[std::size_t{0}].text()) != object.tag)
            return row.fail(name + " is not what stands there in the row");
        row.holds(name + " differs", to_hex(object.value) == to_hex(row.hex(pair[1].text(), name)));
    }
    if (next != stated.size()) row.fail(std::string(what) + ": fewer objects than stated");
}

Bytes value_anywhere(Bytes input, Tag tag) {
    const auto objects = flat_objects(input);
    if (!objects) return {};
    const auto at = std::ranges::find(*objects, tag, &FlatObject::tag);
    return at == objects->end() ? Bytes{} : at->value;
}

}  // namespace softpos::conformance
