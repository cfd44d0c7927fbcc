// The table, and nothing that could go around it.
#include "platform/keys/authorise.h"

#include <algorithm>
#include <span>

namespace softpos::keys {
namespace {

template <typename... Enums>
constexpr unsigned bits(Enums... values) {
    return ((1U << static_cast<unsigned>(values)) | ... | 0U);
}

struct Row {
    KeyUsage usage;
    KeyMode mode;
    unsigned algorithms;
    Exportability exportability;  // Where nobody asked for another.
    unsigned operations;
};

using enum KeyAlgorithm;
using enum Operation;

// What is not written here is forbidden. No row lets two usages do the same thing with a secret of
// a cardholder, and a PIN never leaves under single DES.
constexpr Row table[] = {
    {KeyUsage::base_derivation, KeyMode::derive, bits(aes), Exportability::none,
     bits(derive_initial_key, derive_card_key)},
    {KeyUsage::pin_base_derivation, KeyMode::derive, bits(aes), Exportability::none,
     bits(derive_initial_key, derive_pin_key)},
    {KeyUsage::zone_master, KeyMode::wrap, bits(tdes, sm4), Exportability::none, bits(wrap_key)},
    {KeyUsage::terminal_master, KeyMode::unwrap, bits(tdes, sm4), Exportability::trusted,
     bits(leave_under_zone_key, unwrap_working_keys, use_working_keys)},
    {KeyUsage::classic_master, KeyMode::wrap, bits(tdes), Exportability::trusted,
     bits(leave_under_zone_key, wrap_working_keys, use_working_keys)},
    {KeyUsage::classic_pin, KeyMode::unwrap, bits(tdes), Exportability::none, bits(decrypt_pin)},
    {KeyUsage::pin, KeyMode::encrypt, bits(tdes, sm4), Exportability::none, bits(encrypt_pin)},
    {KeyUsage::pin, KeyMode::encrypt, bits(des), Exportability::none, 0},
    {KeyUsage::mac, KeyMode::mac_both, bits(des, tdes, sm4), Exportability::none,
     bits(generate_mac, verify_mac)},
    {KeyUsage::data, KeyMode::encrypt, bits(des, tdes, sm4), Exportability::none, 0},
    {KeyUsage::signing, KeyMode::sign, bits(p256), Exportability::none, bits(sign)},
    {KeyUsage::terminal_serial, KeyMode::verify, bits(sm4), Exportability::sensitive,
     bits(leave_to_phone, prove_serial)},
    {KeyUsage::block_protection, KeyMode::wrap, bits(aes, tdes, sm4), Exportability::none,
     bits(wrap_block, unwrap_block)},
    {KeyUsage::mac_cbc, KeyMode::mac_both, bits(des, tdes, aes, sm4), Exportability::trusted,
     bits(generate_mac, verify_mac, leave_in_block)},
    {KeyUsage::mac_retail, KeyMode::mac_both, bits(tdes), Exportability::trusted,
     bits(generate_mac, verify_mac, leave_in_block)},
    {KeyUsage::mac_cmac, KeyMode::mac_both, bits(tdes, aes, sm4), Exportability::trusted,
     bits(generate_mac, verify_mac, leave_in_block)},
    {KeyUsage::mac_hmac, KeyMode::mac_both, bits(hmac), Exportability::trusted,
     bits(generate_mac, verify_mac, leave_in_block)},
    {KeyUsage::card_cryptogram, KeyMode::derive, bits(tdes), Exportability::trusted,
     bits(verify_cryptogram, answer_cryptogram, leave_in_block)},
    {KeyUsage::terminal_base_derivation, KeyMode::derive, bits(tdes), Exportability::none,
     bits(derive_terminal_pin_key, derive_terminal_mac_key)},
};

constexpr unsigned leaving = bits(leave_under_zone_key, leave_to_phone, leave_in_block);

const Row* row_of(KeyUsage usage, KeyAlgorithm algorithm) {
    const auto* row = std::ranges::find_if(table, [&](const Row& one) {
        return one.usage == usage && (one.algorithms & bits(algorithm)) != 0;
    });
    return row == std::end(table) ? nullptr : row;
}

}  // namespace

std::optional<KeyAttributes> attributes_for(KeyUsage usage, KeyAlgorithm algorithm) {
    const Row* row = row_of(usage, algorithm);
    if (row == nullptr) return std::nullopt;
    return KeyAttributes{.usage = usage,
                         .algorithm = algorithm,
                         .mode = row->mode,
                         .exportability = row->exportability};
}

bool is_legal(const KeyAttributes& attributes) {
    const Row* row = row_of(attributes.usage, attributes.algorithm);
    // A key may be kept back that could leave; none may leave that could not.
    return row != nullptr && row->mode == attributes.mode &&
           attributes.version <= key_version_max &&
           (attributes.exportability == row->exportability ||
            attributes.exportability == Exportability::none);
}

Result<void> authorise(Operation operation, const KeyAttributes& attributes, KeyState state) {
    const Row* row = row_of(attributes.usage, attributes.algorithm);
    const bool leaves = (leaving & bits(operation)) != 0;
    const bool permitted = state == KeyState::active && is_legal(attributes) &&
                           (row->operations & bits(operation)) != 0 &&
                           (!leaves || attributes.exportability != Exportability::none);
    if (permitted) return {};
    return std::unexpected(
        protocol::error_of(ErrorKind::denied, protocol::VaultFault::not_permitted));
}

}  // namespace softpos::keys
