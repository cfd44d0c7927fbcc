// Key blocks: the keys of those that are right, and the refusal of those that are not.
#include "base/hex.h"
#include "crypto/kcv.h"
#include "crypto/tr31.h"
#include "world/conformance/checkers.h"

#include <algorithm>

namespace softpos::conformance {
namespace {

using crypto::Cipher;
using crypto::KeyAlgorithm;
using crypto::KeyBlockHeader;
using crypto::KeyBlockPolicy;
using crypto::KeyBlockVersion;

constexpr std::size_t kcv_bytes_min = 3;
constexpr std::size_t kbpk_bytes_max = 64;

// Published blocks come from every age: all of them are to be read.
constexpr KeyBlockPolicy everything{.legacy = true, .own_sm4 = true, .weak_kbpk = true};

// CMAC with AES, else the encrypted zeros.
void check_kcv(Row& row, std::string_view what, Cipher cipher, Bytes key, const Node& expected) {
    if (!expected) return;
    if (cipher == Cipher::aes) {
        const auto kcv = crypto::cmac_kcv(key);
        if (!kcv) return row.fail(what, kcv.error());
        return row.same_start(what, *kcv, expected, kcv_bytes_min);
    }
    const auto kcv = crypto::zero_block_kcv(cipher, key);
    if (!kcv) return row.fail(what, kcv.error());
    row.same_start(what, *kcv, expected, kcv_bytes_min);
}

Cipher cipher_of_kbpk(KeyBlockVersion version) {
    if (version == KeyBlockVersion::sm4) return Cipher::sm4;
    return crypto::key_block_alignment(version) == 16 ? Cipher::aes : Cipher::tdes;
}

void check_text(Row& row, const KeyBlockHeader& header, std::string_view id, const Node& expected) {
    if (expected) row.same_text(id, header.find(id).value_or(""), expected.text());
}

// What we export by the same header opens to the same key, where we export that version at all.
void check_again(Row& row, Bytes kbpk, const crypto::UnwrappedKey& got) {
    if (got.header.version == KeyBlockVersion::variant_a ||
        got.header.version == KeyBlockVersion::variant_c)
        return;
    KeyBlockHeader header = got.header;
    std::erase_if(header.optional, [](const auto& block) { return block.name() == "PB"; });
    SeededRandom random(1);
    const auto text = crypto::export_key_block(kbpk, header, got.key.bytes(), random);
    if (!text && text.error().kind == ErrorKind::denied) return;  // Weak: to be read only.
    if (!text) return row.fail("export", text.error());
    const auto again = crypto::import_key_block(kbpk, *text, everything);
    if (!again) return row.fail("import of the export", again.error());
    row.same("key of the export", again->key.bytes(), to_hex(got.key.bytes()));
}

void check_block(Row& row, const Node& node) {
    const Buffer kbpk = row.hex(node, "kbpk");
    const std::string text = row.text(node, "keyblock");
    const auto got = crypto::import_key_block(kbpk, text, everything);
    if (!got) return row.fail("import", got.error());
    row.same("key", got->key.bytes(), node["key"]);
    check_text(row, got->header, "KS", node["ksn"]);
    check_text(row, got->header, "TS", node["ts"]);
    const KeyAlgorithm algorithm = got->header.algorithm;
    if (algorithm == KeyAlgorithm::aes || algorithm == KeyAlgorithm::tdes) {
        const Cipher cipher = algorithm == KeyAlgorithm::aes ? Cipher::aes : Cipher::tdes;
        check_kcv(row, "check value", cipher, got->key.bytes(), node["kcv"]);
    }
    check_kcv(row, "check value of the protection key", cipher_of_kbpk(got->header.version), kbpk,
              node["kcv_kbpk"]);
    check_again(row, kbpk, *got);
}

// The protection key is so many times the letter E.
void check_refusal(Row& row, const Node& node) {
    const auto size = node["kbpk_len"].number();
    if (!size || *size < 0 || *size > std::int64_t{kbpk_bytes_max})
        return row.fail("kbpk_len is no size");
    const Buffer kbpk(static_cast<std::size_t>(*size), 'E');
    const auto got = crypto::import_key_block(kbpk, row.text(node, "keyblock"), everything);
    row.holds("is accepted", !got.has_value());
}

}  // namespace

void check_key_blocks(const Input& in, Tally& tally) {
    std::size_t index = 0;
    for (const Node& node : in.json["keyblocks"].items()) {
        Row row(tally, "block " + std::to_string(index++) + " " + node["name"].text());
        check_block(row, node);
    }
    index = 0;
    for (const Node& node : in.json["negative"].items()) {
        Row row(tally, "malformed block " + std::to_string(index++));
        check_refusal(row, node);
    }
}

}  // namespace softpos::conformance
