// UnionPay terminals: keys under keys, field 62, field 64, PIN blocks.
#include "base/hex.h"
#include "codec/cup_fields.h"
#include "codec/iso8583.h"
#include "crypto/cipher.h"
#include "crypto/dukpt_tdes.h"
#include "crypto/kcv.h"
#include "crypto/mac.h"
#include "world/conformance/blocks.h"
#include "world/conformance/checkers.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

using crypto::BlockKey;
using crypto::Cipher;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

// The first of these members that is there.
Node first_of(const Node& from, std::initializer_list<std::string_view> keys) {
    for (const auto key : keys) {
        if (const Node found = from[key]) return found;
    }
    return {};
}

Cipher cipher_of(std::string_view name, const Node& node) {
    const std::string kind = node["kind"].text() + node["alg"].text();
    return contains(name, "sm4") || contains(kind, "sm4") ? Cipher::sm4 : Cipher::tdes;
}

struct WrappedKey {
    Cipher cipher;
    Node master_key, cryptogram, clear;
};

// A key under the terminal's master key. Gives it in clear, as far as the row has one.
Buffer check_wrapped(Row& row, const WrappedKey& in) {
    if (!in.master_key || !in.cryptogram) {
        return in.clear ? row.hex(in.clear.text(), "key") : Buffer{};
    }
    const auto key =
        crypto::ecb_decrypt_secret(in.cipher, row.hex(in.master_key.text(), "master key"),
                                   row.hex(in.cryptogram.text(), "key cryptogram"));
    if (!key) {
        row.fail("key cryptogram", key.error());
        return {};
    }
    if (in.clear) row.same("key", key, in.clear);
    return {key->bytes().begin(), key->bytes().end()};
}

// How the UnionPay MAC comes about: blocks added up, the hex of the sum taken as two blocks, the
// first encrypted, the second added, the sum encrypted. Spec: [CUP-POS] field 64.
void check_mac_steps(Row& row, Cipher cipher, Bytes key, Bytes message, const Node& steps) {
    const auto block_key = BlockKey::make(cipher, key);
    if (!block_key || !steps) return;
    const std::size_t size = block_key->block_size();
    const Buffer sum = xor_of_blocks(message, size);
    const std::string hex = to_hex(sum);
    const Bytes digits = bytes_of(hex);
    Buffer first(size);
    block_key->encrypt_block(digits.first(size), first);
    const Buffer added = xor_of(first, digits.subspan(size));
    Buffer last(size);
    block_key->encrypt_block(added, last);
    if (const Node stated = first_of(steps, {"xor_all", "xor"})) row.same("sum", sum, stated);
    if (const Node stated = steps["enc_first_half"]) row.same("first half", first, stated);
    if (const Node stated = steps["xor_with_second_half"])
        row.same("first half and second half", added, stated);
    if (const Node stated = first_of(steps, {"final_block", "mac_full"}))
        row.same_start("last block", last, stated, 4);
}

struct MacCase {
    Cipher cipher;
    Buffer key, message;
    Node field64;
};

void check_mac_case(Row& row, const MacCase& in, std::initializer_list<Node> steps) {
    const auto key = BlockKey::make(in.cipher, in.key);
    if (!key) return row.fail("MAC key", key.error());
    const crypto::UnionpayMac mac = crypto::unionpay_ecb_mac(*key, in.message);
    if (in.field64) row.same_text("MAC", text_of(mac), in.field64.text());
    for (const Node& stated : steps) check_mac_steps(row, in.cipher, in.key, in.message, stated);
}

Buffer message_of(Row& row, const Node& node) {
    const Node ascii = node["mab_ascii"];
    if (!ascii) return row.hex(node, "mab");
    const std::string text = ascii.text();
    return {text.begin(), text.end()};
}

void check_mac_example(Row& row, std::string_view name, const Node& node) {
    const Cipher cipher = cipher_of(name, node);
    const Buffer key =
        check_wrapped(row, {cipher, node["tmk"], first_of(node, {"tak_under_tmk", "mak_under_tmk"}),
                            first_of(node, {"tak", "mak", "key"})});
    const Node ours = node["recomputed_here"];
    const Node theirs = node["published"];
    Node mac = ours["mac_ascii"];
    if (!mac) mac = first_of(theirs, {"mac_ascii"});
    if (!mac) mac = node["mac_ascii"];
    check_mac_case(row, {cipher, key, message_of(row, node), mac}, {ours, theirs});
}

