// What is stored is there again; what was changed, cut or exchanged is refused by name.
#include "platform/keys/vault_store.h"

#include "base/hex.h"
#include "crypto/drbg.h"
#include "host/scratch_directory.h"
#include "platform/keys/soft_backend.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sys/stat.h>

namespace softpos::keys {
namespace {

KeyEntry key_named(const std::string& name) {
    return {.name = name,
            .attributes = *attributes_for(KeyUsage::terminal_master, KeyAlgorithm::tdes),
            .state = KeyState::active,
            .body = {KeyProtection::soft, SecretBytes::copy_of(Buffer(16, 0xA5))}};
}

class VaultStoreTest : public ::testing::Test {
protected:
    Result<void> open() {
        seen_.clear();
        store_.reset();
        auto opened = VaultStore::open({path(), random_, keeper_},
                                       [this](const Entry& entry) -> Result<void> {
                                           if (const auto* key = std::get_if<KeyEntry>(&entry))
                                               seen_.push_back(key->name);
                                           if (std::get_if<ReplayEntry>(&entry) != nullptr)
                                               seen_.emplace_back("replay");
                                           return {};
                                       });
        if (!opened) return std::unexpected(opened.error());
        store_ = std::move(*opened);
        return {};
    }
    void add(const std::string& name) {
        EntryWriter writer;
        writer.put(Entry(key_named(name)));
        ASSERT_TRUE(store_->append(writer.bytes()).has_value());
    }
    std::string path() const { return scratch_.file("vault"); }
    std::string file(const std::string& name) const { return path() + "/" + name; }
    static std::string content(const std::string& name) {
        std::ifstream in(name, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void overwrite(const std::string& name, const std::string& text) {
        std::ofstream(name, std::ios::binary | std::ios::trunc) << text;
    }
    void flip(const std::string& name, std::size_t at) {
        std::string bytes = content(file(name));
        bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
        overwrite(file(name), bytes);
    }

    host::ScratchDirectory scratch_;
    crypto::KeyRandom random_;
    SoftBackend keeper_{random_};
    std::unique_ptr<VaultStore> store_;
    std::vector<std::string> seen_;
};

using Names = std::vector<std::string>;

TEST_F(VaultStoreTest, GivesBackWhatWasAppendedInOrder) {
    ASSERT_TRUE(open());
    EXPECT_EQ(seen_, Names{});
    add("a");
    add("b");
    ASSERT_TRUE(open());
    EXPECT_EQ(seen_, (Names{"a", "b"}));
    add("c");
    ASSERT_TRUE(open());
    EXPECT_EQ(seen_, (Names{"a", "b", "c"}));
}

TEST_F(VaultStoreTest, SnapshotTakesThePlaceOfTheLog) {
    ASSERT_TRUE(open());
    add("old");
    ASSERT_TRUE(store_->write_snapshot([](const auto& put) {
        for (int i = 0; i < 1000; ++i) put(Entry(key_named("k" + std::to_string(i))));
        put(Entry(ReplayEntry{}));
    }));
    EXPECT_EQ(store_->log_bytes(), 0U);
    EXPECT_FALSE(std::filesystem::exists(file("keys.log.1")));
    add("after");
    ASSERT_TRUE(open());
    ASSERT_EQ(seen_.size(), 1002U);
    EXPECT_EQ(seen_.front(), "k0");
    EXPECT_EQ(seen_[1000], "replay");
    EXPECT_EQ(seen_.back(), "after");
}

TEST_F(VaultStoreTest, OnlyTheOwnerReadsTheMasterKey) {
    ASSERT_TRUE(open());
    struct stat status {};
    ASSERT_EQ(::stat(file("master.key").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U);
    EXPECT_EQ(status.st_size, 32);
    ASSERT_EQ(::stat(path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077U, 0U);
}

// Shows: MPOC-4A-2.5
TEST_F(VaultStoreTest, NothingOfAKeyStandsInTheFiles) {
    ASSERT_TRUE(open());
    add("secret-name");
    ASSERT_TRUE(
        store_->write_snapshot([](const auto& put) { put(Entry(key_named("secret-name"))); }));
    add("secret-name");
    for (const char* name : {"keys.snapshot", "keys.log.2"}) {
        const std::string bytes = content(file(name));
        ASSERT_FALSE(bytes.empty()) << name;
        EXPECT_EQ(bytes.find(std::string(8, '\xA5')), std::string::npos) << name;
        EXPECT_EQ(bytes.find("secret-name"), std::string::npos) << name;
    }
}

TEST_F(VaultStoreTest, EveryChangedByteOfTheSnapshotIsSeen) {
    ASSERT_TRUE(open());
    ASSERT_TRUE(store_->write_snapshot([](const auto& put) { put(Entry(key_named("a"))); }));
    store_.reset();
    const std::string good = content(file("keys.snapshot"));
    for (std::size_t at = 0; at < good.size(); ++at) {
        flip("keys.snapshot", at);
        const auto opened = open();
        ASSERT_FALSE(opened.has_value()) << at;
        EXPECT_EQ(opened.error().kind, ErrorKind::malformed);
        overwrite(file("keys.snapshot"), good);
    }
    for (std::size_t size = 0; size < good.size(); ++size) {
        overwrite(file("keys.snapshot"), good.substr(0, size));
        ASSERT_FALSE(open().has_value()) << size;
    }
    overwrite(file("keys.snapshot"), good);
    EXPECT_TRUE(open());
}

TEST_F(VaultStoreTest, ALogOfAnotherSnapshotIsRefused) {
    ASSERT_TRUE(open());
    add("a");
    const std::string old = content(file("keys.log.1"));
    ASSERT_TRUE(store_->write_snapshot([](const auto&) {}));
    store_.reset();
    overwrite(file("keys.log.2"), old);
    const auto opened = open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().kind, ErrorKind::malformed);
}

TEST_F(VaultStoreTest, RecordsCannotBeExchanged) {
    ASSERT_TRUE(open());
    add("a");
    const std::size_t one = content(file("keys.log.1")).size();
    add("b");
    store_.reset();
    const std::string both = content(file("keys.log.1"));
    overwrite(file("keys.log.1"), both.substr(one) + both.substr(0, one));
    EXPECT_EQ(open().error().kind, ErrorKind::malformed);
    overwrite(file("keys.log.1"), both.substr(one));
    EXPECT_EQ(open().error().kind, ErrorKind::malformed) << "the first was taken out";
}

TEST_F(VaultStoreTest, ATornLastRecordIsCutOff) {
    ASSERT_TRUE(open());
    add("a");
    add("b");
    store_.reset();
    const std::string both = content(file("keys.log.1"));
    overwrite(file("keys.log.1"), both.substr(0, both.size() - 3));
    ASSERT_TRUE(open());
    EXPECT_EQ(seen_, Names{"a"});
    add("c");
    ASSERT_TRUE(open());
    EXPECT_EQ(seen_, (Names{"a", "c"}));
}

// More than one record cannot be torn by a crash: that is damage, and it is kept for inspection.
TEST_F(VaultStoreTest, DamageInTheMiddleOfALongLogIsRefused) {
    ASSERT_TRUE(open());
    for (int i = 0; i < 600; ++i) add("key-" + std::to_string(i));
    store_.reset();
    const std::string good = content(file("keys.log.1"));
    ASSERT_GT(good.size(), 2 * record_entries_bytes_max);  // More than one torn record can be.
    flip("keys.log.1", 100);
    const auto opened = open();
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().kind, ErrorKind::malformed);
    EXPECT_EQ(content(file("keys.log.1.damaged")).size(), good.size());
}

TEST_F(VaultStoreTest, AMissingPartIsNotMadeAnew) {
    ASSERT_TRUE(open());
    store_.reset();
    const std::string key = content(file("master.key"));
    std::filesystem::remove(file("master.key"));
    EXPECT_EQ(open().error().kind, ErrorKind::not_found);
    overwrite(file("master.key"), key);
    ASSERT_TRUE(open());
    store_.reset();
    std::filesystem::remove(file("keys.snapshot"));
    EXPECT_EQ(open().error().kind, ErrorKind::not_found);
}

TEST_F(VaultStoreTest, AnotherMasterKeyOpensNothing) {
    ASSERT_TRUE(open());
    store_.reset();
    flip("master.key", 5);
    EXPECT_EQ(open().error().kind, ErrorKind::malformed);
    overwrite(file("master.key"), "short");
    EXPECT_EQ(open().error().kind, ErrorKind::malformed);
}

TEST(VaultRecords, RefusesEntriesThatNobodyWrites) {
    EntryWriter writer;
    writer.put(Entry(key_named("a")));
    writer.put(Entry(ReplayEntry{}));
    const Buffer good(writer.bytes().begin(), writer.bytes().end());
    ASSERT_EQ(read_entries(good).value().size(), 2U);
    for (std::size_t size = 1; size < good.size(); ++size) {
        const auto cut = read_entries(Bytes(good).first(size));
        // Behind the first entry a cut leaves a whole list of one.
        if (cut) {
            EXPECT_EQ(cut->size(), 1U) << size;
        }
    }
    // K, 1, 'a', usage 2, algorithm 1, mode D, exportability E, version 0, dual control 0, state 0,
    // protection 0, size 16: anything else there is no key of ours.
    for (const auto& [at, value] : {std::pair{0U, 'Q'},
                                    {1U, '\0'},
                                    {3U, '\7'},
                                    {4U, '\0'},
                                    {5U, 'N'},
                                    {6U, 'S'},
                                    {7U, '\x64'},
                                    {8U, '\2'},
                                    {9U, '\6'},
                                    {9U, '\5'},
                                    {10U, '\3'},
                                    {11U, '\0'},
                                    {11U, '\x11'}}) {
        Buffer bad = good;
        bad[at] = static_cast<std::uint8_t>(value);
        EXPECT_FALSE(read_entries(bad).has_value()) << at << ' ' << value;
    }
}

}  // namespace
}  // namespace softpos::keys
