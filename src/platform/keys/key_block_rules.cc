// Our attributes and those of X9.143 share their letters; what differs stands here.
#include "platform/keys/key_block_rules.h"

#include "base/check.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {
namespace {

constexpr std::size_t hmac_bytes_min = 16;
constexpr std::size_t hmac_bytes_max = 64;

bool is_plain_mac(KeyUsage usage) {
    using enum KeyUsage;
    return usage == mac_cbc || usage == mac_retail || usage == mac_cmac || usage == mac_hmac;
}

std::uint16_t code_of(KeyUsage usage) {
    const std::string_view code = tr31_usage(usage);
    return crypto::key_usage_code(code[0], code[1]);
}

// A key that may do both ways may be taken in for one of them; never the other way about, and never
// one that says nothing.
bool covers(crypto::KeyMode block, KeyMode ours) {
    if (static_cast<char>(block) == static_cast<char>(ours)) return true;
    return block == crypto::KeyMode::both_ways &&
           (ours == KeyMode::encrypt || ours == KeyMode::unwrap);
}

std::optional<KeyAlgorithm> algorithm_of(crypto::KeyAlgorithm letter) {
    for (unsigned i = 0; i < protocol::key_algorithms; ++i) {
        const auto ours = static_cast<KeyAlgorithm>(i);
        if (ours != KeyAlgorithm::p256 && tr31_algorithm(ours) == static_cast<char>(letter)) {
            return ours;
        }
    }
    return std::nullopt;
}

std::optional<std::uint8_t> version_of(const std::array<char, 2>& digits) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!std::ranges::all_of(digits, is_digit)) return std::nullopt;
    return static_cast<std::uint8_t>((digits[0] - '0') * 10 + (digits[1] - '0'));
}

}  // namespace

bool is_made_on_request(const KeyAttributes& attributes) {
    const KeyUsage usage = attributes.usage;
    return attributes.algorithm != KeyAlgorithm::des &&
           (is_plain_mac(usage) || usage == KeyUsage::card_cryptogram);
}

std::optional<KeyAttributes> attributes_in_block(const crypto::KeyBlockHeader& header,
                                                 KeyUsage usage) {
    const auto algorithm = algorithm_of(header.algorithm);
    const auto version = version_of(header.key_version);
    if (!algorithm || !version || code_of(usage) != static_cast<std::uint16_t>(header.usage)) {
        return std::nullopt;
    }
    auto attributes = attributes_for(usage, *algorithm);
    if (!attributes || !covers(header.mode, attributes->mode)) return std::nullopt;
    attributes->version = *version;
    if (header.exportability == crypto::KeyExport::never) {
        attributes->exportability = Exportability::none;
    }
    return attributes;
}

bool is_key_size(const KeyAttributes& attributes, std::size_t bytes) {
    using enum KeyAlgorithm;
    switch (attributes.algorithm) {
        case des:
            return bytes == 8;
        case sm4:
            return bytes == 16;
        case aes:
            return bytes == 16 || bytes == 24 || bytes == 32;
        case hmac:
            return bytes >= hmac_bytes_min && bytes <= hmac_bytes_max;
        case tdes: {
            // Three parts only where nothing is built of two halves.
            const bool three =
                attributes.usage == KeyUsage::mac_cbc || attributes.usage == KeyUsage::mac_cmac ||
                attributes.usage == KeyUsage::pin || attributes.usage == KeyUsage::block_protection;
            return bytes == 16 || (three && bytes == 24);
        }
        case p256:
            break;
    }
    return false;
}

crypto::KeyBlockHeader header_for(const KeyAttributes& attributes, protocol::KeyBlockKind kind) {
    CHECK(is_plain_mac(attributes.usage) || attributes.usage == KeyUsage::card_cryptogram);
    return {.version = static_cast<crypto::KeyBlockVersion>(kind),
            .usage = static_cast<crypto::KeyUsage>(code_of(attributes.usage)),
            .algorithm = static_cast<crypto::KeyAlgorithm>(tr31_algorithm(attributes.algorithm)),
            .mode = static_cast<crypto::KeyMode>(attributes.mode),
            .key_version = {static_cast<char>('0' + attributes.version / 10),
                            static_cast<char>('0' + attributes.version % 10)},
            .exportability = static_cast<crypto::KeyExport>(attributes.exportability),
            .optional = {}};
}

}  // namespace softpos::keys
