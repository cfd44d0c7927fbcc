// A real token: SoftHSM in a folder of the test. What it computes is compared with the library that
// the rest of the house uses; what it must not do is tried.
#include "platform/token/token.h"

#include "base/hex.h"
#include "crypto/dukpt_aes.h"
#include "crypto/kcv.h"
#include "crypto/mac.h"
#include "host/durable_file.h"
#include "host/gate.h"
#include "host/scratch_directory.h"
#include "platform/token/token_files.h"
#include "testing/prng.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace softpos::token {
namespace {

constexpr KeyId base_id{1};
constexpr KeyId seal_id{2};
constexpr std::string_view label = "softpos test";

KeyShape derives(const KeyId& id, std::size_t bytes = 16) {
    return {.work = KeyWork::derive, .bytes = bytes, .id = id, .label = "base"};
}
KeyShape seals(const KeyId& id) {
    return {.work = KeyWork::seal, .bytes = 32, .id = id, .label = "kek"};
}

class TokenTest : public ::testing::Test {
protected:
    TokenTest() : softhsm_{.folder = scratch_.file("hsm"), .label = std::string(label)} {}

    void SetUp() override {
        ASSERT_TRUE(softhsm_.make(random_));
        open();
    }
    void open() {
        token_.reset();
        auto opened = Token::open(place(), clock_);
        ASSERT_TRUE(opened.has_value()) << opened.error().what.c_str() << opened.error().detail;
        token_ = std::move(*opened);
    }
    TokenPlace place() const {
        return {.module_path = softhsm_.module_path,
                .label = softhsm_.label,
                .pin = read_pin_file(softhsm_.pin_path()).value()};
    }
    // What a token does that restarts: every session of this process is gone, and its login.
    void lose_sessions() const {
        const auto module = std::move(Cryptoki::load(softhsm_.module_path).value());
        module->close_all_sessions(module->slot_of(label).value());
    }
    void hide_token() const {
        std::filesystem::rename(scratch_.file("hsm/tokens"), scratch_.file("hsm/elsewhere"));
        std::filesystem::create_directory(scratch_.file("hsm/tokens"));
    }
    void show_token() const {
        std::filesystem::remove_all(scratch_.file("hsm/tokens"));
        std::filesystem::rename(scratch_.file("hsm/elsewhere"), scratch_.file("hsm/tokens"));
    }

