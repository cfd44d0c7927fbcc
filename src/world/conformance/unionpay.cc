// UnionPay cards as they were recorded: whole taps, single answers, issuer data, parameters.
#include "base/hex.h"
#include "codec/apdu.h"
#include "codec/dol.h"
#include "phone/emv/field55.h"
#include "phone/emv/kernel7.h"
#include "phone/emv/parameter_tlvs.h"
#include "phone/emv/replay.h"
#include "phone/emv/tap.h"
#include "world/conformance/checkers.h"
#include "world/conformance/outcome_names.h"
#include "world/conformance/tlv.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace softpos::conformance {
namespace {

using codec::Tag;

constexpr std::uint8_t ins_select = 0xA4;
constexpr std::uint8_t ins_options = 0xA8;
constexpr std::int64_t no_limit_minor = 999'999'999'999;

using Values = std::map<Tag, Buffer>;

std::optional<std::int64_t> decimal(Bytes bcd) {
    const auto number = number_of(to_hex(bcd), 10);
    if (!number) return std::nullopt;
    return static_cast<std::int64_t>(*number);
}

Bytes value_of(const Values& values, std::uint32_t tag) {
    const auto at = values.find(Tag{tag});
    return at == values.end() ? Bytes{} : Bytes(at->second);
}

template <std::size_t size>
std::array<std::uint8_t, size> fixed(Bytes bytes) {
    std::array<std::uint8_t, size> out{};
    std::ranges::copy(bytes.first(std::min(size, bytes.size())), out.begin());
    return out;
}

// ---- Issuer application data -------------------------------------------------------------------

// "07 | key index | version | CVR 4 | algorithm | issuer's own: length, 01, balance 5, MAC 4".
struct IadPart {
    std::string_view name;
    std::size_t offset, size;
};
constexpr IadPart iad_parts[] = {{"dki", 1, 1},       {"cvn", 2, 1},         {"cvr", 3, 4},
                                 {"algorithm", 7, 1}, {"alg", 7, 1},         {"idd_len", 8, 1},
                                 {"idd_id", 9, 1},    {"ec_balance", 10, 5}, {"idd_mac", 15, 4},
                                 {"mac", 15, 4}};

std::string_view decision_name(emv::CardDecision decision) {
    constexpr std::string_view names[] = {"AAC", "TC", "ARQC", "RFU"};
    return names[static_cast<std::size_t>(decision) & 3];
}

void check_iad(Row& row, Bytes iad, const Node& stated) {
    for (const IadPart& part : iad_parts) {
        const Node expected = stated[part.name];
        if (!expected) continue;
        if (iad.size() < part.offset + part.size)
            return row.fail(std::string(part.name) + ": the issuer data end before it");
        row.same(part.name, iad.subspan(part.offset, part.size), expected);
    }
    if (const auto length = stated["length"].number())
        row.holds("length differs", !iad.empty() && iad[0] == *length);
    if (!stated["ac_type"]) return;
    const auto decision = emv::card_decision(iad);
    row.same_text("decision", decision ? decision_name(*decision) : "none",
                  stated["ac_type"].text());
}

// ---- What a row says about the bytes that it shows ----------------------------------------------

struct Shown {
    Bytes directory, fci, pdol;  // Empty where the row does not show them.
    Bytes options;               // Answer to GET PROCESSING OPTIONS, without SW.
    Bytes command;               // GET PROCESSING OPTIONS itself.
};

void check_pdol(Row& row, Bytes pdol, const Node& stated) {
    codec::DolReader reader(pdol);
    for (const Node& pair : stated.items()) {
        const auto entry = reader.next();
        if (!entry) return row.fail("PDOL", entry.error());
        if (!*entry) return row.fail("PDOL: fewer entries than stated");
        row.holds("PDOL differs at " + pair[std::size_t{0}].text(),
                  tag_of(pair[std::size_t{0}].text()) == (*entry)->tag &&
                      pair[1].number() == (*entry)->size);
    }
    const auto end = reader.next();
    if (!end || *end) row.fail("PDOL: more entries than stated");
}

// The command built again out of the stated values: by the card's list, or where the row does not
// show it, in the order of the values.
void check_options_command(Row& row, const Shown& shown, const Node& values) {
    Values known;
    Buffer filled;
    for (const auto& [name, value] : values.members()) {
        const auto tag = tag_of(name);
        if (!tag) return row.fail(name + " is no tag");
        known[*tag] = row.hex(value.text(), name);
        if (shown.pdol.empty()) append(filled, known[*tag]);
    }
    if (!shown.pdol.empty()) {
        const auto lookup = [&known](Tag tag) -> std::optional<codec::DolValue> {
            const auto at = known.find(tag);
            if (at == known.end()) return std::nullopt;
            return codec::DolValue{at->second};
        };
        const auto done = codec::fill_dol(shown.pdol, lookup, filled);
        if (!done) return row.fail("PDOL", done.error());
    }
    if (filled.size() > 250) return row.fail("the values are too long for a command");
    Buffer data;
    codec::TlvWriter(data).put(Tag{0x83}, filled);
    // One source leaves out Le.
    const auto stated = codec::parse_command(shown.command);
    if (!stated) return row.fail("GET PROCESSING OPTIONS", stated.error());
    row.same("GET PROCESSING OPTIONS",
             codec::encode({.cla = 0x80, .ins = ins_options, .data = data, .le = stated->le}),
             to_hex(shown.command));
}

void check_decoded(const Node& decoded, const Shown& shown, Tally& tally) {
    for (const auto& [name, stated] : decoded.members()) {
        Row row(tally, "decoded " + name);
        if (name == "ppse" && !shown.directory.empty()) {
            check_leaves(row, "object", shown.directory, stated);
        } else if (name == "select" && !shown.fci.empty()) {
            check_leaves(row, "object", shown.fci, stated);
        } else if (name == "gpo" || name == "response") {
            check_leaves(row, "object", shown.options, stated);
        } else if (name == "pdol" && !shown.pdol.empty()) {
            check_pdol(row, shown.pdol, stated);
        } else if (name == "gpo_values") {
            check_options_command(row, shown, stated);
        } else if (name == "iad") {
            check_iad(row, value_anywhere(shown.options, Tag{0x9F10}), stated);
        } else if (name == "aip") {
            row.same(name, value_anywhere(shown.options, Tag{0x82}), stated);
        } else if (name == "ctq") {
            row.same(name, value_anywhere(shown.options, Tag{0x9F6C}), stated);
        } else if (name == "ttq") {
            const Node values = decoded["gpo_values"];
            row.same_text(name, values["9F66"].text(), stated.text());
        }
    }
}

// "TC => read records": the first word. From the cryptogram information data where the card sends
// them, else from the issuer data.
void check_decision(Bytes options, const Node& expect, Tally& tally) {
    if (!expect["decision"]) return;
    Row row(tally, "decision");
    const std::string stated = expect["decision"].text();
    const Bytes information = value_anywhere(options, Tag{0x9F27});
    auto decision = emv::card_decision(value_anywhere(options, Tag{0x9F10}));
    if (information.size() == 1)
        decision = emv::CardDecision{static_cast<std::uint8_t>(information[0] >> 6)};
    if (!decision) return row.fail("none in the answer");
    row.same_text("decision", decision_name(*decision),
                  stated.substr(0, stated.find_first_of(" =(")));
}

// ---- A whole tap -------------------------------------------------------------------------------

struct Recording {
    std::vector<emv::Exchange> steps;
    Buffer directory, fci, aid, pdol, command, options;
    Values asked;  // What the terminal put into GET PROCESSING OPTIONS.
    Values sent;   // Field 55.
    std::vector<std::pair<Tag, Buffer>> sent_in_order;
};

void split_options(Row& row, Recording& out) {
    const auto command = codec::parse_command(out.command);
    if (!command) return row.fail("GET PROCESSING OPTIONS", command.error());
    const auto values = codec::find_value(command->data, Tag{0x83});
    if (!values || !*values) return row.fail("GET PROCESSING OPTIONS without template 83");
    ByteReader rest(**values);
    codec::DolReader reader(out.pdol);
    while (true) {
        const auto entry = reader.next();
        if (!entry) return row.fail("PDOL", entry.error());
        if (!*entry) return;
        const auto value = rest.take((*entry)->size);
        if (!value) return row.fail("GET PROCESSING OPTIONS: too short");
        out.asked[(*entry)->tag] = Buffer(value->begin(), value->end());
    }
}

void sort_step(Row& row, const emv::Exchange& step, Recording& out) {
    const auto command = codec::parse_command(step.command);
    const auto answer = codec::parse_response(step.answer);
    if (!command || !answer) return row.fail("a step is no command with its answer");
    const Buffer data(answer->data.begin(), answer->data.end());
    if (command->ins == ins_select) {
        if (out.directory.empty()) {
            out.directory = data;
            return;
        }
        out.fci = data;
        out.aid.assign(command->data.begin(), command->data.end());
        const Bytes pdol = value_anywhere(data, Tag{0x9F38});
        out.pdol.assign(pdol.begin(), pdol.end());
    } else if (command->ins == ins_options) {
        out.command = step.command;
        out.options = data;
    }
}

// The source of the recorded tap leaves out the length of 9F09, so that its field 55 cannot be
// taken apart behind it: put back where the field does not parse without.
void read_field55(Row& row, const Node& file, Recording& out) {
    if (!file["field55_sent"]) return;
    std::string hex = file["field55_sent"].text();
    constexpr std::string_view slip = "9F0902009F41";
    const auto whole = flat_objects(row.hex(hex, "field 55"));
    if (const auto at = hex.find(slip); !whole && at != std::string::npos) hex.insert(at + 4, "02");
    const Buffer bytes = row.hex(hex, "field 55");
    const auto objects = flat_objects(bytes);
    if (!objects) return row.fail("field 55", objects.error());
    for (const auto& object : *objects) {
        out.sent[object.tag] = Buffer(object.value.begin(), object.value.end());
        out.sent_in_order.emplace_back(object.tag, out.sent[object.tag]);
    }
}

Recording read_recording(Row& row, const Node& file) {
    Recording out;
    for (const Node& step : file["steps"].items())
        out.steps.push_back({row.hex(step, "c"), row.hex(step, "r")});
    for (const auto& step : out.steps) sort_step(row, step, out);
    read_field55(row, file, out);
    if (!row.failed()) split_options(row, out);
    return out;
}

// The terminal that the recording shows: its values, and limits under which it does what it did.
emv::ParameterSet terminal_of(Row& row, const Recording& in, const Node& file) {
    emv::ParameterSet set;
    emv::Combination combination;
    combination.kernel = emv::kernel_unionpay;
    combination.transaction_limit_minor = no_limit_minor;
    if (const Node text = file["terminal"]["aid_param"]) {
        const auto parameters = emv::parse_aid_parameters(row.hex(text.text(), "aid_param"));
        if (!parameters) {
            row.fail("aid_param", parameters.error());
            return set;
        }
        if (const auto limit = parameters->combination.transaction_limit_minor)
            combination.transaction_limit_minor = limit;
    }
    const Bytes type = value_of(in.asked, 0x9C);
    combination.types = emv::type_bit(type.empty() ? std::uint8_t{0} : type[0]);
    combination.floor_limit_minor = 0;  // Online only, as every terminal here is.
    auto ttq = fixed<4>(value_of(in.asked, 0x9F66));
    if ((ttq[1] & 0x40) != 0) combination.cvm_limit_minor = 0;
    ttq[1] &= 0x3F;  // Pre-processing sets these two again.
    combination.ttq = ttq;
    if (!combination.aid.assign(in.aid) || !set.add(combination)) row.fail("no such application");
    for (const std::uint32_t tag : {0x9F1Au, 0x5F2Au, 0x9F33u, 0x9F35u, 0x9F1Eu, 0x9F09u}) {
        Bytes value = value_of(in.asked, tag);
        if (value.empty()) value = value_of(in.sent, tag);
        if (!value.empty() && !set.add(Tag{tag}, value)) row.fail("a terminal value does not fit");
    }
    return set;
}

emv::TapRequest request_of(Row& row, const Recording& in) {
    emv::TapRequest request;
    auto& data = request.transaction;
    const auto amount = decimal(value_of(in.asked, 0x9F02));
    const auto currency = decimal(value_of(in.asked, 0x5F2A));
    if (!amount || !currency) {
        row.fail("the terminal sent no amount or no currency");
        return request;
    }
    data.amount_minor = *amount;
    data.other_minor = decimal(value_of(in.asked, 0x9F03)).value_or(0);
    data.currency = static_cast<std::uint16_t>(*currency);
    data.date = fixed<3>(value_of(in.asked, 0x9A));
    data.time = fixed<3>(value_of(in.asked, 0x9F21));
    data.type = fixed<1>(value_of(in.asked, 0x9C))[0];
    data.unpredictable_number = fixed<4>(value_of(in.asked, 0x9F37));
    data.trace =
        static_cast<std::uint32_t>(decimal(value_of(in.sent, 0x9F41)).value_or(0) % 100'000'000);
    return request;
}

void check_commands(Row& row, const emv::ReplayResult& result, std::size_t steps) {
    row.holds("the tap did not end", result.ended);
    if (result.differs_at)
        return row.fail("command " + std::to_string(*result.differs_at) + " is " +
                        to_hex(result.commands[*result.differs_at]));
    row.holds("another number of commands", result.commands.size() == steps);
}

void check_outcome(Row& row, const emv::Outcome& outcome, const Node& expect) {
    const auto kind = enumerator<emv::OutcomeKind>(outcome_kinds, expect["outcome"].text());
    if (!kind) return row.fail("the row states no outcome that there is");
    row.holds(
        "it is " + std::string(emv::name_of(outcome.kind)) + ", " + emv::describe(outcome.error),
        outcome.kind == *kind);
    const auto cvm = enumerator<emv::Cvm>(cvm_methods, expect["cvm"].text());
    if (cvm) row.holds("CVM is " + std::string(emv::name_of(outcome.cvm)), outcome.cvm == *cvm);
}

// Object by object in their order. A source that never fills 9F34 sends zeros; 1F0000 says that no
// method was performed, which is what it means.
void check_field55(Row& row, Bytes ours, const Recording& in) {
    const auto objects = flat_objects(ours);
    if (!objects) return row.fail("field 55", objects.error());
    row.holds("it has " + std::to_string(objects->size()) + " objects",
              objects->size() == in.sent_in_order.size());
    for (std::size_t i = 0; i < std::min(objects->size(), in.sent_in_order.size()); ++i) {
        const auto& [tag, value] = in.sent_in_order[i];
        const auto& object = (*objects)[i];
        const std::string name = name_of(tag);
        if (object.tag != tag)
            return row.fail(name_of(object.tag) + " stands where " + name + " is stated");
        const bool unfilled =
            tag == Tag{0x9F34} && value == Buffer(3) && to_hex(object.value) == "1F0000";
        row.holds(name + " differs", unfilled || std::ranges::equal(object.value, value));
    }
}

}  // namespace

