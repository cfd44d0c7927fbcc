// What an acquirer's host asks of its keys: MACs of each kind, card cryptograms, and the PINs and
// MACs of terminals that count as TDES DUKPT does.
#include "base/hex.h"
#include "crypto/block_modes.h"
#include "crypto/dukpt_tdes.h"
#include "crypto/emv_keys.h"
#include "crypto/mac.h"
#include "crypto/tr31.h"
#include "platform/keys/vault_core_parts.h"
#include "platform/keys/vault_test_host.h"
#include "testing/vectors.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <set>

namespace softpos::keys {
namespace {

using protocol::MacPadding;
using protocol::PinBlockFormat;
using protocol::TerminalKsn;
using testing::unhex;
using testing_ends::expect_fault;
using testing_ends::Phone;
using testing_ends::phone_id;

const Buffer kbpk = unhex("C1D2E3F405162738495A6B7C8D9EAFB00112233445566778899AABBCCDDEEFF1");
const Buffer data = unhex("4E6F77206973207468652074696D6520666F7220616C6C20");

class VaultHostTest : public testing_ends::HostTest {
protected:
    void SetUp() override {
        HostTest::SetUp();
        agree_protection("kbpk", KeyAlgorithm::aes, kbpk);
    }
    // Four letters as in the block: usage, algorithm, mode.
    Result<KeyCheck> bring(const std::string& alias, KeyUsage usage, std::string_view letters,
                           Bytes key) {
        crypto::KeyBlockHeader header;
        header.usage =
            static_cast<crypto::KeyUsage>(crypto::key_usage_code(letters[0], letters[1]));
        header.algorithm = static_cast<crypto::KeyAlgorithm>(letters[2]);
        header.mode = static_cast<crypto::KeyMode>(letters[3]);
        const auto block = crypto::export_key_block(kbpk, header, key, random_);
        return vault_->import_key_block(
            {.alias = alias, .protection_key = "kbpk", .usage = usage, .block = block.value()});
    }
    std::string mac(const std::string& alias, MacPadding padding = MacPadding::zeros) {
        const auto made = vault_->generate_mac({.alias = alias, .padding = padding, .data = data});
        return made ? to_hex(*made) : "none";
    }
    Result<void> check(const std::string& alias, Bytes value,
                       MacPadding padding = MacPadding::zeros) {
        return vault_->check_mac({.alias = alias,
                                  .padding = padding,
                                  .data = data,
                                  .mac = {value.begin(), value.end()}});
    }
};

INSTANTIATE_TEST_SUITE_P(Homes, VaultHostTest, ::testing::Bool());

// ---- MACs -----------------------------------------------------------------------------------

TEST_P(VaultHostTest, EachKeyMakesTheMacOfItsUsage) {
    const Buffer tdes = unhex("0123456789ABCDEFFEDCBA9876543210");
    const Buffer wide = prng_.bytes(16);
    ASSERT_TRUE(bring("cbc:t", KeyUsage::mac_cbc, "M1TC", tdes));
    ASSERT_TRUE(bring("cbc:a", KeyUsage::mac_cbc, "M1AC", wide));
    ASSERT_TRUE(bring("retail", KeyUsage::mac_retail, "M3TC", tdes));
    ASSERT_TRUE(bring("cmac", KeyUsage::mac_cmac, "M6AC", wide));
    ASSERT_TRUE(bring("hmac", KeyUsage::mac_hmac, "M7HC", wide));
    const auto cbc_t = crypto::BlockKey::make(crypto::Cipher::tdes, tdes).value();
    const auto cbc_a = crypto::BlockKey::make(crypto::Cipher::aes, wide).value();
    for (const auto& [ours, theirs] : {std::pair{MacPadding::zeros, crypto::Padding::zeros},
                                       std::pair{MacPadding::bit, crypto::Padding::bit},
                                       std::pair{MacPadding::length, crypto::Padding::length}}) {
        EXPECT_EQ(mac("cbc:t", ours), to_hex(crypto::iso9797_alg1(cbc_t, data, theirs).bytes()));
        EXPECT_EQ(mac("cbc:a", ours), to_hex(crypto::iso9797_alg1(cbc_a, data, theirs).bytes()));
        EXPECT_EQ(mac("retail", ours), to_hex(crypto::iso9797_alg3(tdes, data, theirs).value()));
    }
    EXPECT_EQ(mac("cmac"), to_hex(crypto::cmac(crypto::Cipher::aes, wide, data).value().bytes()));
    EXPECT_EQ(mac("hmac"), to_hex(crypto::hmac_sha256(wide, data)));
    // Published: ISO 9797-1:2011, B.4.
    EXPECT_EQ(mac("retail").substr(0, 8), "A1C72E74");
}

// Version A as old machines write it: keys by XOR, the MAC over the ciphertext. Spec:
// [TR-31] 5.3.2.
std::string old_block(Bytes protection, const std::string& head, Bytes key) {
    const auto variant = [&](std::uint8_t letter) {
        Buffer out(protection.begin(), protection.end());
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(byte ^ letter);
        return out;
    };
    Buffer payload{0, static_cast<std::uint8_t>(8 * key.size())};
    append(payload, key);
    payload.resize((payload.size() + 7) / 8 * 8);
    const Buffer under = variant('E');
    const Buffer sealed = crypto::mode_encrypt({.cipher = crypto::Cipher::tdes,
                                                .mode = crypto::BlockMode::cbc,
                                                .key = under,
                                                .iv = bytes_of(head).first(8)},
                                               payload)
                              .value();
    Buffer covered(head.begin(), head.end());
    append(covered, sealed);
    const auto mac_key = crypto::BlockKey::make(crypto::Cipher::tdes, variant('M')).value();
    const auto mac = crypto::iso9797_alg1(mac_key, covered, crypto::Padding::zeros);
    return head + to_hex(sealed) + to_hex(mac.first(4));
}

// Single DES comes in with the flag for old stock only, never goes out, and makes what X9.9 says.
TEST_P(VaultHostTest, SingleDesMakesTheMacOfOldLinks) {
    const Buffer old = unhex("00112233445566778899AABBCCDDEEFF");
    agree_protection("kbpk:old", KeyAlgorithm::tdes, old);
    const Buffer key = unhex("0123456789ABCDEF");
    protocol::ImportKeyBlockRequest request{.alias = "x9.9",
                                            .protection_key = "kbpk:old",
                                            .usage = KeyUsage::mac_cbc,
                                            .block = old_block(old, "A0056M1DC00E0000", key)};
    expect_fault(vault_->import_key_block(request), ErrorKind::denied, VaultFault::key_block);
    request.legacy = true;
    ASSERT_TRUE(vault_->import_key_block(request));
    expect_fault(
        vault_->export_key_block(
            {.alias = "x9.9", .protection_key = "kbpk:old", .kind = protocol::KeyBlockKind::tdes}),
        ErrorKind::denied, VaultFault::key_block);
    const auto file = testing::read_shared("crypto/mac.json");
    if (!file) GTEST_SKIP();
    std::size_t compared = 0;
    const auto vectors = boost::json::parse(*file);
    for (const auto& row : vectors.at("vectors").as_array()) {
        const auto& fields = row.as_object();
        const std::string name(fields.at("alg").as_string());
        if (!name.starts_with("ANSI X9.19") || fields.at("key") != to_hex(key).c_str()) continue;
        const auto made = vault_->generate_mac(
            {.alias = "x9.9", .data = unhex(std::string(fields.at("msg").as_string()))});
        EXPECT_EQ(to_hex(made.value()), std::string(fields.at("mac").as_string()));
        ++compared;
    }
    EXPECT_GT(compared, 0U);
}

TEST_P(VaultHostTest, AMacIsCheckedByItsFirstBytes) {
    ASSERT_TRUE(vault_->create_key(
        {.alias = "mac", .usage = KeyUsage::mac_hmac, .algorithm = KeyAlgorithm::hmac}));
    const Buffer whole = unhex(mac("mac"));
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const auto checked = check("mac", Bytes(whole).first(size));
        if (size >= protocol::mac_bytes_min) {
            EXPECT_TRUE(checked) << size;
        } else {
            expect_fault(checked, ErrorKind::denied, VaultFault::mac);
        }
    }
    for (std::size_t i = 0; i < whole.size(); ++i) {
        Buffer wrong = whole;
        wrong[i] ^= 0x80;
        expect_fault(check("mac", wrong), ErrorKind::denied, VaultFault::mac);
    }
    Buffer longer(33, 0);
    expect_fault(check("mac", longer), ErrorKind::denied, VaultFault::mac);
    ASSERT_TRUE(vault_->create_key(
        {.alias = "short", .usage = KeyUsage::mac_cmac, .algorithm = KeyAlgorithm::tdes}));
    Buffer more = unhex(mac("short"));
    more.push_back(0);
    expect_fault(check("short", more), ErrorKind::denied, VaultFault::mac);
}

TEST_P(VaultHostTest, KeysOfOtherUsagesMakeNoMac) {
    ASSERT_TRUE(vault_->create_bdk("bdk"));
    ASSERT_TRUE(vault_->create_serial_key("serial"));
    ASSERT_TRUE(vault_->create_key(
        {.alias = "imk", .usage = KeyUsage::card_cryptogram, .algorithm = KeyAlgorithm::tdes}));
    ASSERT_TRUE(vault_->create_key(
        {.alias = "off", .usage = KeyUsage::mac_cmac, .algorithm = KeyAlgorithm::sm4}));
    ASSERT_TRUE(vault_->set_key_state("off", KeyState::suspended));
    for (const char* alias : {"bdk", "serial", "imk", "off", "kbpk"}) {
        expect_fault(vault_->generate_mac({.alias = alias, .data = data}), ErrorKind::denied,
                     VaultFault::not_permitted);
        expect_fault(check(alias, Buffer(8)), ErrorKind::denied, VaultFault::not_permitted);
    }
    expect_fault(check("none", Buffer(8)), ErrorKind::not_found, VaultFault::unknown_key);
}

// ---- Cards ----------------------------------------------------------------------------------

class VaultCryptogramTest : public VaultHostTest {
protected:
    void SetUp() override {
        VaultHostTest::SetUp();
        ASSERT_TRUE(bring("imk", KeyUsage::card_cryptogram, "E0TX", master_));
    }
    // What the card of this number computes.
    SecretBytes session_key(protocol::CardKeyMethod method) const {
        using protocol::CardKeyMethod;
        constexpr auto odd = crypto::KeyParity::odd;
        if (method == CardKeyMethod::unionpay) {
            const auto key = crypto::unionpay_card_key(master_, pan_, "01").value();
            return crypto::unionpay_session_key(key.bytes(), 0x0102).value();
        }
        const auto key = method == CardKeyMethod::emv_option_a
                             ? crypto::card_key_option_a(master_, pan_, "01", odd).value()
                             : crypto::card_key_option_b(master_, pan_, "01", odd).value();
        return crypto::emv_session_key(key.bytes(), 0x0102).value();
    }
    protocol::CheckCryptogramRequest request(protocol::CardKeyMethod method) const {
        protocol::CheckCryptogramRequest out{.alias = "imk",
                                             .method = method,
                                             .pan = SecretBytes::copy_of(bytes_of(pan_)),
                                             .pan_sequence = {'0', '1'},
                                             .counter = 0x0102,
                                             .data = data};
        out.cryptogram = crypto::application_cryptogram(session_key(method).bytes(), data);
        return out;
    }