void check_kcv(Row& row, Cipher cipher, Bytes key, const Node& stated) {
    if (!stated) return;
    const auto kcv = crypto::zero_block_kcv(cipher, key);
    if (!kcv) return row.fail("check value", kcv.error());
    const Buffer wanted = row.hex(stated.text(), "check value");
    const std::size_t size = std::min(wanted.size(), kcv->size());
    if (size < crypto::kcv_bytes) return row.fail("check value: too few bytes are expected");
    row.same("check value", Bytes(*kcv).first(size), to_hex(Bytes(wanted).first(size)));
    const auto block =
        crypto::ecb_encrypt(cipher, key, Buffer(crypto::block_bytes(cipher)));  // All of it.
    if (block) row.same_start("encrypted zeros", *block, stated, crypto::kcv_bytes);
}

void check_sm4_pin(Row& row, std::string_view name, const Node& node) {
    const Cipher cipher = cipher_of(name, node);
    const Node ours = node["recomputed_here"];
    Node clear_key = ours["wk"];
    if (!clear_key) clear_key = node["wk"];
    const Buffer key = check_wrapped(
        row,
        {cipher, node["tmk"], first_of(node, {"wk_under_tmk_sm4ecb", "wk_under_tmk"}), clear_key});
    check_kcv(row, cipher, key, node["wk_kcv_published"]);
    check_kcv(row, cipher, key, ours["kcv_full_block"]);
    const auto fields = sm4_pin_fields(node["pin"].text(), node["pan"].text());
    if (!fields) return row.fail("PIN or PAN");
    if (const Node stated = node["pin_field"]) row.same("PIN field", fields->pin, stated);
    if (const Node stated = node["pan_field"]) row.same("PAN field", fields->pan, stated);
    const Buffer clear = xor_of(fields->pin, fields->pan);
    if (const Node stated = node["pin_block_clear"]) row.same("clear PIN block", clear, stated);
    Node encrypted = ours["pin_block_encrypted"];
    if (!encrypted) encrypted = node["pin_block_encrypted"];
    if (!encrypted) return;
    const auto block = crypto::ecb_encrypt(cipher, key, clear);
    if (!block) return row.fail("PIN block", block.error());
    row.same("PIN block", *block, encrypted);
}

void check_dukpt_pin(Row& row, const Node& node) {
    const Buffer bdk = row.hex(node, "bdk");
    const auto ksn = crypto::TdesKsn::parse(row.hex(node, "ksn"));
    if (!ksn) return row.fail("ksn", ksn.error());
    if (const Node stated = node["ik"])
        row.same("initial key", crypto::dukpt_tdes_initial_key(bdk, *ksn), stated);
    const auto clear = iso0_pin_block(node["pin"].text(), node["pan"].text());
    if (!clear) return row.fail("PIN or PAN");
    if (const Node stated = node["pinblock_iso0"]) row.same("clear PIN block", *clear, stated);
    const auto key = crypto::dukpt_tdes_host_key(bdk, *ksn, crypto::TdesDukptUsage::pin_encryption);
    if (!key) return row.fail("PIN key", key.error());
    // Back: what a host does with it.
    const auto opened =
        crypto::ecb_decrypt(Cipher::tdes, key->bytes(), row.hex(node, "pinblock_encrypted"));
    if (!opened) return row.fail("PIN block", opened.error());
    row.same("opened PIN block", *opened, to_hex(*clear));
}

// ---- Field 62 and field 64 ----------------------------------------------------------------------