    host::ScratchDirectory scratch_;
    SystemRandom random_;
    ManualClock clock_{Instant{1'000'000}};
    SoftHsm softhsm_;
    std::unique_ptr<Token> token_;
};

Error error_of(const auto& result) {
    EXPECT_FALSE(result.has_value());
    return result ? Error{ErrorKind::internal, "none"} : result.error();
}

TEST_F(TokenTest, ComputesWhatTheLibraryComputes) {
    auto prng = testing::Prng::from_environment();
    std::uint8_t number = 10;
    for (const std::size_t size : {16U, 32U}) {
        const KeyId id{number++};
        const Buffer key = prng.bytes(size);
        ASSERT_TRUE(token_->import(derives(id, size), key));
        const Buffer blocks = prng.bytes(48);
        EXPECT_EQ(to_hex(token_->encrypt_blocks(id, blocks).value().bytes()),
                  to_hex(crypto::ecb_encrypt(crypto::Cipher::aes, key, blocks).value()));
        EXPECT_EQ(to_hex(token_->cmac(id, blocks).value()),
                  to_hex(crypto::cmac(crypto::Cipher::aes, key, blocks).value().bytes()));
    }
}

TEST_F(TokenTest, GoesDownThePathOfDukpt) {
    auto prng = testing::Prng::from_environment();
    for (const std::size_t size : {16U, 32U}) {
        const KeyId id{static_cast<std::uint8_t>(size)};
        const Buffer bdk = prng.bytes(size);
        ASSERT_TRUE(token_->import(derives(id, size), bdk));
        for (const std::uint32_t counter : {1U, 0x12U, 0xFFFFU, 0xFFFF0000U}) {
            const auto ksn = crypto::AesKsn::make(prng.bytes(8), counter);
            constexpr auto usage = crypto::DukptUsage::pin_encryption;
            constexpr auto kind = crypto::DukptKeyKind::aes128;
            const auto steps = crypto::dukpt_aes_path(size, ksn, usage, kind).value();
            EXPECT_EQ(to_hex(token_->encrypt_down(id, steps).value().bytes()),
                      to_hex(crypto::dukpt_aes_host_key(bdk, ksn, usage, kind).value().bytes()))
                << size << ' ' << counter << " SEED=" << prng.seed();
        }
    }
}

TEST_F(TokenTest, WhatItSealsOnlyItOpensAndOnlyUnchanged) {
    ASSERT_TRUE(token_->generate(seals(seal_id)));
    ASSERT_TRUE(token_->generate(seals(KeyId{3})));
    const auto nonce = random_.take<12>();
    const Buffer plain = Buffer(40, 0x5A);
    const Cryptoki::Gcm gcm{nonce, bytes_of("name")};
    const Buffer sealed = token_->seal(seal_id, gcm, plain).value();
    EXPECT_EQ(sealed.size(), plain.size() + 16);
    EXPECT_EQ(to_hex(token_->open_sealed(seal_id, gcm, sealed).value().bytes()), to_hex(plain));
    EXPECT_FALSE(token_->open_sealed(KeyId{3}, gcm, sealed));
    EXPECT_FALSE(token_->open_sealed(seal_id, {nonce, bytes_of("nama")}, sealed));
    EXPECT_EQ(error_of(token_->open_sealed(seal_id, gcm, Bytes(sealed).first(8))).kind,
              ErrorKind::denied);
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        Buffer changed = sealed;
        changed[i] ^= 1;
        EXPECT_FALSE(token_->open_sealed(seal_id, gcm, changed)) << i;
    }
    EXPECT_TRUE(token_->open_sealed(seal_id, gcm, sealed));
}

TEST_F(TokenTest, AKeyDoesItsOwnWorkOnlyAndNeverComesOut) {
    ASSERT_TRUE(token_->generate(derives(base_id)));
    ASSERT_TRUE(token_->generate(seals(seal_id)));
    EXPECT_TRUE(token_->is_confined(base_id).value());
    EXPECT_TRUE(token_->is_confined(seal_id).value());
    const Buffer block(16);
    EXPECT_TRUE(token_->encrypt_blocks(base_id, block));
    EXPECT_EQ(error_of(token_->encrypt_blocks(seal_id, block)).kind, ErrorKind::unavailable);
    EXPECT_FALSE(token_->cmac(seal_id, block));
    const std::vector<Buffer> steps{block, block};
    EXPECT_TRUE(token_->encrypt_down(base_id, steps));
    EXPECT_FALSE(token_->encrypt_down(seal_id, steps));
    EXPECT_FALSE(token_->seal(base_id, {random_.take<12>(), {}}, block));
}

TEST_F(TokenTest, KeysStayAfterARestartAndGoWhenDestroyed) {
    ASSERT_TRUE(token_->generate(derives(base_id)));
    const Buffer block(16);
    const std::string before = to_hex(token_->encrypt_blocks(base_id, block).value().bytes());
    // A try whose answer was lost comes again.
    ASSERT_TRUE(token_->generate(derives(base_id)));
    EXPECT_EQ(to_hex(token_->encrypt_blocks(base_id, block).value().bytes()), before);
    open();
    EXPECT_EQ(to_hex(token_->encrypt_blocks(base_id, block).value().bytes()), before);
    EXPECT_TRUE(token_->has(base_id).value());
    ASSERT_TRUE(token_->destroy(base_id));
    EXPECT_FALSE(token_->has(base_id).value());
    EXPECT_EQ(error_of(token_->encrypt_blocks(base_id, block)).kind, ErrorKind::not_found);
    EXPECT_TRUE(token_->destroy(base_id)) << "what is not there is gone";
}