void check_online_tap(const Input& in, Tally& tally) {
    const Node file = in.json;
    Recording recording;
    {
        Row row(tally, "commands");
        recording = read_recording(row, file);
        const auto parameters = terminal_of(row, recording, file);
        const auto request = request_of(row, recording);
        if (row.failed()) return;
        emv::Tap tap(parameters);
        const auto result = emv::replay(tap, request, recording.steps);
        check_commands(row, result, recording.steps.size());
        Row outcome(tally, "outcome");
        check_outcome(outcome, result.outcome, file["expect"]);
        Row field55(tally, "field 55");
        if (recording.sent.empty()) {
            if (file["field55_sent"]) field55.fail("empty");
        } else if (const auto record = tap.take_record()) {
            check_field55(field55, record->field55(), recording);
        } else {
            field55.fail("the tap has none");
        }
    }
    check_decoded(
        file["decoded"],
        {recording.directory, recording.fci, recording.pdol, recording.options, recording.command},
        tally);
    check_decision(recording.options, file["expect"], tally);
}

void check_recorded_options(const Input& in, Tally& tally) {
    const Node file = in.json;
    Buffer fci, command, options;
    {
        Row row(tally, "answer to GET PROCESSING OPTIONS");
        if (file["fci"]) fci = row.hex(file, "fci");
        command = row.hex(file, file["c"] ? "c" : "gpo_command");
        options = row.hex(file, file["r"] ? "r" : "gpo_response");
        if (file["r"]) {
            const auto response = codec::parse_response(options);
            if (!response) return row.fail("", response.error());
            options.resize(response->data.size());
        }
        const auto objects = flat_objects(options);
        if (!objects) return row.fail("", objects.error());
        row.holds("it is no response template",
                  !objects->empty() && objects->front().tag == Tag{0x77});
    }
    const Bytes pdol = value_anywhere(fci, Tag{0x9F38});
    check_decoded(file["decoded"], {{}, fci, pdol, options, command}, tally);
    check_decision(options, file["expect"], tally);
}

