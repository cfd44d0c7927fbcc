// The table, and nothing that could go around it.
#include "platform/keys/authorise.h"

#include <algorithm>
#include <optional>

namespace softpos::keys {
namespace {

constexpr unsigned bit(Operation operation) {
    return 1U << static_cast<unsigned>(operation);
}
constexpr unsigned bit(KeyAlgorithm algorithm) {
    return 1U << static_cast<unsigned>(algorithm);
}

struct Row {
    KeyUsage usage;
    KeyMode mode;
    unsigned algorithms;
    unsigned operations;
};

// What is not written here is forbidden. A PIN key has no operation: nothing here touches PINs yet.
constexpr Row table[] = {
    {KeyUsage::base_derivation, KeyMode::derive, bit(KeyAlgorithm::aes),
     bit(Operation::derive_initial_key) | bit(Operation::derive_card_key)},
    {KeyUsage::zone_master, KeyMode::wrap, bit(KeyAlgorithm::tdes), bit(Operation::wrap_key)},
    {KeyUsage::terminal_master, KeyMode::unwrap, bit(KeyAlgorithm::tdes),
     bit(Operation::leave_under_key) | bit(Operation::unwrap_working_keys) |
         bit(Operation::use_working_keys)},
    {KeyUsage::pin, KeyMode::encrypt, bit(KeyAlgorithm::des) | bit(KeyAlgorithm::tdes), 0},
    {KeyUsage::mac, KeyMode::mac_both, bit(KeyAlgorithm::des) | bit(KeyAlgorithm::tdes),
     bit(Operation::generate_mac) | bit(Operation::verify_mac)},
    {KeyUsage::data, KeyMode::encrypt, bit(KeyAlgorithm::des) | bit(KeyAlgorithm::tdes), 0},
};

const Row* row_of(KeyUsage usage) {
    const auto* row = std::ranges::find(table, usage, &Row::usage);
    return row == std::end(table) ? nullptr : row;
}

}  // namespace

std::optional<KeyAttributes> attributes_for(KeyUsage usage, KeyAlgorithm algorithm) {
    const Row* row = row_of(usage);
    if (row == nullptr || (row->algorithms & bit(algorithm)) == 0) return std::nullopt;
    return KeyAttributes{usage, algorithm, row->mode};
}

Result<void> authorise(Operation operation, const KeyAttributes& attributes, KeyState state) {
    const Row* row = row_of(attributes.usage);
    const bool permitted = state == KeyState::active && row != nullptr &&
                           row->mode == attributes.mode &&
                           (row->algorithms & bit(attributes.algorithm)) != 0 &&
                           (row->operations & bit(operation)) != 0;
    if (permitted) return {};
    return std::unexpected(
        protocol::error_of(ErrorKind::denied, protocol::VaultFault::not_permitted));
}

}  // namespace softpos::keys
