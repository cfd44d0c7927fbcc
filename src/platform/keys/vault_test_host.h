// For tests of the host's calls: a vault with keys in software or in a token, and a second party
// that knows the keys of key blocks.
#pragma once

#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_test_cards.h"
#include "platform/keys/vault_test_token.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

namespace softpos::keys::testing_ends {

// The parameter: whether the keys are in a token.
class HostTest : public ::testing::TestWithParam<bool> {
protected:
    void SetUp() override {
        if (GetParam()) token_.emplace();
        reopen();
    }

    void reopen() {
        vault_.reset();
        auto opened = SoftVault::open(scratch_.file("vault"), random_,
                                      {.backend = token_ ? token_->backend(random_)
                                                         : std::make_unique<SoftBackend>(random_)});
        CHECK(opened.has_value());
        vault_ = std::move(*opened);
    }

    // A key that both parties know, by ceremony. `key` has 16 or 32 bytes.
    void agree(const std::string& alias, KeyUsage usage, KeyAlgorithm algorithm, Bytes key) {
        CHECK(vault_->begin_ceremony({.alias = alias, .usage = usage, .algorithm = algorithm})
                  .has_value());
        Buffer first = prng_.bytes(key.size());
        Buffer second(key.begin(), key.end());
        for (std::size_t i = 0; i < second.size(); ++i) {
            second[i] = static_cast<std::uint8_t>(second[i] ^ first[i]);
        }
        for (const Buffer& part : {first, second}) {
            const SecretBytes bytes = SecretBytes::copy_of(part);
            CHECK(vault_->add_component({.alias = alias, .bytes = bytes}).has_value());
        }
        CHECK(vault_->finish_ceremony(alias, check_value_of(algorithm, key).value()).has_value());
    }
    void agree_protection(const std::string& alias, KeyAlgorithm algorithm, Bytes key) {
        agree(alias, KeyUsage::block_protection, algorithm, key);
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    testing::Prng prng_ = testing::Prng::from_environment();
    std::optional<TestToken> token_{};
    std::unique_ptr<SoftVault> vault_;
};

}  // namespace softpos::keys::testing_ends