    Buffer master_ = unhex("9E15204313F7318ACB79B90BD986AD29");
    std::string_view pan_ = "6210940000000003123";
};

INSTANTIATE_TEST_SUITE_P(Homes, VaultCryptogramTest, ::testing::Bool());

TEST_P(VaultCryptogramTest, ARightCryptogramIsAnsweredWhereAskedFor) {
    using enum protocol::CardKeyMethod;
    std::set<std::string> answers;
    for (const auto method : {unionpay, emv_option_a, emv_option_b}) {
        EXPECT_EQ(vault_->check_cryptogram(request(method)).value(), std::nullopt);
        auto asked = request(method);
        asked.response_code = std::array<std::uint8_t, 2>{'0', '0'};
        const auto cryptogram = asked.cryptogram;
        const auto answer = vault_->check_cryptogram(std::move(asked));
        ASSERT_TRUE(answer.has_value() && answer->has_value());
        EXPECT_EQ(**answer,
                  crypto::arpc_method1(session_key(method).bytes(), cryptogram, {'0', '0'}));
        answers.insert(to_hex(**answer));
    }
    EXPECT_EQ(answers.size(), 3U) << "each method has keys of its own";
}

TEST_P(VaultCryptogramTest, AnythingElseIsNot) {
    using enum protocol::CardKeyMethod;
    std::vector<protocol::CheckCryptogramRequest> wrong;
    for (int i = 0; i < 6; ++i) wrong.push_back(request(unionpay));
    wrong[0].cryptogram[7] ^= 1;
    wrong[1].counter += 1;
    wrong[2].pan_sequence = {'0', '0'};
    wrong[3].pan.writable()[5] ^= 1;
    wrong[4].data[0] ^= 1;
    wrong[5].method = emv_option_a;
    for (auto& one : wrong) {
        one.response_code = std::array<std::uint8_t, 2>{'0', '0'};
        expect_fault(vault_->check_cryptogram(std::move(one)), ErrorKind::denied,
                     VaultFault::cryptogram);
    }
    auto letters = request(unionpay);
    letters.pan.writable()[3] = 'A';
    expect_fault(vault_->check_cryptogram(std::move(letters)), ErrorKind::malformed,
                 VaultFault::malformed_request);
    auto other_key = request(unionpay);
    other_key.alias = "kbpk";
    expect_fault(vault_->check_cryptogram(std::move(other_key)), ErrorKind::denied,
                 VaultFault::not_permitted);
}

// ---- Terminals of the field -----------------------------------------------------------------

class FieldTerminalTest : public VaultHostTest {
protected:
    static constexpr std::string_view pan = "6210940000000003";

