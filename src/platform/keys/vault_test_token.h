// For tests: a token of SoftHSM in a folder of the test, and what can happen to it.
#pragma once

#include "base/check.h"
#include "base/clock.h"
#include "crypto/drbg.h"
#include "host/scratch_directory.h"
#include "platform/keys/token_backend.h"
#include "platform/token/token_files.h"

#include <filesystem>
#include <memory>
#include <string>

namespace softpos::keys::testing_ends {

class TestToken {
public:
    TestToken() : softhsm_{.folder = scratch_.file("hsm"), .label = "softpos"} {
        crypto::KeyRandom random;
        CHECK(softhsm_.make(random).has_value());
        auto token = open();
        CHECK(TokenBackend::prepare(*token).has_value());
    }

    std::unique_ptr<token::Token> open() {
        auto token = token::Token::open({.module_path = softhsm_.module_path,
                                         .label = softhsm_.label,
                                         .pin = token::read_pin_file(softhsm_.pin_path()).value()},
                                        clock_);
        CHECK(token.has_value());
        return std::move(*token);
    }
    std::unique_ptr<KeyBackend> backend(Random& random) {
        return std::make_unique<TokenBackend>(open(), random);
    }

    // Its sessions and its objects are gone until come_back().
    void go_away() {
        const auto module = std::move(token::Cryptoki::load(softhsm_.module_path).value());
        module->close_all_sessions(module->slot_of(softhsm_.label).value());
        std::filesystem::rename(tokens(), elsewhere());
        std::filesystem::create_directory(tokens());
    }
    void come_back() {
        std::filesystem::remove_all(tokens());
        std::filesystem::rename(elsewhere(), tokens());
        clock_.advance(std::chrono::milliseconds(token::Token::reconnect_ms));
    }
    const token::SoftHsm& softhsm() const { return softhsm_; }

private:
    std::string tokens() const { return scratch_.file("hsm/tokens"); }
    std::string elsewhere() const { return scratch_.file("hsm/elsewhere"); }

    host::ScratchDirectory scratch_;
    ManualClock clock_{Instant{1'000'000}};
    token::SoftHsm softhsm_;
};

}  // namespace softpos::keys::testing_ends
