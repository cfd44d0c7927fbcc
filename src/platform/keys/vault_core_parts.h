// What the vault's parts have in common.
#pragma once

#include "base/check.h"
#include "crypto/cipher.h"
#include "crypto/dukpt_aes.h"
#include "crypto/dukpt_tdes.h"
#include "platform/keys/authorise.h"
#include "protocol/vault_call.h"

#include <algorithm>
#include <string>
#include <string_view>

namespace softpos::keys {

inline std::unexpected<Error> refuse(ErrorKind kind, protocol::VaultFault fault) {
    return std::unexpected(protocol::error_of(kind, fault));
}

using protocol::InitialKeyId;
using protocol::VaultAnswer;
using protocol::VaultFault;

// Names of a terminal's working keys below its master key: '/' is in no alias.
constexpr std::string_view pin_suffix = "/pin";
constexpr std::string_view mac_suffix = "/mac";
constexpr std::string_view data_suffix = "/data";
constexpr std::string_view working_suffixes[] = {pin_suffix, mac_suffix, data_suffix};

inline std::string working_name(std::string_view terminal_key, std::string_view suffix) {
    std::string name(terminal_key);
    name.append(suffix);
    return name;
}

inline InitialKeyId id_of(const crypto::AesKsn& ksn) {
    InitialKeyId id{};
    std::ranges::copy(ksn.initial_key_id(), id.begin());
    return id;
}

// The same of a terminal: its serial number without the counter, which is the last 21 bits of 80.
inline InitialKeyId id_of(const crypto::TdesKsn& ksn) {
    constexpr unsigned counter_bits_here = 0x1F;
    InitialKeyId id{};
    std::copy_n(ksn.bytes.begin(), id.size(), id.begin());
    id.back() = static_cast<std::uint8_t>(id.back() & ~counter_bits_here);
    return id;
}

// What a symmetric key is a key of. CHECKs that it is one.
inline crypto::Cipher cipher_of(KeyAlgorithm algorithm) {
    CHECK(algorithm != KeyAlgorithm::p256 && algorithm != KeyAlgorithm::hmac);
    if (algorithm == KeyAlgorithm::aes) return crypto::Cipher::aes;
    return algorithm == KeyAlgorithm::sm4 ? crypto::Cipher::sm4 : crypto::Cipher::tdes;
}

// The key that a request is about; empty where it is about none.
std::string key_of(const protocol::VaultRequest& request);

inline KeyAttributes made_for(KeyUsage usage, KeyAlgorithm algorithm) {
    const auto attributes = attributes_for(usage, algorithm);
    CHECK(attributes.has_value());
    return *attributes;
}

}  // namespace softpos::keys