    void SetUp() override {
        VaultHostTest::SetUp();
        ASSERT_TRUE(bring("bdk:field", KeyUsage::terminal_base_derivation, "B0TX", base_));
        ASSERT_TRUE(bring("zpk", KeyUsage::pin, "P0TE", zone_pin_key_));
        ASSERT_TRUE(vault_->create_bdk("bdk"));
        Phone phone(*vault_, "bdk", phone_id);
        stored_ =
            vault_->open_card("bdk", phone.seal(unhex("01")), unhex("01")).value().stored_form;
    }
    crypto::TdesKsn ksn(std::uint32_t counter, std::uint8_t device = 0x20) const {
        crypto::TdesKsn out;
        out.bytes = {0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, device, 0, 0};
        return out.with_counter(counter);
    }
    SecretBytes key(const crypto::TdesKsn& at, crypto::TdesDukptUsage usage) const {
        return crypto::dukpt_tdes_host_key(base_, at, usage).value();
    }
    protocol::TranslateTerminalPinRequest pin(const crypto::TdesKsn& at, std::string_view digits,
                                              crypto::PinFormat format = crypto::PinFormat::iso0) {
        const auto under = key(at, crypto::TdesDukptUsage::pin_encryption);
        const auto cipher = crypto::BlockKey::make(crypto::Cipher::tdes, under.bytes()).value();
        const Pan card = Pan::parse(pan).value();
        const auto block =
            crypto::encrypt_pin(format, cipher, crypto::Pin::parse(bytes_of(digits)).value(), &card,
                                random_)
                .value();
        protocol::TranslateTerminalPinRequest out{.base_key = "bdk:field",
                                                  .ksn = at.bytes,
                                                  .stored_form = stored_,
                                                  .terminal_key = "zpk"};
        out.from = format == crypto::PinFormat::iso0 ? PinBlockFormat::iso0 : PinBlockFormat::iso3;
        std::ranges::copy(block.bytes(), out.block.begin());
        return out;
    }
    // What the network finds.
    std::string found(const Result<Buffer>& block,
                      crypto::PinFormat format = crypto::PinFormat::iso0) const {
        if (!block) return "none";
        const auto cipher = crypto::BlockKey::make(crypto::Cipher::tdes, zone_pin_key_).value();
        const Pan card = Pan::parse(pan).value();
        const auto digits = crypto::decrypt_pin(format, cipher, *block, &card);
        return digits ? std::string(text_of(digits->clear_digits())) : "none";
    }
    Buffer request_mac(const crypto::TdesKsn& at, Bytes message) const {
        const auto under = key(at, crypto::TdesDukptUsage::mac_request);
        const auto mac = crypto::iso9797_alg3(under.bytes(), message, crypto::Padding::zeros);
        return {mac->begin(), mac->end()};
    }
    Result<void> check_mac(const crypto::TdesKsn& at, Bytes message, Bytes value) {
        return vault_->check_terminal_mac({.base_key = "bdk:field",
                                           .ksn = at.bytes,
                                           .data = {message.begin(), message.end()},
                                           .mac = {value.begin(), value.end()}});
    }

