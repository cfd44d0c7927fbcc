// DUKPT: the keys of each serial number, and what they encrypt.
#include "crypto/cipher.h"
#include "crypto/dukpt_aes.h"
#include "crypto/dukpt_tdes.h"
#include "crypto/mac.h"
#include "world/conformance/blocks.h"
#include "world/conformance/checkers.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

using crypto::AesKsn;
using crypto::DukptKeyKind;
using crypto::DukptUsage;
using crypto::TdesDukptUsage;
using crypto::TdesKsn;

template <typename T>
struct Named {
    std::string_view name;
    T value;
};

constexpr Named<DukptUsage> usages[] = {
    {"key_encryption_key_", DukptUsage::key_encryption},
    {"pin_key_", DukptUsage::pin_encryption},
    {"mac_generation_key_", DukptUsage::mac_generation},
    {"mac_verification_key_", DukptUsage::mac_verification},
    {"mac_both_ways_key_", DukptUsage::mac_both_ways},
    {"data_encrypt_key_", DukptUsage::data_encrypt},
    {"data_decrypt_key_", DukptUsage::data_decrypt},
    {"data_both_ways_key_", DukptUsage::data_both_ways},
};

constexpr Named<DukptKeyKind> kinds[] = {
    {"tdes2", DukptKeyKind::tdes2},   {"tdes3", DukptKeyKind::tdes3},
    {"aes128", DukptKeyKind::aes128}, {"aes192", DukptKeyKind::aes192},
    {"aes256", DukptKeyKind::aes256},
};

template <typename T, std::size_t size>
const T* find(const Named<T> (&table)[size], std::string_view name) {
    const auto at = std::ranges::find(table, name, &Named<T>::name);
    return at == std::end(table) ? nullptr : &at->value;
}

DukptKeyKind strongest(std::size_t bdk_bytes) {
    if (bdk_bytes == 32) return DukptKeyKind::aes256;
    return bdk_bytes == 24 ? DukptKeyKind::aes192 : DukptKeyKind::aes128;
}

// ISO 9564 format 4: E(E(PIN field) xor PAN field). Spec: [ISO-9564-1] 9.4.
void check_iso4(Row& row, Bytes pin_key, const Node& set, const Node& expected) {
    const Buffer pin = row.hex_of_size(set, "pinfield_iso4", 16);
    const Buffer pan = row.hex_of_size(set, "panfield_iso4", 16);
    const auto key = crypto::BlockKey::make(crypto::Cipher::aes, pin_key);
    if (!key) return row.fail("PIN block", key.error());
    Buffer block(16);
    key->encrypt_block(pin, block);
    block = xor_of(block, pan);
    key->encrypt_block(block, block);
    row.same("encrypted PIN block", block, expected);
}

void check_aes_row(Row& row, Bytes bdk, const Node& set, const Node& node) {
    const auto ksn = AesKsn::parse(row.hex(node, "ksn"));
    if (!ksn) return row.fail("ksn", ksn.error());
    for (const auto& [name, expected] : node.members()) {
        if (name == "derivation_key")
            row.same(name, crypto::dukpt_aes_derivation_key(bdk, *ksn), expected);
        for (const auto& usage : usages) {
            if (!name.starts_with(usage.name)) continue;
            const auto* kind = find(kinds, std::string_view(name).substr(usage.name.size()));
            if (kind == nullptr) continue;
            row.same(name, crypto::dukpt_aes_host_key(bdk, *ksn, usage.value, *kind), expected);
        }
        if (name != "encrypted_pinblock_iso4") continue;
        const auto pin_key = crypto::dukpt_aes_host_key(bdk, *ksn, DukptUsage::pin_encryption,
                                                        strongest(bdk.size()));
        if (!pin_key) return row.fail("PIN key", pin_key.error());
        check_iso4(row, pin_key->bytes(), set, expected);
    }
}

// "update_key_aes128_verify": the part between tells what it is a key of.
void check_update_key(Row& row, Bytes bdk, Bytes id, std::string_view name, const Node& expected) {
    constexpr std::string_view front = "update_key_";
    constexpr std::string_view back = "_verify";
    if (!name.starts_with(front)) return;
    name.remove_prefix(front.size());
    if (name.ends_with(back)) name.remove_suffix(back.size());
    const auto* kind = find(kinds, name);
    if (kind == nullptr) return;
    row.same("update key", crypto::dukpt_aes_update_key(bdk, id, *kind), expected);
}

void check_aes_set(const Node& set, Tally& tally) {
    const std::string front =
        "base key of " + std::to_string(set["bdk"].text().size() * 4) + " bits";
    Buffer bdk, id;
    {
        Row row(tally, front + ", initial key");
        bdk = row.hex(set, "bdk");
        id = row.hex(set, "initial_key_id");
        row.same("initial key", crypto::dukpt_aes_initial_key(bdk, id), set["initial_key"]);
    }
    for (const Node& node : set["rows"].items()) {
        Row row(tally, front + ", KSN " + node["ksn"].text());
        check_aes_row(row, bdk, set, node);
    }
    for (const auto& [name, expected] : set["update_keys"].members()) {
        Row row(tally, front + ", " + name);
        check_update_key(row, bdk, id, name, expected);
    }
}

struct TdesRow {
    const TdesKsn& ksn;
    Bytes bdk;
    Buffer clear_block;
    std::string message;
};

