// Message authentication codes.
#include "crypto/mac.h"

#include "base/hex.h"
#include "world/conformance/checkers.h"

#include <algorithm>
#include <map>
#include <optional>

namespace softpos::conformance {
namespace {

using crypto::BlockKey;
using crypto::Cipher;
using crypto::Padding;

constexpr std::size_t mac_bytes_min = 4;

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

Padding padding_of(const Node& node) {
    const auto number = node["pad"].number();
    const std::string alg = node["alg"].text();
    if (number == 2 || (!number && contains(alg, "pad2"))) return Padding::bit;
    if (number == 3 || (!number && contains(alg, "pad3"))) return Padding::length;
    return Padding::zeros;
}

// A key as hex, or as the characters themselves.
Buffer key_of(Row& row, const Node& node, const std::string& name) {
    const Node ascii = node[name + "_ascii"];
    if (!ascii) return row.hex(node, name);
    const std::string text = ascii.text();
    return {text.begin(), text.end()};
}

Buffer message_of(Row& row, const Node& node) {
    const Node ascii = node["msg_ascii"];
    if (!ascii) return row.hex(node, "msg");
    const std::string text = ascii.text();
    return {text.begin(), text.end()};
}

void expect(Row& row, const Result<crypto::MacBlock>& mac, const Node& expected) {
    if (!mac) return row.fail("MAC", mac.error());
    row.same_start("MAC", mac->bytes(), expected, mac_bytes_min);
}

void check_alg3(Row& row, const Node& node) {
    const Buffer message = message_of(row, node);
    Buffer first, second;
    if (node["key1"] || node["key1_ascii"]) {
        first = key_of(row, node, "key1");
        second = key_of(row, node, "key2");
    } else {
        const Buffer key = row.hex(node, "key");
        const std::size_t half = key.size() == 16 ? 8 : key.size();  // One key is both halves.
        first.assign(key.begin(), key.begin() + static_cast<std::ptrdiff_t>(half));
        second.assign(key.end() - static_cast<std::ptrdiff_t>(half), key.end());
    }
    const auto one = BlockKey::make(Cipher::tdes, first);
    const auto two = BlockKey::make(Cipher::tdes, second);
    if (!one || !two) return row.fail("key size");
    expect(row, crypto::iso9797_alg3(*one, *two, message, padding_of(node)), node["mac"]);
}

void check_alg1(Row& row, const Node& node) {
    const Buffer message = message_of(row, node);
    const auto key = BlockKey::make(Cipher::tdes, row.hex(node, "key"));
    if (!key) return row.fail("key", key.error());
    expect(row, crypto::iso9797_alg1(*key, message, padding_of(node)), node["mac"]);
}

void check_plain(Row& row, const Node& node) {
    const std::string alg = node["alg"].text();
    if (contains(alg, "alg1")) return check_alg1(row, node);
    if (contains(alg, "alg3") || contains(alg, "X9.19")) return check_alg3(row, node);
    if (!contains(alg, "CMAC")) return;
    const auto cipher = contains(alg, "AES") ? Cipher::aes : Cipher::tdes;
    const Buffer key = row.hex(node, "key");
    expect(row, crypto::cmac(cipher, key, message_of(row, node)), node["mac"]);
}

// Rows after GB/T 15852.1: key, maybe a second key, message, MAC.
struct Sm4Row {
    std::string_view mechanism;
    Padding padding = Padding::bit;
    Buffer key, second, message;
    Node mac;
};

Sm4Row sm4_row(Row& row, const Node& node) {
    Sm4Row out;
    const std::string padding = node["padding"].text();
    if (contains(padding, "M1")) out.padding = Padding::zeros;
    if (contains(padding, "M3")) out.padding = Padding::length;
    const Node fields = node["fields"];
    const std::size_t count = fields.size();
    if (count != 3 && count != 4) {
        row.fail("fields: neither three nor four");
        return out;
    }
    out.key = row.hex(fields[0].text(), "key");
    if (count == 4) out.second = row.hex(fields[1].text(), "second key");
    const std::string message = fields[count - 2].text();
    constexpr std::string_view ascii = "ascii:";
    if (message.starts_with(ascii)) {
        out.message.assign(message.begin() + ascii.size(), message.end());
    } else {
        out.message = row.hex(message, "message");
    }
    out.mac = fields[count - 1];
    return out;
}

// Mechanisms of the standard that no peer of ours uses stay out: the row counts as skipped.
void check_sm4(Row& row, const Node& node) {
    std::string name = node["alg"].text().substr(std::string_view("SM4 ").size());
    if (name.starts_with("Test")) name.erase(0, 4);
    constexpr std::string_view known[] = {"CBCMAC", "EMAC", "ANSIRetailMAC", "MACDES", "CMAC"};
    const auto is = [&name](std::string_view mechanism) {
        return name == mechanism || name == std::string(mechanism) + "WithPadding";
    };
    if (std::ranges::none_of(known, is)) return;
    const Sm4Row in = sm4_row(row, node);
    const auto key = BlockKey::make(Cipher::sm4, in.key);
    if (!key) return row.fail("key", key.error());
    if (is("CMAC")) return expect(row, crypto::cmac(Cipher::sm4, in.key, in.message), in.mac);
    if (is("CBCMAC"))
        return expect(row, crypto::iso9797_alg1(*key, in.message, in.padding), in.mac);
    if (is("MACDES"))
        return expect(row, crypto::iso9797_alg4(*key, in.second, in.message, in.padding), in.mac);
    const auto second = BlockKey::make(Cipher::sm4, in.second);
    if (!second) return row.fail("second key", second.error());
    expect(row,
           is("EMAC") ? crypto::iso9797_alg2(*key, *second, in.message, in.padding)
                      : crypto::iso9797_alg3(*key, *second, in.message, in.padding),
           in.mac);
}

std::optional<Cipher> cipher_named(std::string_view section) {
    if (contains(section, "AES")) return Cipher::aes;
    if (contains(section, "TripleDES")) return Cipher::tdes;
    if (contains(section, "SM4")) return Cipher::sm4;
    return std::nullopt;
}

}  // namespace

void check_mac(const Input& in, Tally& tally) {
    std::size_t index = 0;
    for (const Node& node : in.json["vectors"].items()) {
        const std::string alg = node["alg"].text();
        Row row(tally, "row " + std::to_string(index++) + " " + alg);
        alg.starts_with("SM4 ") ? check_sm4(row, node) : check_plain(row, node);
    }
}

// [CMAC(AES-128)], then paragraphs of Key, In, Out.
void check_botan_cmac(const Input& in, Tally& tally) {
    std::string section;
    std::map<std::string, std::string, std::less<>> fields;
    std::size_t index = 0;
    for (const std::string_view line : lines_of(in.text)) {
        if (line.front() == '#') continue;
        if (line.front() == '[') {
            section = line;
            index = 0;
            continue;
        }
        const auto sign = line.find(" =");
        if (sign == std::string_view::npos) {
            Row(tally, section).fail("a line that is no field");
            continue;
        }
        const auto value = line.find_first_not_of(' ', sign + 2);
        fields[std::string(line.substr(0, sign))] =
            value == std::string_view::npos ? "" : line.substr(value);
        if (!line.starts_with("Out ")) continue;
        Row row(tally, section + " case " + std::to_string(index++));
        const auto cipher = cipher_named(section);
        if (!cipher) continue;
        const auto mac =
            crypto::cmac(*cipher, row.hex(fields["Key"], "Key"), row.hex(fields["In"], "In"));
        if (!mac) {
            row.fail("CMAC", mac.error());
        } else {
            row.same("CMAC", mac->bytes(), fields["Out"]);
        }
    }
}

}  // namespace softpos::conformance