    Buffer base_ = unhex("0123456789ABCDEFFEDCBA9876543210");
    Buffer zone_pin_key_ = unhex("5DB50B454F8389ADCE573BE50861F2BF");
    Buffer stored_;
};

INSTANTIATE_TEST_SUITE_P(Homes, FieldTerminalTest, ::testing::Bool());

TEST_P(FieldTerminalTest, ThePinArrivesUnderTheZoneKey) {
    std::uint32_t counter = 0;
    for (const auto from : {crypto::PinFormat::iso0, crypto::PinFormat::iso3}) {
        for (const auto to : {PinBlockFormat::iso0, PinBlockFormat::iso3}) {
            auto request = pin(ksn(++counter), "123456", from);
            request.format = to;
            EXPECT_EQ(found(vault_->translate_terminal_pin(request), to == PinBlockFormat::iso0
                                                                         ? crypto::PinFormat::iso0
                                                                         : crypto::PinFormat::iso3),
                      "123456");
        }
    }
    auto sm4 = pin(ksn(++counter), "1234");
    sm4.format = PinBlockFormat::unionpay_sm4;
    expect_fault(vault_->translate_terminal_pin(sm4), ErrorKind::denied, VaultFault::not_permitted);
    sm4 = pin(ksn(++counter), "1234");
    sm4.from = PinBlockFormat::unionpay_sm4;
    expect_fault(vault_->translate_terminal_pin(sm4), ErrorKind::malformed,
                 VaultFault::malformed_request);
}

TEST_P(FieldTerminalTest, ASerialNumberIsUsedOnce) {
    const auto first = pin(ksn(5), "1234");
    const auto second = pin(ksn(5), "4321");
    const Buffer block = vault_->translate_terminal_pin(first).value();
    EXPECT_EQ(vault_->translate_terminal_pin(first).value(), block) << "an answer was lost";
    expect_fault(vault_->translate_terminal_pin(second), ErrorKind::denied,
                 VaultFault::pin_refused);
    reopen();
    EXPECT_TRUE(vault_->translate_terminal_pin(first));
    expect_fault(vault_->translate_terminal_pin(second), ErrorKind::denied,
                 VaultFault::pin_refused);
    for (std::uint32_t i = 6; i < 6 + ReplayWindow::entries_max; ++i) {
        ASSERT_TRUE(vault_->translate_terminal_pin(pin(ksn(i), "1234"))) << i;
    }
    expect_fault(vault_->translate_terminal_pin(first), ErrorKind::denied,
                 VaultFault::pin_refused);  // Below the window.
    // Another terminal counts for itself; so does this one for its MACs.
    EXPECT_TRUE(vault_->translate_terminal_pin(pin(ksn(5, 0x40), "1234")));
    EXPECT_TRUE(check_mac(ksn(1), data, request_mac(ksn(1), data)));
}

// A phone whose id has the same bytes is another device.
TEST_P(FieldTerminalTest, PhonesAndTerminalsDoNotShareTheirNumbers) {
    std::array<std::uint8_t, 8> same = id_of(ksn(1));
    Phone phone(*vault_, "bdk", same);
    ASSERT_TRUE(vault_->open_card("bdk", phone.seal(unhex("01")), unhex("01")));
    EXPECT_TRUE(vault_->translate_terminal_pin(pin(ksn(1), "1234")));
    ASSERT_TRUE(vault_->revoke_terminal(same));
    expect_fault(vault_->open_card("bdk", phone.seal(unhex("01")), unhex("01")), ErrorKind::denied,
                 VaultFault::terminal_revoked);
    EXPECT_TRUE(vault_->translate_terminal_pin(pin(ksn(2), "1234")));
    ASSERT_TRUE(vault_->revoke_field_terminal(same));
    reopen();
    expect_fault(vault_->translate_terminal_pin(pin(ksn(3), "1234")), ErrorKind::denied,
                 VaultFault::pin_refused);
    expect_fault(check_mac(ksn(3), data, request_mac(ksn(3), data)), ErrorKind::denied,
                 VaultFault::terminal_revoked);
}

TEST_P(FieldTerminalTest, GuessingEndsUntilTheTerminalIsUnlocked) {
    const auto good = pin(ksn(9), "1234");
    for (unsigned i = 0; i < VaultCore::pin_failures_max; ++i) {
        auto made_up = good;
        prng_.random().fill(made_up.block);
        expect_fault(vault_->translate_terminal_pin(made_up), ErrorKind::denied,
                     VaultFault::pin_refused);
    }
    expect_fault(vault_->translate_terminal_pin(good), ErrorKind::denied, VaultFault::pin_refused);
    reopen();
    EXPECT_EQ(vault_->status().value().pin_locked_phones, 1U);
    expect_fault(vault_->unlock_field_terminal({1, 2, 3}), ErrorKind::not_found,
                 VaultFault::unknown_key);
    ASSERT_TRUE(vault_->unlock_field_terminal(id_of(ksn(9))));
    EXPECT_EQ(found(vault_->translate_terminal_pin(good)), "1234");
    EXPECT_EQ(vault_->status().value().pin_locked_phones, 0U);
}

TEST_P(FieldTerminalTest, WrongCountersAndKeysHaveTheOneAnswer) {
    auto request = pin(ksn(1), "1234");
    request.ksn[9] = 0;  // Counter 0 is nobody's.
    expect_fault(vault_->translate_terminal_pin(request), ErrorKind::denied,
                 VaultFault::pin_refused);
    expect_fault(check_mac(ksn(0), data, Buffer(8)), ErrorKind::denied, VaultFault::mac);
    request = pin(ksn(1), "1234");
    for (const char* base : {"bdk", "zpk", "kbpk"}) {
        request.base_key = base;
        expect_fault(vault_->translate_terminal_pin(request), ErrorKind::denied,
                     VaultFault::not_permitted);
    }
    request.base_key = "bdk:field";
    for (const char* target : {"bdk", "bdk:field", "kbpk"}) {
        request.terminal_key = target;
        expect_fault(vault_->translate_terminal_pin(request), ErrorKind::denied,
                     VaultFault::not_permitted);
    }
}

TEST_P(FieldTerminalTest, MacsGoBothWays) {
    const Buffer mac = request_mac(ksn(2), data);
    for (std::size_t i = 0; i < mac.size(); ++i) {
        Buffer wrong = mac;
        wrong[i] ^= 1;
        expect_fault(check_mac(ksn(2), data, wrong), ErrorKind::denied, VaultFault::mac);
    }
    expect_fault(check_mac(ksn(2), data, Bytes(mac).first(5)), ErrorKind::denied, VaultFault::mac);
    EXPECT_TRUE(check_mac(ksn(2), data, Bytes(mac).first(4)));
    EXPECT_TRUE(check_mac(ksn(2), data, mac)) << "the same message again";
    const Buffer other = unhex("00");
    expect_fault(check_mac(ksn(2), other, request_mac(ksn(2), other)), ErrorKind::denied,
                 VaultFault::serial_reused);
    const auto answer =
        vault_->answer_terminal_mac({.base_key = "bdk:field", .ksn = ksn(2).bytes, .data = data});
    const auto under = key(ksn(2), crypto::TdesDukptUsage::mac_response);
    EXPECT_EQ(to_hex(answer.value()),
              to_hex(crypto::iso9797_alg3(under.bytes(), data, crypto::Padding::zeros).value()));
    EXPECT_NE(*answer, mac) << "what it sends cannot be its answer";
}

TEST_P(FieldTerminalTest, PublishedMacsAreRight) {
    const auto file = testing::read_shared("crypto/dukpt_tdes.json");
    if (!file) GTEST_SKIP();
    const auto vectors = boost::json::parse(*file);
    const std::string message(vectors.at("mac_message_ascii").as_string());
    ASSERT_EQ(unhex(std::string(vectors.at("bdk").as_string())), base_);
    for (const auto& row : vectors.at("rows").as_array()) {
        const auto at =
            crypto::TdesKsn::parse(unhex(std::string(row.at("ksn").as_string()))).value();
        if (!row.as_object().contains("mac_request")) continue;
        const Buffer mac = unhex(std::string(row.at("mac_request").as_string()));
        const auto checked = check_mac(at, bytes_of(message), mac);
        const bool too_old =
            !checked && checked.error().detail == detail_of(VaultFault::serial_too_old);
        EXPECT_TRUE(checked || too_old) << row;
    }
}

}  // namespace
}  // namespace softpos::keys