void check_tdes_mac(Row& row, const TdesRow& in, TdesDukptUsage usage, const Node& mac,
                    const Node& cmac) {
    if (!mac && !cmac) return;
    const auto key = crypto::dukpt_tdes_host_key(in.bdk, in.ksn, usage);
    if (!key) return row.fail("MAC key", key.error());
    const Bytes message = bytes_of(in.message);
    if (mac) {
        const auto got = crypto::iso9797_alg3(key->bytes(), message, crypto::Padding::zeros);
        if (!got) return row.fail("MAC", got.error());
        row.same_start("MAC", *got, mac, 4);
    }
    if (cmac) {
        const auto got = crypto::cmac(crypto::Cipher::tdes, key->bytes(), message);
        if (!got) return row.fail("CMAC", got.error());
        row.same("CMAC", got->bytes(), cmac);
    }
}

void check_tdes_pin(Row& row, const TdesRow& in, const Node& expected) {
    const auto key = crypto::dukpt_tdes_host_key(in.bdk, in.ksn, TdesDukptUsage::pin_encryption);
    if (!key) return row.fail("PIN key", key.error());
    const auto block = crypto::ecb_encrypt(crypto::Cipher::tdes, key->bytes(), in.clear_block);
    if (!block) return row.fail("PIN block", block.error());
    row.same("PIN block", *block, expected);
}

void check_tdes_data(Row& row, const TdesRow& in, TdesDukptUsage usage, const Node& expected) {
    if (!expected) return;
    const auto key = crypto::dukpt_tdes_host_key(in.bdk, in.ksn, usage);
    if (!key) return row.fail("data key", key.error());
    const auto data = tdes_cbc(key->bytes(), bytes_of(in.message));
    if (!data) return row.fail("data", data.error());
    row.same("encrypted data", *data, expected);
}

void check_tdes_row(Row& row, const Node& file, Bytes bdk, Bytes initial_key, const Node& node) {
    const auto ksn = TdesKsn::parse(row.hex(node, "ksn"));
    if (!ksn) return row.fail("ksn", ksn.error());
    const TdesRow in{*ksn, bdk, row.hex(file, "clear_pinblock_iso0"),
                     row.text(file, "mac_message_ascii")};
    if (const Node expected = node["txn_key"])
        row.same("transaction key", crypto::dukpt_tdes_transaction_key(initial_key, *ksn),
                 expected);
    if (const Node expected = node["pinblock"]) check_tdes_pin(row, in, expected);
    using enum TdesDukptUsage;
    check_tdes_mac(row, in, mac_request, node["mac_request"], node["cmac_request_handcrafted"]);
    check_tdes_mac(row, in, mac_response, node["mac_response"], node["cmac_response_handcrafted"]);
    check_tdes_data(row, in, data_request, node["encrypted_request_data"]);
    check_tdes_data(row, in, data_response, node["encrypted_response_data"]);
}

// "PAN" is the first of the list, "PAN2" the second.
std::string pan_named(const Node& file, std::string_view name) {
    if (!name.starts_with("PAN")) return std::string(name);
    const auto number = name == "PAN" ? 1 : number_of(name.substr(3), 10).value_or(0);
    return file["jpos_pans"][static_cast<std::size_t>(number) - 1].text();
}

// Rows without TDES are the single-length DUKPT of 1998, which nothing here speaks. The counter has
// 21 bits: its highest is the lowest of the device id's last digit.
void check_framework_row(Row& row, const Node& file, Bytes bdk, const Node& node) {
    if (!node["tdes"].flag().value_or(true)) return;
    const auto ksn = TdesKsn::parse(row.hex(
        "FFFF" + row.text(node, "ksi") + row.text(node, "device_id") + "00000", "serial number"));
    const auto counter = number_of(node["counter"].text(), 16);
    if (!ksn || !counter || *counter > crypto::tdes_counter_max) return row.fail("serial number");
    const TdesKsn numbered = ksn->with_counter(static_cast<std::uint32_t>(*counter));
    const auto block = iso0_pin_block(file["pin"].text(), pan_named(file, node["pan"].text()));
    if (!block) return row.fail("PIN or PAN");
    check_tdes_pin(row, {numbered, bdk, *block, {}}, node["pinblock"]);
}

}  // namespace

void check_dukpt_aes(const Input& in, Tally& tally) {
    for (const Node& set : in.json["sets"].items()) check_aes_set(set, tally);
}

void check_dukpt_tdes(const Input& in, Tally& tally) {
    const Node file = in.json;
    Buffer bdk;
    SecretBytes initial_key;
    {
        Row row(tally, "initial key");
        bdk = row.hex(file, "bdk");
        const auto iksn = TdesKsn::parse(row.hex(file, "iksn"));
        if (!iksn) return row.fail("iksn", iksn.error());
        auto key = crypto::dukpt_tdes_initial_key(bdk, *iksn);
        row.same("initial key", key, file["initial_key"]);
        if (key) initial_key = *std::move(key);
        const auto block = iso0_pin_block(file["pin"].text(), file["pan"].text());
        if (block) row.same("clear PIN block", *block, file["clear_pinblock_iso0"]);
    }
    for (const Node& node : file["rows"].items()) {
        Row row(tally, "KSN " + node["ksn"].text());
        check_tdes_row(row, file, bdk, initial_key.bytes(), node);
    }
    for (const Node& node : file["jpos_rows"].items()) {
        Row row(tally, "device " + node["device_id"].text() + " counter " + node["counter"].text());
        check_framework_row(row, file, bdk, node);
    }
}

}  // namespace softpos::conformance
