// Card keys and cryptograms: the UnionPay example, and what payment security modules gave.
#include "base/hex.h"
#include "codec/apdu.h"
#include "crypto/emv_keys.h"
#include "crypto/kcv.h"
#include "crypto/mac.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <array>
#include <optional>

namespace softpos::conformance {
namespace {

using crypto::Cryptogram;
using crypto::KeyParity;
using crypto::Padding;

constexpr std::size_t key_bytes = 16;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

std::uint16_t counter_of(Bytes two) {
    return static_cast<std::uint16_t>(two[0] << 8 | two[1]);
}

Cryptogram cryptogram_of(Bytes bytes) {
    Cryptogram out{};
    if (bytes.size() == out.size()) std::ranges::copy(bytes, out.begin());
    return out;
}

// The MAC behind an application cryptogram, with the padding that the row names.
Result<Cryptogram> cryptogram_with(Bytes key, Bytes data, Padding padding) {
    if (padding != Padding::bit) return crypto::iso9797_alg3(key, data, padding);
    if (key.size() != key_bytes) return fail(ErrorKind::malformed, "key size");
    return crypto::application_cryptogram(key, data);
}

void same(Row& row, std::string_view what, const Result<Cryptogram>& got, const Node& expected) {
    if (!got) return row.fail(what, got.error());
    row.same(what, *got, expected);
}

struct AnswerInput {
    Bytes key, cryptogram, response_code;
};

void check_answer(Row& row, const AnswerInput& in, const Node& expected) {
    if (in.key.size() != key_bytes || in.cryptogram.size() != 8 || in.response_code.size() != 2)
        return row.fail("ARPC: a size is wrong");
    const auto arpc = crypto::arpc_method1(in.key, cryptogram_of(in.cryptogram),
                                           {in.response_code[0], in.response_code[1]});
    row.same("ARPC", arpc, expected);
}

// ---- The UnionPay example ----------------------------------------------------------------------

// What the card collected: the row's values, and where it leaves out 95 and 5F2A, which stand
// behind 9F1A under every UnionPay cryptogram of version 01: no result, and CNY.
Buffer collected(Row& row, const Node& data) {
    const auto listed = [&data](std::string_view tag) {
        return std::ranges::any_of(
            data.items(), [tag](const Node& pair) { return pair[std::size_t{0}].text() == tag; });
    };
    Buffer out;
    for (const Node& pair : data.items()) {
        const std::string tag = pair[std::size_t{0}].text();
        append(out, row.hex(pair[1].text(), tag));
        if (tag != "9F1A") continue;
        if (!listed("95")) append(out, Buffer(5));
        if (!listed("5F2A")) append(out, Buffer{0x01, 0x56});
    }
    return out;
}

void check_unionpay_row(Row& row, const Node& node) {
    const std::string y = row.text(node, "y");
    if (y.size() != 16) return row.fail("y has not 16 digits");
    // The source gives the digits that PAN and sequence number end in; the rest does not matter.
    const auto udk = crypto::unionpay_card_key(row.hex(node, "mdk_ac"), "62" + y.substr(0, 14),
                                               std::string_view(y).substr(14));
    row.same("card key", udk, node["udk"]);
    const Buffer atc = row.hex_of_size(node, "atc", 2);
    if (!udk) return;
    const auto sk = crypto::unionpay_session_key(udk->bytes(), counter_of(atc));
    row.same("session key", sk, node["sk"]);
    if (!sk) return;
    const auto arqc = crypto::application_cryptogram(sk->bytes(), collected(row, node["data"]));
    row.same("ARQC", arqc, node["arqc"]);
    const Node arpc = node["arpc"];
    if (!arpc) return;
    const Buffer code = row.hex_of_size(arpc, "arc", 2);
    check_answer(row, {sk->bytes(), arqc, code}, arpc["arpc"]);
    const Node command = arpc["external_authenticate"];
    if (!command) return;
    Buffer data = row.hex(arpc, "arpc");
    append(data, code);
    if (data.size() > codec::command_data_bytes_max) return row.fail("ARPC is too long");
    row.same("EXTERNAL AUTHENTICATE",
             codec::encode({.cla = 0x00, .ins = 0x82, .data = data, .le = std::nullopt}), command);
}

// ---- Calls of a library that was run against a module
// --------------------------------------------

Buffer argument(Row& row, const Node& call, std::string_view name) {
    return row.hex(call["args"][name], "hex");
}

std::string psn_of(const Node& from) {
    const std::string psn = from["psn"].text();
    return psn.empty() ? "00" : psn;
}

void check_card_key_call(Row& row, const Node& call, bool option_a) {
    const Node args = call["args"];
    const auto derive = option_a ? crypto::card_key_option_a : crypto::card_key_option_b;
    row.same(
        "card key",
        derive(argument(row, call, "iss_mk"), row.text(args, "pan"), psn_of(args), KeyParity::odd),
        call["result"]["hex"]);
}

Buffer without_parity(Bytes key) {
    Buffer out;
    for (const auto byte : key) out.push_back(byte & 0xFE);
    return out;
}

// Only the application cryptogram's: a counter and six zeros. The library sets the parity bits of
// its session keys and we do not; no cipher looks at them. Spec: [EMV-B2] A1.3.1 asks for none.
void check_session_key_call(Row& row, const Node& call) {
    const Buffer r = argument(row, call, "r");
    if (r.size() != 8) return row.fail("r has not 8 bytes");
    if (std::ranges::any_of(Bytes(r).subspan(2), [](auto byte) { return byte != 0; })) return;
    const auto key = crypto::emv_session_key(argument(row, call, "icc_mk"), counter_of(r));
    if (!key) return row.fail("session key", key.error());
    row.same("session key but for parity", without_parity(key->bytes()),
             to_hex(without_parity(row.hex(call["result"], "hex"))));
}

void check_mac_call(Row& row, const Node& call, std::string_view key, std::string_view data) {
    const std::string padding = call["args"]["padding_type"].text();
    const bool zeros = contains(padding, "VISA");
    if (!zeros && !padding.empty() && !contains(padding, "EMV")) return;
    const auto mac = cryptogram_with(argument(row, call, key), argument(row, call, data),
                                     zeros ? Padding::zeros : Padding::bit);
    if (!mac) return row.fail("MAC", mac.error());
    row.same_start("MAC", *mac, call["result"]["hex"], 4);
}

void check_call(Row& row, const Node& call) {
    const std::string name = call["call"].text();
    if (!call["result"]["hex"]) return;
    if (name == "kd.derive_icc_mk_a") return check_card_key_call(row, call, true);
    if (name == "kd.derive_icc_mk_b") return check_card_key_call(row, call, false);
    if (name == "kd.derive_common_sk") return check_session_key_call(row, call);
    if (name == "ac.generate_ac") return check_mac_call(row, call, "sk_ac", "data");
    if (name == "sm.generate_command_mac") return check_mac_call(row, call, "sk_smi", "command");
    if (name != "ac.generate_arpc_1") return;
    check_answer(
        row,
        {argument(row, call, "sk_ac"), argument(row, call, "arqc"), argument(row, call, "arpc_rc")},
        call["result"]["hex"]);
}

// ---- Tests of the same library, of which only inputs and expectations were kept
// ------------------

// iss_mk, iss_mk_smi, icc_mk_smc and so on; an icc key is derived. nullopt where the row does not
// say from what.
std::optional<SecretBytes> named_key(Row& row, const Node& test, std::string_view name) {
    const Node inputs = test["inputs"];
    const std::string doc = test["doc"].text();
    const auto suffix = name.substr(std::min<std::size_t>(6, name.size()));
    if (name.starts_with("iss_mk"))
        return inputs[name] ? std::optional(SecretBytes::copy_of(row.hex(inputs, name)))
                            : std::nullopt;
    const std::string from = "iss_mk" + std::string(suffix);
    if (!name.starts_with("icc_mk") || !inputs[from] || !inputs["pan"]) return std::nullopt;
    const bool a = contains(doc, "Option A");
    if (!a && !contains(doc, "Option B")) return std::nullopt;
    const auto derive = a ? crypto::card_key_option_a : crypto::card_key_option_b;
    auto key =
        derive(row.hex(inputs, from), row.text(inputs, "pan"), psn_of(inputs), KeyParity::odd);
    if (key) return *std::move(key);
    row.fail("card key", key.error());
    return std::nullopt;
}

// "tools.key_check_digits(icc_mk_smc,3)": the name in the brackets.
std::string_view key_in(std::string_view what) {
    constexpr std::string_view front = "key_check_digits(";
    const auto at = what.find(front);
    if (at == std::string_view::npos) return {};
    what.remove_prefix(at + front.size());
    const auto name = what.substr(0, what.find_first_of(",)"));
    return name.find_first_of(".(") == std::string_view::npos ? name : std::string_view{};
}

void check_module_expectation(Row& row, const Node& test, const Node& expected) {
    const std::string what = expected["what"].text();
    const auto key = named_key(row, test, key_in(what));
    if (key) {
        const auto kcv = crypto::zero_block_kcv(crypto::Cipher::tdes, key->bytes());
        if (!kcv) return row.fail("check value", kcv.error());
        return row.same_start("check value", *kcv, expected["hex"], 2);
    }
    const std::string doc = test["doc"].text();
    const bool card_key_answers =
        contains(doc, "ARPC generation using ICC Master Key") && contains(doc, "ARPC Method = 1");
    if (!what.starts_with("arpc.") || !card_key_answers || !test["inputs"]["arpc_rc"]) return;
    const auto card_key = named_key(row, test, "icc_mk");
    if (!card_key) return;
    for (const Node& other : test["expect"].items()) {
        if (!other["what"].text().starts_with("arqc.")) continue;
        return check_answer(
            row, {card_key->bytes(), row.hex(other, "hex"), row.hex(test["inputs"], "arpc_rc")},
            expected["hex"]);
    }
}

// ---- A framework's three schemes over one message
// ------------------------------------------------

// "CSK_M1 arqc=55BE45DD2C9E0CBF arc=0012"
std::string_view part_of(std::string_view name, std::string_view key) {
    const auto at = name.find(key);
    if (at == std::string_view::npos) return {};
    name.remove_prefix(at + key.size());
    return name.substr(0, name.find(' '));
}

void check_framework(const Node& node, Tally& tally) {
    if (!node) return;
    SecretBytes card_key, session_key;
    Buffer data;
    Tally keys;  // Only to say what is wrong with them: nothing is compared yet.
    {
        Row row(keys, "framework, keys");
        data = row.hex(node, "data_nopad");
        auto udk = crypto::card_key_option_a(row.hex(node, "imk_hex"), row.text(node, "pan"),
                                             psn_of(node), KeyParity::odd);
        if (udk) card_key = *std::move(udk);
        auto sk =
            crypto::emv_session_key(card_key.bytes(), counter_of(row.hex_of_size(node, "atc", 2)));
        if (sk) session_key = *std::move(sk);
        if (session_key.empty()) row.fail("no keys come out of it");
    }
    if (keys.failed != 0) return tally.fail("", keys.first_failure);
    // VSDC signs with the card's own key, CSK with the common session key; the third is not ours.
    const auto key_for = [&](std::string_view name) -> std::optional<Bytes> {
        if (name.starts_with("VSDC")) return card_key.bytes();
        if (contains(name, "CSK")) return session_key.bytes();
        return std::nullopt;
    };
    for (const auto& [name, expected] : node["arqc"].members()) {
        Row row(tally, "framework, ARQC " + name);
        const auto key = key_for(name);
        const bool zeros = name.ends_with("pad00");
        if (!key || (!zeros && !name.ends_with("pad80"))) continue;
        same(row, "ARQC", cryptogram_with(*key, data, zeros ? Padding::zeros : Padding::bit),
             expected);
    }
    for (const auto& [name, expected] : node["arpc"].members()) {
        Row row(tally, "framework, ARPC " + name);
        const auto key = key_for(name);
        if (!key || !contains(name, "_M1 ")) continue;
        check_answer(
            row,
            {*key, row.hex(part_of(name, "arqc="), "arqc"), row.hex(part_of(name, "arc="), "arc")},
            expected);
    }
}

}  // namespace

void check_unionpay_cryptogram(const Input& in, Tally& tally) {
    const auto rows = in.json.is_array() ? in.json.items() : std::vector<Node>{in.json};
    for (const Node& node : rows) {
        Row row(tally, node["scheme"].text());
        check_unionpay_row(row, node);
    }
}

void check_module_calls(const Input& in, Tally& tally) {
    for (const Node& test : in.json["tests"].items()) {
        std::size_t index = 0;
        for (const Node& call : test["calls"].items()) {
            Row row(tally, test["test"].text() + " call " + std::to_string(index++) + " " +
                               call["call"].text());
            check_call(row, call);
        }
    }
}

void check_module_tests(const Input& in, Tally& tally) {
    for (const Node& test : in.json["pyemv"].items()) {
        for (const Node& expected : test["expect"].items()) {
            Row row(tally, test["test"].text() + " " + expected["what"].text());
            check_module_expectation(row, test, expected);
        }
    }
    check_framework(in.json["jpos"], tally);
}

}  // namespace softpos::conformance
