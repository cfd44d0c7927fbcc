// ISO 8583 messages as other libraries' tests have them: packagers of 1987 and 1993, messages of
// one specification, and calls that bring the table of their dialect along.
#include "base/hex.h"
#include "codec/dialect.h"
#include "codec/iso8583.h"
#include "host/data_files.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

namespace softpos::conformance {
namespace {

using codec::Dialect;
using codec::IsoMessage;

std::optional<Dialect> shipped(const std::string& name, Tally& tally) {
    const auto text = host::read_data("dialects/" + name + ".dialect");
    auto dialect = text ? Dialect::parse(*text) : Result<Dialect>(std::unexpected(text.error()));
    if (dialect) return *std::move(dialect);
    tally.fail("dialect " + name, describe("", dialect.error()));
    return std::nullopt;
}

// Leading zeros of a number are no difference where `numbers_bare`.
struct Comparing {
    bool numbers_bare = false;
};

// The source packs letters into BCD by their lower halves.
std::string digits_of(std::string text) {
    for (char& c : text) c = static_cast<char>('0' | (c & 0xF));
    return text;
}

std::string bare(std::string text) {
    const std::size_t first = text.find_first_not_of('0');
    return first == std::string::npos ? "0" : text.substr(first);
}

// Values are not shown: some are card data.
void compare(Row& row, const IsoMessage& message, const Node& fields, Comparing how) {
    std::size_t stated_count = 0;
    for (const auto& [key, stated] : fields.members()) {
        const auto number = number_of(key, 10);
        if (!number || *number < 2) continue;
        ++stated_count;
        const auto field = static_cast<unsigned>(*number);
        const auto bytes = message.binary(field);
        const std::string digits = stated.is_object() ? stated["bin"].text() : stated.text();
        const std::string text(message.text(field).value_or(""));
        const codec::FieldSpec& spec = message.dialect().field(field);
        const bool packed = spec.encoding == codec::FieldEncoding::bcd && !spec.track_in_bcd;
        const bool same =
            bytes ? from_hex(digits).value_or(Buffer{}) == Buffer(bytes->begin(), bytes->end())
                  : text == digits || (packed && text == digits_of(digits)) ||
                        (how.numbers_bare && bare(text) == bare(digits));
        row.holds("field " + key + " differs", message.has(field) && same);
    }
    std::size_t found = 0;
    message.for_each([&found](unsigned) { ++found; });
    row.holds("other fields are in the message", found == stated_count);
}

bool packs_to(const IsoMessage& message, Bytes expected) {
    std::array<std::uint8_t, codec::iso_message_bytes_max> out{};
    const auto size = codec::pack(message, out);
    return size && std::ranges::equal(Bytes(out).first(*size), expected);
}

void check(Row& row, Bytes bytes, const Node& mti, const Node& fields, const Dialect& dialect,
           Comparing how = {}) {
    IsoMessage message(dialect);
    const auto read = codec::unpack(bytes, message);
    if (!read) return row.fail("field " + std::to_string(read.error().detail), read.error());
    row.same_text("MTI", message.mti(), mti.text());
    compare(row, message, fields, how);
    row.holds("packed again it has other bytes", packs_to(message, bytes));
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        if (codec::unpack(bytes.first(cut), message)) {
            return row.fail("is taken when cut at byte " + std::to_string(cut));
        }
    }
}

template <typename Each>
void each_row(const Input& in, Tally& tally, Each each) {
    std::size_t number = 0;
    for (const std::string_view line : lines_of(in.text)) {
        const auto document = JsonDocument::parse(line);
        const Node node = document ? document->root() : Node();
        Row row(tally, "row " + std::to_string(number++) + " " + node["name"].text());
        if (document) {
            each(row, node);
        } else {
            row.fail("", document.error());
        }
    }
}

// ---- Calls with their own table -----------------------------------------------------------------

// One field of such a table as a row of ours; empty where we have no such thing.
std::string field_row(const std::string& key, const Node& spec, const std::string& value) {
    const std::string data = spec["data_enc"].text();
    const std::string length = spec["len_enc"].text();
    const auto bytes = spec["len_type"].number().value_or(-1);
    const auto max = spec["max_len"].number().value_or(0);
    if (data != "ascii" && data != "b") return {};
    std::string rule = "fixed";
    if (bytes != 0) {
        if (length == "ascii" && (bytes == 2 || bytes == 3)) {
            rule = bytes == 2 ? "ll_ascii" : "lll_ascii";
        } else if (length == "bcd" && (bytes == 1 || bytes == 2)) {
            rule = bytes == 1 ? "ll_bcd" : "lll_bcd";
        } else {
            return {};
        }
    }
    const bool nibbles = spec["len_count"].text() == "nibbles";
    // A limit over what the length can say is no limit.
    const std::int64_t most = rule == "ll_ascii" || rule == "ll_bcd" ? 99 : 999;
    const std::string size = bytes == 0 ? std::to_string(nibbles && data == "ascii" ? max / 2 : max)
                                        : "1-" + std::to_string(std::min(max, most));
    const std::string tail = " private f" + key + "\n";
    const std::string head = "field " + key;
    if (data == "ascii") {
        if (nibbles) return {};
        return head + " ans ascii " + rule + " characters " + size + " none" + tail;
    }
    if (!nibbles) return head + " b binary " + rule + " bytes " + size + " none" + tail;
    if (std::ranges::any_of(value, [](char c) { return c < '0' || c > '9'; })) return {};
    const std::string left = spec["left_pad"].text();
    const std::string right = spec["right_pad"].text();
    const std::string pad = left.starts_with("0")    ? "left0"
                            : right.starts_with("0") ? "right0"
                            : right.starts_with("F") ? "rightF"
                                                     : "";
    if (pad.empty()) return {};
    const bool even = bytes == 0 && max % 2 == 0;
    return head + " n bcd " + rule + " digits " + size + " " + (even ? "none" : pad) + tail;
}

struct OwnTable {
    Dialect dialect;
    std::size_t header_bytes;
};

// What a call's table means in our words, for the fields that the call has.
std::optional<OwnTable> own_table(const Node& node) {
    const Node spec = node["spec"];
    const Node fields = node["fields"];
    const auto known = [&](std::string_view key) {
        const std::string encoding = spec[key]["data_enc"].text();
        return encoding == "ascii" || encoding == "b";
    };
    if (!known("t") || !known("p") || !known("1")) return std::nullopt;
    if (spec["t"]["len_type"].number() != 0 || spec["h"]["len_type"].number() != 0) {
        return std::nullopt;
    }
    const std::string mti = fields["t"].text();
    if (!mti.empty() && (mti[0] < '0' || mti[0] > '9')) return std::nullopt;
    const std::string bitmap = spec["p"]["data_enc"].text();
    std::string text = "dialect own\nversion " + (mti.empty() ? "0" : mti.substr(0, 1)) + "\nmti " +
                       (spec["t"]["data_enc"].text() == "b" ? "bcd" : "ascii") + "\nbitmap auto" +
                       (bitmap == "b" ? "" : " hex") + "\n";
    for (const auto& [key, row] : spec.members()) {
        const auto number = number_of(key, 10);
        if (!number || *number < 2 || *number == 65) continue;
        // One bitmap for both halves is all that a dialect can say.
        const bool wanted = bool(fields[key]) || node["error_field"].text() == key;
        if (!wanted) continue;
        if (*number > 64 && spec["1"]["data_enc"].text() != bitmap) return std::nullopt;
        const std::string line = field_row(key, row, fields[key].text());
        if (line.empty()) return std::nullopt;
        text += line;
    }
    auto dialect = Dialect::parse(text);
    if (!dialect) return std::nullopt;  // Among others: no field.
    return OwnTable{*std::move(dialect),
                    static_cast<std::size_t>(spec["h"]["max_len"].number().value_or(0))};
}

void check_call(Row& row, const Node& node) {
    const Node fields = node["fields"];
    if (fields) {
        for (const auto& [key, value] : fields.members()) {
            if (number_of(key, 10).value_or(0) > 1 && value.text().empty()) return;  // No value.
        }
    }
    const std::string bitmap = fields["p"].text() + fields["1"].text();
    if (std::ranges::any_of(bitmap, [](char c) { return c >= 'a' && c <= 'f'; })) return;
    const auto table = own_table(node);
    if (!table) return;
    const Buffer bytes = row.hex(node, "hex");
    const Bytes message_bytes = Bytes(bytes).subspan(std::min(table->header_bytes, bytes.size()));
    if (fields) return check(row, message_bytes, fields["t"], fields, table->dialect);
    IsoMessage message(table->dialect);
    const auto read = codec::unpack(message_bytes, message);
    if (read) return row.fail("is taken");
    // What follows the last field belongs to none.
    const bool behind = node["error"].text().starts_with("Extra data");
    row.holds(
        "is refused for another field",
        behind || read.error().detail == number_of(node["error_field"].text(), 10).value_or(0));
}

}  // namespace

