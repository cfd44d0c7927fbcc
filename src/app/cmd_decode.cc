// softpos decode: what bytes mean, as JSON, with card data masked.
#include "app/commands.h"
#include "app/console.h"
#include "base/hex.h"
#include "base/pan.h"
#include "codec/apdu.h"
#include "codec/ber_tlv.h"
#include "codec/cup_frame.h"
#include "codec/iso8583.h"
#include "host/data_files.h"
#include "phone/emv/dictionary.h"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <utility>

namespace softpos::app {
namespace {

namespace json = boost::json;

constexpr std::uint32_t unionpay_kernel = 7;
constexpr unsigned depth_max = 8;

struct DecodeOptions {
    std::string hex;
    std::string dialect = "cup-pos";
    bool whole_frame = false;
    bool clear = false;
};

int show(const json::value& value) {
    std::printf("%s\n", json::serialize(value).c_str());
    return 0;
}

// Where it broke off, in the same JSON, so that a program reading along sees it too.
int show_error(const Error& error) {
    std::printf("%s\n", json::serialize(json::object{{"error", error.what.c_str()},
                                                     {"detail", error.detail},
                                                     {"offset", error.at}})
                            .c_str());
    return 1;
}

std::string value_text(codec::Tag tag, Bytes value, bool clear) {
    const emv::ObjectRow* row = emv::find_object(unionpay_kernel, tag);
    std::string hex = to_hex(value);
    if (clear || row == nullptr || !row->secret) return hex;
    const bool track = std::to_underlying(tag) == 0x57;
    return track ? mask_track2(hex) : mask_pan(hex.substr(0, hex.find('F')));
}

// One object a row; templates carry theirs inside.
Result<json::array> tlv_rows(Bytes bytes, bool clear, unsigned depth) {
    json::array rows;
    if (depth > depth_max) return fail(ErrorKind::unsupported, "tlv: nested too deep");
    codec::TlvReader reader(bytes);
    while (const auto object = TRY(reader.next())) {
        json::object row{{"tag", hex_number(std::to_underlying(object->tag))},
                         {"length", object->value.size()}};
        const emv::ObjectRow* known = emv::find_object(unionpay_kernel, object->tag);
        if (known != nullptr) row["name"] = known->name;
        if (object->constructed) {
            row["objects"] = TRY(tlv_rows(object->value, clear, depth + 1));
        } else {
            row["value"] = value_text(object->tag, object->value, clear);
            json::array bits;
            for (const auto& name : emv::decode_bits(unionpay_kernel, object->tag, object->value)) {
                bits.push_back(json::string(name));
            }
            if (!bits.empty()) row["bits"] = std::move(bits);
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

int decode_tlv(const DecodeOptions& options) {
    const auto bytes = from_hex(options.hex);
    if (!bytes) return show_error(bytes.error());
    const auto rows = tlv_rows(*bytes, options.clear, 0);
    return rows ? show(*rows) : show_error(rows.error());
}

int decode_apdu(const DecodeOptions& options) {
    const auto bytes = from_hex(options.hex);
    if (!bytes) return show_error(bytes.error());
    if (const auto command = codec::parse_command(*bytes)) {
        json::object row{{"kind", "command"},
                         {"cla", hex_number(command->cla)},
                         {"ins", hex_number(command->ins)},
                         {"p1", hex_number(command->p1)},
                         {"p2", hex_number(command->p2)},
                         {"data", to_hex(command->data)}};
        if (command->le) row["le"] = *command->le;
        if (command->ins != 0xB0 && (command->cla & 0x60) == 0) return show(row);
    }
    const auto response = codec::parse_response(*bytes);
    if (!response) return show_error(response.error());
    json::object row{{"kind", "response"}, {"sw", hex_number(response->sw)}};
    const auto objects = tlv_rows(response->data, options.clear, 0);
    if (objects) row["objects"] = *objects;
    if (!objects) row["data_bytes"] = response->data.size();
    return show(row);
}

int decode_iso8583(const DecodeOptions& options) {
    const auto bytes = from_hex(options.hex);
    if (!bytes) return show_error(bytes.error());
    const auto text = host::read_data("dialects/" + options.dialect + ".dialect");
    if (!text) return report(text.error());
    const auto dialect = codec::Dialect::parse(*text);
    if (!dialect) return report(dialect.error());
    Bytes message = *bytes;
    json::object out{{"dialect", std::string(dialect->name())}};
    if (options.whole_frame) {
        const auto frame =
            codec::parse_frame(message.subspan(std::min<std::size_t>(2, message.size())));
        if (!frame) return show_error(frame.error());
        out["tpdu"] = to_hex(frame->tpdu);
        out["header"] = to_hex(frame->header);
        message = frame->message;
    }
    const auto parsed = std::make_unique<codec::IsoMessage>(*dialect);
    const auto read = codec::unpack(message, *parsed);
    if (!read) return show_error(read.error());
    json::array fields;
    for (const codec::DescribedField& field : codec::describe(*parsed)) {
        fields.push_back(
            json::object{{"field", field.field}, {"name", field.name}, {"value", field.value}});
    }
    out["fields"] = std::move(fields);
    return show(out);
}

}  // namespace

void add_decode(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<DecodeOptions>();
    CLI::App* decode = app.add_subcommand("decode", "what bytes mean, as JSON, card data masked");
    decode->require_subcommand(1);
    const auto add = [&](const char* name, const char* text, int (*run)(const DecodeOptions&)) {
        CLI::App* command = decode->add_subcommand(name, text);
        command->add_option("hex", options->hex, "the bytes in hex")->required();
        command->callback([&chosen, options, run] { chosen = [=] { return run(*options); }; });
        return command;
    };
    CLI::App* tlv = add("tlv", "BER-TLV objects with their EMV names and bits", decode_tlv);
    tlv->add_flag("--clear", options->clear, "do not mask (test cards only)");
    add("apdu", "a command to a card, or its answer", decode_apdu);
    CLI::App* iso = add("iso8583", "a message from its MTI on", decode_iso8583);
    iso->add_option("--dialect", options->dialect, "cup-pos, cups, iso87-ascii and others")
        ->capture_default_str();
    iso->add_flag("--frame", options->whole_frame, "with length, TPDU and header in front");
}

}  // namespace softpos::app