TEST_F(TokenTest, LosingItsSessionsIsNotSeenOutside) {
    ASSERT_TRUE(token_->generate(derives(base_id)));
    const Buffer block(16);
    const std::string before = to_hex(token_->encrypt_blocks(base_id, block).value().bytes());
    for (int i = 0; i < 3; ++i) {
        lose_sessions();
        const auto after = token_->encrypt_blocks(base_id, block);
        ASSERT_TRUE(after.has_value());
        EXPECT_EQ(to_hex(after->bytes()), before);
        clock_.advance(std::chrono::milliseconds(1));
    }
}

TEST_F(TokenTest, WhileItIsAwayNothingWorksAndLaterItDoesAgain) {
    ASSERT_TRUE(token_->generate(derives(base_id)));
    const Buffer block(16);
    lose_sessions();
    hide_token();
    EXPECT_EQ(error_of(token_->encrypt_blocks(base_id, block)).kind, ErrorKind::unavailable);
    EXPECT_EQ(error_of(token_->generate(derives(KeyId{9}))).kind, ErrorKind::unavailable);
    EXPECT_EQ(error_of(token_->has(base_id)).kind, ErrorKind::unavailable);
    show_token();
    // Not with every call: a token that is away would be asked a thousand times a second.
    EXPECT_EQ(error_of(token_->encrypt_blocks(base_id, block)).kind, ErrorKind::unavailable);
    clock_.advance(std::chrono::milliseconds(Token::reconnect_ms));
    EXPECT_TRUE(token_->encrypt_blocks(base_id, block));
    EXPECT_FALSE(token_->has(KeyId{9}).value());
}

TEST_F(TokenTest, AWrongPinIsTriedOnce) {
    token_.reset();
    TokenPlace wrong = place();
    wrong.pin = SecretBytes::copy_of(bytes_of("000000"));
    EXPECT_EQ(error_of(Token::open(std::move(wrong), clock_)).kind, ErrorKind::unavailable);
    open();
    EXPECT_TRUE(token_->has(base_id));
}