void check_issuer_data(const Input& in, Tally& tally) {
    for (const Node& sample : in.json["samples"].items()) {
        Row row(tally, "issuer data " + sample["iad"].text());
        check_iad(row, row.hex(sample, "iad"), sample);
    }
}

// What each object becomes, written back as the object.
std::optional<Buffer> as_object(const emv::AidParameters& parameters, std::uint32_t tag) {
    const auto bytes = [](auto&& from) { return Buffer(from.begin(), from.end()); };
    const auto amount = [&bytes](const std::optional<std::int64_t>& minor) {
        return minor ? bytes(emv::bcd<6>(*minor)) : Buffer{};
    };
    const emv::Combination& combination = parameters.combination;
    switch (tag) {
        case 0x9F06:
            return bytes(combination.aid.bytes());
        case 0xDF01:
            return Buffer{static_cast<std::uint8_t>(parameters.partial_match ? 0 : 1)};
        case 0x9F08:
        case 0x9F09:
            return combination.version ? bytes(*combination.version) : Buffer{};
        case 0xDF11:
            return bytes(parameters.tac_default);
        case 0xDF12:
            return bytes(parameters.tac_online);
        case 0xDF13:
            return bytes(parameters.tac_denial);
        case 0xDF14:
            return bytes(parameters.default_ddol.bytes());
        case 0xDF18:
            return Buffer{static_cast<std::uint8_t>(parameters.online_pin ? 1 : 0)};
        case 0x9F7B:
            return amount(parameters.electronic_cash_limit_minor);
        case 0xDF19:
            return amount(combination.floor_limit_minor);
        case 0xDF20:
            return amount(combination.transaction_limit_minor);
        case 0xDF21:
            return amount(combination.cvm_limit_minor);
        case 0x9F1B: {  // Binary.
            const auto limit = combination.terminal_floor_limit_minor.value_or(0);
            Buffer out;
            for (int shift = 24; shift >= 0; shift -= 8)
                out.push_back(static_cast<std::uint8_t>(limit >> shift & 0xFF));
            return out;
        }
        default:
            return std::nullopt;
    }
}

