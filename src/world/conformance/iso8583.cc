// ISO 8583 messages: each decodes to the stated fields, packs back to the same bytes, and is
// refused wherever it is cut.
#include "codec/iso8583.h"

#include "base/hex.h"
#include "codec/cup_frame.h"
#include "codec/dialect.h"
#include "host/data_files.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <array>
#include <iconv.h>
#include <memory>
#include <optional>

namespace softpos::conformance {
namespace {

using codec::IsoMessage;

// As UTF-8; the source wrote some values as GBK and some as if they were Latin-1.
std::string converted(std::string_view text, const char* from) {
    const iconv_t converter = iconv_open("UTF-8", from);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): how the interface says that it knows no such set.
    if (converter == iconv_t(-1)) return {};
    std::string copy(text);
    std::string out(text.size() * 3 + 1, '\0');
    char* in_at = copy.data();
    char* out_at = out.data();
    std::size_t in_left = copy.size();
    std::size_t out_left = out.size();
    iconv(converter, &in_at, &in_left, &out_at, &out_left);
    iconv_close(converter);
    out.resize(out.size() - out_left);
    return out;
}

// Values are not shown: some are card data.
void check_field(Row& row, const IsoMessage& message, unsigned field, const Node& stated) {
    const std::string name = "field " + std::to_string(field);
    if (!message.has(field)) return row.fail(name + " is stated and not in the message");
    if (const auto bytes = message.binary(field)) {
        const std::string hex = stated.is_object() ? stated["bin"].text() : stated.text();
        return row.holds(name + " differs", to_hex(*bytes) == to_hex(row.hex(hex, name)));
    }
    const std::string text(message.text(field).value_or(""));
    const std::string wanted = stated.text();
    row.holds(name + " differs", wanted == text || wanted == converted(text, "GBK") ||
                                     wanted == converted(text, "LATIN1"));
}

void check_fields(Row& row, const IsoMessage& message, const Node& fields) {
    std::size_t count = 1;  // The MTI.
    message.for_each([&count](unsigned) { ++count; });
    if (count != fields.size())
        row.fail(std::to_string(count) + " fields found, " + std::to_string(fields.size()) +
                 " stated");
    for (const auto& [key, stated] : fields.members()) {
        const auto field = number_of(key, 10);
        if (!field || *field > codec::iso_field_max) {
            row.fail("field " + key + " is no field number");
        } else if (*field == 0) {
            row.same_text("MTI", message.mti(), stated.text());
        } else {
            check_field(row, message, static_cast<unsigned>(*field), stated);
        }
    }
}

void check_cuts(Row& row, Bytes bytes, IsoMessage& message) {
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        const auto part = codec::unpack(bytes.first(cut), message);
        if (!part && part.error().at <= cut) continue;
        return row.fail((part ? "is taken when cut at byte " : "error behind the cut at byte ") +
                        std::to_string(cut));
    }
}

// The frame around it, where the source had one.
void check_frame(Row& row, const Node& stated, Bytes message) {
    if (!stated.is_object()) return;
    Buffer bytes = row.hex(stated, "tpdu");
    const Buffer header = row.hex(stated, "header");
    append(bytes, header);
    append(bytes, message);
    if (const Node length = stated["length"]) {
        const Buffer two{static_cast<std::uint8_t>(bytes.size() >> 8),
                         static_cast<std::uint8_t>(bytes.size() & 0xFF)};
        row.same("length", two, length);
    }
    const auto frame = codec::parse_frame(bytes);
    if (!frame) return row.fail("frame", frame.error());
    row.same("header", frame->header, to_hex(header));
    row.same("frame built again", codec::build_frame(*frame), to_hex(bytes));
}

void check_message(Row& row, const Node& node, IsoMessage& message) {
    const Buffer bytes = row.hex(node, "hex");
    const auto read = codec::unpack(bytes, message);
    if (!read) return row.fail("field " + std::to_string(read.error().detail), read.error());
    check_fields(row, message, node["fields"]);
    std::array<std::uint8_t, codec::iso_message_bytes_max> out{};
    const auto size = codec::pack(message, out);
    if (!size) return row.fail("packing", size.error());
    row.holds("packed again it has other bytes",
              std::ranges::equal(Bytes(out).first(*size), bytes));
    check_cuts(row, bytes, message);
    check_frame(row, node["frame"], bytes);
}

std::optional<codec::Dialect> dialect_of(const std::string& name, Tally& tally) {
    const auto text = host::read_data("dialects/" + name + ".dialect");
    if (!text) {
        tally.fail("dialect " + name, describe("", text.error()));
        return std::nullopt;
    }
    auto dialect = codec::Dialect::parse(*text);
    if (dialect) return *std::move(dialect);
    tally.fail("dialect " + name, describe("", dialect.error()));
    return std::nullopt;
}

// Rows of another dialect than `prefix` begin are no messages of ours.
void check_messages(const Input& in, const std::string& dialect_name, std::string_view prefix,
                    Tally& tally) {
    const auto dialect = dialect_of(dialect_name, tally);
    if (!dialect) return;
    const auto message = std::make_unique<IsoMessage>(*dialect);
    std::size_t number = 0;
    for (const std::string_view line : lines_of(in.text)) {
        const auto document = JsonDocument::parse(line);
        const Node node = document ? document->root() : Node();
        Row row(tally, "row " + std::to_string(number++) + " " + node["name"].text());
        if (!document) {
            row.fail("", document.error());
        } else if (!node["dialect"] || node["dialect"].text().starts_with(prefix)) {
            check_message(row, node, *message);
        }
    }
}

}  // namespace

void check_pos_messages(const Input& in, Tally& tally) {
    check_messages(in, "cup-pos", "cup-pos", tally);
}

void check_institution_messages(const Input& in, Tally& tally) {
    check_messages(in, "cups", "cups-institution", tally);
}

}  // namespace softpos::conformance
