// Making a vault's folder once, and never starting with other keys than it was made for.
#include "platform/keys/vault_config.h"

#include "crypto/drbg.h"
#include "host/durable_file.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_vault.h"
#include "platform/token/token_files.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace softpos::keys {
namespace {

class VaultConfigTest : public ::testing::Test {
protected:
    std::string folder() const { return scratch_.file("vault"); }
    Result<void> init(KeyHome home) {
        return init_vault({.folder = folder(), .home = home}, random_, clock_);
    }
    Result<std::unique_ptr<SoftVault>> open() {
        const auto config = TRY(read_vault_config(folder()));
        return SoftVault::open(folder(), random_,
                               {.backend = TRY(open_backend(config, random_, clock_))});
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    ManualClock clock_{Instant{0}};
};

TEST_F(VaultConfigTest, AVaultIsMadeOnceAndStartsAsItWasMade) {
    for (const KeyHome home : {KeyHome::software, KeyHome::softhsm}) {
        ASSERT_TRUE(init(home)) << name_of(home);
        EXPECT_EQ(init(home).error().kind, ErrorKind::conflict);
        KeyCheck check{};
        {
            const auto vault = open();
            ASSERT_TRUE(vault.has_value()) << vault.error().what.c_str();
            check = (*vault)->create_bdk("bdk").value();
        }
        const auto vault = open();
        ASSERT_TRUE(vault.has_value()) << vault.error().what.c_str();
        const auto info = (*vault)->key_info("bdk").value();
        EXPECT_EQ(info.check_value, check);
        EXPECT_EQ(info.protection,
                  home == KeyHome::software ? KeyProtection::soft : KeyProtection::token);
        std::filesystem::remove_all(folder());
    }
}

TEST_F(VaultConfigTest, WithoutInitThereIsNoVault) {
    EXPECT_EQ(open().error().kind, ErrorKind::not_found);
    EXPECT_FALSE(std::filesystem::exists(folder()));
}

TEST_F(VaultConfigTest, AMissingModuleOrPinIsNeverReplacedBySoftware) {
    ASSERT_TRUE(init(KeyHome::softhsm));
    { ASSERT_TRUE(open().value()->create_bdk("bdk")); }
    const std::string pin = folder() + "/token.pin";
    std::filesystem::rename(pin, scratch_.file("pin"));
    EXPECT_FALSE(open());
    std::filesystem::rename(scratch_.file("pin"), pin);
    std::filesystem::permissions(pin, std::filesystem::perms::group_read,
                                 std::filesystem::perm_options::add);
    EXPECT_EQ(open().error().kind, ErrorKind::denied);
    std::filesystem::permissions(pin, std::filesystem::perms::group_read,
                                 std::filesystem::perm_options::remove);
    // Nor by an operator's edit.
    ASSERT_TRUE(host::write_durably(folder() + "/vault.json", bytes_of("{\"keys\":\"software\"}")));
    EXPECT_EQ(open().error().kind, ErrorKind::not_found);
    EXPECT_FALSE(init_vault({.folder = scratch_.file("other"),
                             .home = KeyHome::softhsm,
                             .module_path = scratch_.file("none.so")},
                            random_, clock_));
    EXPECT_FALSE(std::filesystem::exists(scratch_.file("other") + "/vault.json"));
}

TEST_F(VaultConfigTest, ATokenOfOthersIsUsedWhereItIs) {
    const token::SoftHsm softhsm{.folder = scratch_.file("hsm"), .label = "site"};
    ASSERT_TRUE(softhsm.make(random_));
    VaultConfig config{.folder = folder(),
                       .home = KeyHome::pkcs11,
                       .module_path = softhsm.module_path,
                       .label = "site",
                       .pin_path = softhsm.pin_path()};
    ASSERT_TRUE(init_vault(config, random_, clock_));
    EXPECT_TRUE(open().value()->create_bdk("bdk"));
    std::filesystem::remove_all(folder());
    for (std::string VaultConfig::*member :
         {&VaultConfig::module_path, &VaultConfig::label, &VaultConfig::pin_path}) {
        VaultConfig lacking = config;
        lacking.*member = "";
        EXPECT_EQ(init_vault(lacking, random_, clock_).error().kind, ErrorKind::malformed);
        lacking.*member = "a\"b";
        EXPECT_FALSE(init_vault(lacking, random_, clock_));
    }
    config.folder = "relative";
    EXPECT_EQ(init_vault(config, random_, clock_).error().kind, ErrorKind::malformed);
}

TEST_F(VaultConfigTest, WhatIsNoConfigurationIsRefused) {
    ASSERT_TRUE(init(KeyHome::software));
    for (const char* text : {"", "{}", "{\"keys\":\"hardware\"}", "{\"keys\":\"softhsm\"}",
                             "{\"keys\":\"software\",\"module\":\"/x\"}", "[]"}) {
        ASSERT_TRUE(host::write_durably(folder() + "/vault.json", bytes_of(text)));
        EXPECT_EQ(open().error().kind, ErrorKind::malformed) << text;
    }
}

}  // namespace
}  // namespace softpos::keys
