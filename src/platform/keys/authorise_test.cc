// The whole table: every operation, usage, algorithm, mode, exportability and state, and that only
// what is written here passes.
#include "platform/keys/authorise.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

namespace softpos::keys {
namespace {

// Said again, by hand: a slip in the table must differ from this list.
bool expected(Operation operation, const KeyAttributes& key, KeyState state) {
    if (state != KeyState::active || key.version > 99) return false;
    const auto is = [&](KeyUsage usage, KeyMode mode, std::set<KeyAlgorithm> algorithms,
                        std::set<char> exportability) {
        return key.usage == usage && key.mode == mode && algorithms.contains(key.algorithm) &&
               exportability.contains(static_cast<char>(key.exportability));
    };
    using enum KeyAlgorithm;
    const auto is_plain_mac = [&](std::set<char> exportability) {
        return is(KeyUsage::mac_cbc, KeyMode::mac_both, {des, tdes, aes, sm4}, exportability) ||
               is(KeyUsage::mac_retail, KeyMode::mac_both, {tdes}, exportability) ||
               is(KeyUsage::mac_cmac, KeyMode::mac_both, {tdes, aes, sm4}, exportability) ||
               is(KeyUsage::mac_hmac, KeyMode::mac_both, {hmac}, exportability);
    };
    switch (operation) {
        case Operation::derive_initial_key:
            return is(KeyUsage::base_derivation, KeyMode::derive, {aes}, {'N'}) ||
                   is(KeyUsage::pin_base_derivation, KeyMode::derive, {aes}, {'N'});
        case Operation::derive_card_key:
            return is(KeyUsage::base_derivation, KeyMode::derive, {aes}, {'N'});
        case Operation::derive_pin_key:
            return is(KeyUsage::pin_base_derivation, KeyMode::derive, {aes}, {'N'});
        case Operation::wrap_key:
            return is(KeyUsage::zone_master, KeyMode::wrap, {tdes, sm4}, {'N'});
        case Operation::leave_under_zone_key:
            return is(KeyUsage::terminal_master, KeyMode::unwrap, {tdes, sm4}, {'E'}) ||
                   is(KeyUsage::classic_master, KeyMode::wrap, {tdes}, {'E'});
        case Operation::unwrap_working_keys:
            return is(KeyUsage::terminal_master, KeyMode::unwrap, {tdes, sm4}, {'E', 'N'});
        case Operation::use_working_keys:
            return is(KeyUsage::terminal_master, KeyMode::unwrap, {tdes, sm4}, {'E', 'N'}) ||
                   is(KeyUsage::classic_master, KeyMode::wrap, {tdes}, {'E', 'N'});
        case Operation::wrap_working_keys:
            return is(KeyUsage::classic_master, KeyMode::wrap, {tdes}, {'E', 'N'});
        case Operation::decrypt_pin:
            return is(KeyUsage::classic_pin, KeyMode::unwrap, {tdes}, {'N'});
        case Operation::generate_mac:
        case Operation::verify_mac:
            return is(KeyUsage::mac, KeyMode::mac_both, {des, tdes, sm4}, {'N'}) ||
                   is_plain_mac({'E', 'N'});
        case Operation::encrypt_pin:
            return is(KeyUsage::pin, KeyMode::encrypt, {tdes, sm4}, {'N'});
        case Operation::sign:
            return is(KeyUsage::signing, KeyMode::sign, {p256}, {'N'});
        case Operation::leave_to_phone:
            return is(KeyUsage::terminal_serial, KeyMode::verify, {sm4}, {'S'});
        case Operation::prove_serial:
            return is(KeyUsage::terminal_serial, KeyMode::verify, {sm4}, {'S', 'N'});
        case Operation::wrap_block:
        case Operation::unwrap_block:
            return is(KeyUsage::block_protection, KeyMode::wrap, {aes, tdes, sm4}, {'N'});
        case Operation::leave_in_block:
            return is_plain_mac({'E'}) ||
                   is(KeyUsage::card_cryptogram, KeyMode::derive, {tdes}, {'E'});
        case Operation::verify_cryptogram:
        case Operation::answer_cryptogram:
            return is(KeyUsage::card_cryptogram, KeyMode::derive, {tdes}, {'E', 'N'});
        case Operation::derive_terminal_pin_key:
        case Operation::derive_terminal_mac_key:
            return is(KeyUsage::terminal_base_derivation, KeyMode::derive, {tdes}, {'N'});
    }
    return false;
}

std::vector<KeyAttributes> every_attributes() {
    std::vector<KeyAttributes> all;
    for (unsigned usage = 0; usage < protocol::key_usages; ++usage) {
        for (unsigned algorithm = 0; algorithm < protocol::key_algorithms; ++algorithm) {
            for (const char mode : key_modes) {
                for (const char exportability : exportabilities) {
                    all.push_back({.usage = static_cast<KeyUsage>(usage),
                                   .algorithm = static_cast<KeyAlgorithm>(algorithm),
                                   .mode = static_cast<KeyMode>(mode),
                                   .exportability = static_cast<Exportability>(exportability)});
                }
            }
        }
    }
    return all;
}

// Shows: JRT0156-6.6, JRT0156-6.7
TEST(Authorise, PermitsWhatIsListedAndDeniesEverythingElse) {
    std::size_t permitted = 0;
    for (const KeyAttributes& key : every_attributes()) {
        for (unsigned operation = 0; operation < operation_count; ++operation) {
            for (unsigned state = 0; state < protocol::key_states; ++state) {
                const auto op = static_cast<Operation>(operation);
                const auto verdict = authorise(op, key, static_cast<KeyState>(state));
                EXPECT_EQ(verdict.has_value(), expected(op, key, static_cast<KeyState>(state)))
                    << operation << ' ' << static_cast<int>(key.usage) << ' '
                    << static_cast<int>(key.algorithm) << ' ' << static_cast<char>(key.mode)
                    << static_cast<char>(key.exportability) << ' ' << state;
                if (!verdict) {
                    EXPECT_EQ(verdict.error().kind, ErrorKind::denied);
                }
                permitted += verdict ? 1U : 0U;
            }
        }
    }
    constexpr std::size_t base_keys = 2 + 2;
    constexpr std::size_t master_keys = 2 + 2 * (1 + 2 + 2);  // Zone; terminal, each algorithm.
    constexpr std::size_t working_keys = 2 + 3 * 2;           // PIN; MAC both ways.
    constexpr std::size_t other_keys = 1 + (1 + 2);           // Signing; serial.
    constexpr std::size_t block_keys = 3 * 2;
    constexpr std::size_t plain_macs = (4 + 1 + 3 + 1) * (2 * 2 + 1);
    constexpr std::size_t card_keys = 2 * 2 + 1;
    constexpr std::size_t field_keys = 2;
    constexpr std::size_t classic_keys = (1 + 2 + 2) + 1;  // Master; PIN.
    EXPECT_EQ(permitted, base_keys + master_keys + working_keys + other_keys + block_keys +
                             plain_macs + card_keys + field_keys + classic_keys);
}

TEST(Authorise, AKeyOfNoRowCannotBeMade) {
    EXPECT_FALSE(attributes_for(KeyUsage::base_derivation, KeyAlgorithm::tdes).has_value());
    EXPECT_FALSE(attributes_for(KeyUsage::mac, KeyAlgorithm::aes).has_value());
    EXPECT_FALSE(attributes_for(KeyUsage::zone_master, KeyAlgorithm::des).has_value());
    EXPECT_TRUE(attributes_for(KeyUsage::mac, KeyAlgorithm::des).has_value());
    for (const KeyAttributes& key : every_attributes()) {
        const auto made = attributes_for(key.usage, key.algorithm);
        if (made) {
            EXPECT_TRUE(is_legal(*made));
        }
        auto old = key;
        old.version = key_version_max + 1;
        EXPECT_FALSE(is_legal(old));
    }
}

TEST(Authorise, DataKeysDoNothing) {
    for (unsigned operation = 0; operation < operation_count; ++operation) {
        const auto key = attributes_for(KeyUsage::data, KeyAlgorithm::tdes);
        EXPECT_FALSE(authorise(static_cast<Operation>(operation), *key, KeyState::active));
    }
}

// Said again as pairs.
TEST(KeyState, FollowsOnlyWhereTheLifeOfAKeyGoes) {
    using enum KeyState;
    const std::set<std::pair<KeyState, KeyState>> allowed = {
        {pre_active, active},     {pre_active, deactivated},  {pre_active, compromised},
        {pre_active, destroyed},  {active, suspended},        {active, deactivated},
        {active, compromised},    {suspended, active},        {suspended, deactivated},
        {suspended, compromised}, {deactivated, compromised}, {deactivated, destroyed},
        {compromised, destroyed},
    };
    for (unsigned before = 0; before < protocol::key_states; ++before) {
        for (unsigned after = 0; after < protocol::key_states; ++after) {
            const std::pair pair{static_cast<KeyState>(before), static_cast<KeyState>(after)};
            EXPECT_EQ(may_follow(pair.first, pair.second), allowed.contains(pair))
                << before << ' ' << after;
        }
    }
}

}  // namespace
}  // namespace softpos::keys
