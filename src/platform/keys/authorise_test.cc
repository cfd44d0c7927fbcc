// The whole table: every usage, algorithm, mode, state and operation, and that only what is written
// here passes.
#include "platform/keys/authorise.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

namespace softpos::keys {
namespace {

constexpr char modes[] = {'X', 'E', 'B', 'D', 'C'};

// Said again, by hand: a slip in the table must differ from this list.
bool expected(Operation operation, const KeyAttributes& key, KeyState state) {
    if (state != KeyState::active) return false;
    const auto is = [&](KeyUsage usage, KeyMode mode, std::set<KeyAlgorithm> algorithms) {
        return key.usage == usage && key.mode == mode && algorithms.contains(key.algorithm);
    };
    using enum KeyAlgorithm;
    switch (operation) {
        case Operation::derive_initial_key:
        case Operation::derive_card_key:
            return is(KeyUsage::base_derivation, KeyMode::derive, {aes});
        case Operation::wrap_key:
            return is(KeyUsage::zone_master, KeyMode::wrap, {tdes});
        case Operation::leave_under_key:
        case Operation::unwrap_working_keys:
        case Operation::use_working_keys:
            return is(KeyUsage::terminal_master, KeyMode::unwrap, {tdes});
        case Operation::generate_mac:
        case Operation::verify_mac:
            return is(KeyUsage::mac, KeyMode::mac_both, {des, tdes});
    }
    return false;
}

TEST(Authorise, PermitsWhatIsListedAndDeniesEverythingElse) {
    std::size_t permitted = 0;
    std::size_t denied = 0;
    for (unsigned operation = 0; operation < operation_count; ++operation) {
        for (unsigned usage = 0; usage < protocol::key_usages; ++usage) {
            for (unsigned algorithm = 0; algorithm < protocol::key_algorithms; ++algorithm) {
                for (const char mode : modes) {
                    for (const KeyState state : {KeyState::active, KeyState::suspended}) {
                        const KeyAttributes key{static_cast<KeyUsage>(usage),
                                                static_cast<KeyAlgorithm>(algorithm),
                                                static_cast<KeyMode>(mode)};
                        const auto op = static_cast<Operation>(operation);
                        const auto verdict = authorise(op, key, state);
                        EXPECT_EQ(verdict.has_value(), expected(op, key, state))
                            << operation << ' ' << usage << ' ' << algorithm << ' ' << mode;
                        if (!verdict) {
                            EXPECT_EQ(verdict.error().kind, ErrorKind::denied);
                        }
                        ++(verdict ? permitted : denied);
                    }
                }
            }
        }
    }
    EXPECT_EQ(permitted, 2U + 1U + 3U + 2U * 2U);
    EXPECT_EQ(permitted + denied, operation_count * 6U * 4U * 5U * 2U);
}

TEST(Authorise, AKeyOfNoRowCannotBeMade) {
    EXPECT_FALSE(attributes_for(KeyUsage::base_derivation, KeyAlgorithm::tdes).has_value());
    EXPECT_FALSE(attributes_for(KeyUsage::mac, KeyAlgorithm::aes).has_value());
    EXPECT_FALSE(attributes_for(KeyUsage::zone_master, KeyAlgorithm::des).has_value());
    EXPECT_TRUE(attributes_for(KeyUsage::mac, KeyAlgorithm::des).has_value());
}

TEST(Authorise, PinAndDataKeysDoNothing) {
    for (const KeyUsage usage : {KeyUsage::pin, KeyUsage::data}) {
        for (unsigned operation = 0; operation < operation_count; ++operation) {
            const auto key = attributes_for(usage, KeyAlgorithm::tdes);
            EXPECT_FALSE(authorise(static_cast<Operation>(operation), *key, KeyState::active));
        }
    }
}

}  // namespace
}  // namespace softpos::keys