// Sixteen threads, each a few times.
void work_together(Token& token, std::span<const Buffer> steps, const std::string& expected) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i) {
        threads.emplace_back([&] {
            for (int k = 0; k < 20; ++k) {
                const auto key = token.encrypt_down(base_id, steps);
                ASSERT_TRUE(key.has_value()) << key.error().what.c_str();
                ASSERT_EQ(to_hex(key->bytes()), expected);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

// Those that find it lost at one time connect once, and wait for a session where there is none.
TEST_F(TokenTest, ManyThreadsShareTheTokenAndItsLoss) {
    ASSERT_TRUE(token_->generate(derives(base_id)));
    const std::vector<Buffer> steps{Buffer(16, 1), Buffer(16, 2), Buffer(16, 3)};
    const std::string expected = to_hex(token_->encrypt_down(base_id, steps).value().bytes());
    lose_sessions();
    work_together(*token_, steps, expected);
    token_.reset();
    TokenPlace wide = place();
    wide.sessions_max = 4;
    token_ = std::move(Token::open(std::move(wide), clock_).value());
    ASSERT_TRUE(token_->encrypt_down(base_id, steps)) << "the key is found once";
    work_together(*token_, steps, expected);
}

// As the vault runs: no file but below the folder, no socket, no program.
int live_behind_the_gate(const std::string& folder, const std::function<int()>& live) {
    if (::geteuid() == 0) {  // The gate gives root up.
        for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
            EXPECT_EQ(::lchown(entry.path().c_str(), host::vault_uid_default, 0), 0);
        }
        EXPECT_EQ(::chown(folder.c_str(), host::vault_uid_default, 0), 0);
        EXPECT_EQ(::chmod(std::filesystem::path(folder).parent_path().c_str(), 0711), 0);
    }
    const pid_t child = ::fork();
    if (child == 0) {
        const auto open = host::Directory::open(folder);
        host::GateOptions gate;
        gate.uid = host::vault_uid_default;
        gate.writable_dirs = {open->fd()};
        gate.extra_syscalls.assign(softhsm_calls.begin(), softhsm_calls.end());
        gate.failing_syscalls.assign(softhsm_calls_failing.begin(), softhsm_calls_failing.end());
        ::_exit(host::enter_gate(gate) ? live() : 99);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST_F(TokenTest, WorksAndConnectsAgainBehindTheGate) {
    const int ended = live_behind_the_gate(softhsm_.folder, [&] {
        if (!token_->generate(derives(base_id)) || !token_->generate(seals(seal_id))) return 1;
        const std::vector<Buffer> steps{Buffer(16, 1), Buffer(16, 2)};
        if (!token_->encrypt_down(base_id, steps)) return 2;
        lose_sessions();
        if (!token_->encrypt_down(base_id, steps)) return 3;
        if (!token_->seal(seal_id, {random_.take<12>(), {}}, Buffer(16))) return 4;
        if (token_->open_sealed(seal_id, {random_.take<12>(), {}}, Buffer(40))) return 5;
        return token_->destroy(base_id) ? 0 : 6;
    });
    EXPECT_EQ(ended, 0);
}

TEST_F(TokenTest, AModuleThatIsNoneOrIsTakenIsSeenAtStart) {
    TokenPlace nowhere = place();
    nowhere.module_path = scratch_.file("none.so");
    EXPECT_EQ(error_of(Token::open(std::move(nowhere), clock_)).kind, ErrorKind::unavailable);
    TokenPlace other = place();
    other.module_path = "libdl.so.2";
    EXPECT_EQ(error_of(Token::open(std::move(other), clock_)).kind, ErrorKind::unavailable);
    EXPECT_EQ(error_of(Token::open(place(), clock_)).kind, ErrorKind::unavailable) << "taken";
    EXPECT_TRUE(token_->has(base_id)) << "the first is not disturbed";
    token_.reset();
    TokenPlace label_of_none = place();
    label_of_none.label = "another";
    EXPECT_EQ(error_of(Token::open(std::move(label_of_none), clock_)).kind, ErrorKind::unavailable);
}

TEST_F(TokenTest, ASecondTokenInTheFolderIsRefused) {
    EXPECT_EQ(error_of(softhsm_.make(random_)).kind, ErrorKind::conflict);
}

TEST_F(TokenTest, ThePinFileIsPrivate) {
    const std::string path = softhsm_.pin_path();
    EXPECT_TRUE(read_pin_file(path));
    for (const mode_t mode : {0640U, 0604U, 0660U, 0602U}) {
        ASSERT_EQ(::chmod(path.c_str(), mode), 0);
        EXPECT_EQ(error_of(read_pin_file(path)).kind, ErrorKind::denied) << mode;
    }
    ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
    std::filesystem::create_symlink(path, scratch_.file("link"));
    EXPECT_FALSE(read_pin_file(scratch_.file("link")));
    EXPECT_EQ(error_of(read_pin_file(scratch_.file("none"))).kind, ErrorKind::not_found);
    for (const std::string& text : {std::string(), std::string("\n"), std::string(65, '1')}) {
        const std::string other = scratch_.file("pin");
        ASSERT_TRUE(host::write_durably(other, bytes_of(text)));
        EXPECT_FALSE(read_pin_file(other)) << text.size();
    }
    ASSERT_TRUE(host::write_durably(scratch_.file("pin"), bytes_of("1234\n")));
    EXPECT_EQ(text_of(read_pin_file(scratch_.file("pin")).value().bytes()), "1234");
}

}  // namespace
}  // namespace softpos::token