void check_parameter_tlvs(const Input& in, Tally& tally) {
    Buffer bytes;
    std::optional<emv::AidParameters> parameters;
    {
        Row row(tally, "objects");
        bytes = row.hex(in.json, "aid_param");
        check_leaves(row, "object", bytes, in.json["tlvs"]);
        const auto parsed = emv::parse_aid_parameters(bytes);
        if (!parsed) return row.fail("parameters", parsed.error());
        parameters = *parsed;
    }
    for (const Node& pair : in.json["tlvs"].items()) {
        const std::string name = pair[std::size_t{0}].text();
        Row row(tally, "parameter " + name);
        const auto tag = number_of(name, 16);
        if (!tag) {
            row.fail("no tag");
        } else if (const auto value = as_object(*parameters, static_cast<std::uint32_t>(*tag))) {
            row.same("what it became", *value, pair[1]);
        }
    }
}

void check_get_data(const Input& in, Tally& tally) {
    const Node expect = in.json["expect"];
    for (const Node& step : in.json["steps"].items()) {
        Row row(tally, "GET DATA " + step["c"].text());
        const Buffer bytes = row.hex(step, "c");
        const auto command = codec::parse_command(bytes);
        if (!command) {
            row.fail("command", command.error());
            continue;
        }
        const std::uint32_t tag = command->p1 == 0
                                      ? command->p2
                                      : static_cast<std::uint32_t>(command->p1 << 8 | command->p2);
        const Buffer answer = row.hex(step, "r");
        const auto response = codec::parse_response(answer);
        if (!response || !response->ok()) {
            row.fail("the card answers no data");
            continue;
        }
        const auto value = codec::find_value(response->data, Tag{tag});
        if (!value || !*value) {
            row.fail("the answer is another object");
            continue;
        }
        row.same("command",
                 codec::encode({.cla = 0x80,
                                .ins = 0xCA,
                                .p1 = command->p1,
                                .p2 = command->p2,
                                .data = {},
                                .le = 256}),
                 step["c"]);
        if (const auto balance = expect["balance_minor_units"].number(); balance && tag == 0x9F79)
            row.holds("balance differs", decimal(**value) == *balance);
    }
}

}  // namespace softpos::conformance