// Packagers with EBCDIC or with messages inside of fields are skipped, and messages with fields
// that the dialect leaves out.
void check_packagers(const Input& in, Tally& tally) {
    const auto ascii_93 = shipped("iso93-ascii", tally);
    const auto binary_93 = shipped("iso93-binary", tally);
    const auto ascii_87 = shipped("iso87-ascii", tally);
    const auto binary_87 = shipped("iso87-binary", tally);
    if (!ascii_93 || !binary_93 || !ascii_87 || !binary_87) return;
    each_row(in, tally, [&](Row& row, const Node& node) {
        const std::string name = node["dialect"].text();
        const Dialect* dialect = name == "iso93 ascii"    ? &*ascii_93
                                 : name == "iso93 binary" ? &*binary_93
                                 : name == "iso87 ascii"  ? &*ascii_87
                                 : name == "iso87 binary" ? &*binary_87
                                                          : nullptr;
        if (dialect == nullptr) return;
        const Node fields = node["fields"];
        for (const auto& [key, value] : fields.members()) {
            const auto field = number_of(key, 10).value_or(0);
            if (field > 1 && field <= codec::iso_field_max &&
                !dialect->field(static_cast<unsigned>(field)).defined) {
                return;
            }
        }
        check(row, row.hex(node, "hex"), fields["0"], fields, *dialect);
    });
}

// Most of these rows state nothing about their fields. Such a one passes where it is a message of
// 1987 and packs to itself; one that is none is skipped, since nothing says what is wrong.
void check_messages_87(const Input& in, Tally& tally) {
    const auto dialect = shipped("iso87-ascii", tally);
    if (!dialect) return;
    each_row(in, tally, [&](Row& row, const Node& node) {
        const Buffer bytes = row.hex(node, "hex");
        IsoMessage message(*dialect);
        if (!codec::unpack(bytes, message)) return;
        if (!node["fields"].is_object()) {
            return row.holds("packed again it has other bytes", packs_to(message, bytes));
        }
        check(row, bytes, node["fields"]["0"], node["fields"], *dialect, {.numbers_bare = true});
    });
}

// Skipped are EBCDIC, lengths of one digit or in plain binary, empty values, pads that no dialect
// has, bitmaps in lower case, and messages without a field.
void check_own_tables(const Input& in, Tally& tally) {
    each_row(in, tally, check_call);
}

}  // namespace softpos::conformance