// The members of a row by path, "pik.kcv": rows name the parts of their keys in several ways.
void flatten(const Node& node, const std::string& path,
             std::vector<std::pair<std::string, Node>>& out) {
    for (const auto& [name, value] : node.members()) {
        std::string full = path.empty() ? name : path + "." + name;
        std::ranges::transform(full, full.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        if (value.is_object()) {
            flatten(value, full, out);
        } else {
            out.emplace_back(full, value);
        }
    }
}

bool any_of(std::string_view path, std::initializer_list<std::string_view> parts) {
    return std::ranges::any_of(parts, [path](auto part) { return contains(path, part); });
}

struct KeyNames {
    const char* name;
    std::initializer_list<std::string_view> parts;
};

// A cryptogram as stated may have the filler behind it that the field has.
void check_stated_key(Row& row, const codec::KeyCryptogram& key, Bytes clear,
                      const std::vector<std::pair<std::string, Node>>& members,
                      const KeyNames& names) {
    for (const auto& [path, stated] : members) {
        if (!any_of(path, names.parts) || !stated.is_text()) continue;
        const auto bytes = from_hex(stated.text());
        if (!bytes || bytes->empty()) continue;  // A remark.
        const std::string what = std::string(names.name) + " (" + path + ")";
        if (any_of(path, {"kcv", "check", "cv"})) {
            row.same_start(what, key.check_value, stated, std::min<std::size_t>(bytes->size(), 3));
        } else if (any_of(path, {"enc", "under", "cryptogram", "cipher"})) {
            Buffer wanted = *bytes;
            while (wanted.size() > key.cryptogram.size() && wanted.back() == 0) wanted.pop_back();
            row.same(what, key.cryptogram, to_hex(wanted));
        } else {
            row.same(what, clear, stated);
        }
    }
}

void check_working_key(Row& row, Bytes master_key, const codec::KeyCryptogram& key,
                       const std::vector<std::pair<std::string, Node>>& members,
                       const KeyNames& names) {
    const auto clear = crypto::ecb_decrypt_secret(Cipher::tdes, master_key, key.cryptogram);
    if (!clear) return row.fail(names.name, clear.error());
    const auto kcv = crypto::zero_block_kcv(Cipher::tdes, clear->bytes());
    if (!kcv) return row.fail(names.name, kcv.error());
    row.same(std::string("check value of the ") + names.name, *kcv, to_hex(key.check_value));
    check_stated_key(row, key, clear->bytes(), members, names);
}

void check_working_keys(Row& row, const Node& node, const Node& field_62) {
    const Buffer value = row.hex(field_62.text(), "field 62");
    const auto keys = codec::parse_working_keys(value);
    if (!keys) return row.fail("field 62", keys.error());
    const Node master = first_of(node, {"tmk", "tmk_clear", "master_key"});
    if (!master) return row.fail("no master key");
    const Buffer master_key = row.hex(master.text(), "master key");
    std::vector<std::pair<std::string, Node>> members;
    flatten(node, "", members);
    check_working_key(row, master_key, keys->pin_key, members, {"PIN key", {"pik", "pin"}});
    check_working_key(row, master_key, keys->mac_key, members, {"MAC key", {"mak", "mac"}});
    if (keys->track_key)
        check_working_key(row, master_key, *keys->track_key, members,
                          {"track key", {"tdk", "trk", "track"}});
}

// The data under a MAC is the front of a message: with the MAC behind it, and where its bitmap says
// that there is a field 64, it must be cut off there again.
void check_mac_input(Row& row, Bytes message, std::string_view field_64) {
    constexpr std::size_t last_bitmap_byte = 9;
    if (message.size() <= last_bitmap_byte || (message[last_bitmap_byte] & 1U) == 0) return;
    Buffer packed(message.begin(), message.end());
    append(packed, bytes_of(field_64));
    row.same("data under the MAC", codec::mac_input(packed), to_hex(message));
}

void check_mac_row(Row& row, const Node& node) {
    const Cipher cipher = cipher_of("", node);
    const Buffer key = check_wrapped(
        row,
        {cipher, node["tmk"], first_of(node, {"mak_encrypted", "mak_under_tmk"}), node["mak"]});
    const Buffer message = message_of(row, node);
    check_mac_case(row, {cipher, key, message, node["field64_ascii"]}, {node});
    check_mac_input(row, message, node["field64_ascii"].text());
}

}  // namespace

void check_terminal_examples(const Input& in, Tally& tally) {
    for (const auto& [name, node] : in.json.members()) {
        if (!node.is_object()) continue;
        Row row(tally, name);
        if (node["mab"] || node["mab_ascii"]) {
            check_mac_example(row, name, node);
        } else if (node["ksn"] && node["bdk"]) {
            check_dukpt_pin(row, node);
        } else if (node["pin"] && node["tmk"]) {
            check_sm4_pin(row, name, node);
        }
    }
}

void check_keys_mac(const Input& in, Tally& tally) {
    std::size_t number = 0;
    for (const std::string_view line : lines_of(in.text)) {
        const auto document = JsonDocument::parse(line);
        Row row(tally, "row " + std::to_string(number++) +
                           (document ? " " + document->root()["name"].text() : ""));
        if (!document) {
            row.fail("", document.error());
            continue;
        }
        const Node node = document->root();
        const Node field_62 = first_of(node, {"field62", "field_62", "f62", "62", "field62_hex"});
        if (field_62) check_working_keys(row, node, field_62);
        if (node["mab"] || node["mab_ascii"]) check_mac_row(row, node);
    }
}

}  // namespace softpos::conformance
