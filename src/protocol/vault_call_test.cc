// Every call there and back, and what a strict reader must not let pass.
#include "protocol/vault_call.h"

#include "base/hex.h"
#include "protocol/vault_ticket.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::protocol {
namespace {

using testing::unhex;

void add_host_requests(std::vector<VaultRequest>& all) {
    all.emplace_back(
        CreateKeyRequest{"mac", KeyUsage::mac_hmac, KeyAlgorithm::hmac, Exportability::trusted});
    all.emplace_back(
        ImportKeyBlockRequest{"mac", "kbpk", KeyUsage::mac_cbc, true, "D0016M0TC00N0000"});
    all.emplace_back(ExportKeyBlockRequest{"mac", "kbpk", KeyBlockKind::sm4});
    all.emplace_back(GenerateMacRequest{"mac", MacPadding::length, Buffer(250, 2)});
    all.emplace_back(CheckMacRequest{"mac", MacPadding::bit, Buffer(), Buffer(4, 2)});
    CheckCryptogramRequest card{.alias = "imk",
                                .method = CardKeyMethod::emv_option_b,
                                .pan = SecretBytes::copy_of(bytes_of("6210940000000003")),
                                .counter = 0x0102,
                                .data = Buffer(40, 1),
                                .cryptogram = {1, 2, 3}};
    card.response_code = std::array<std::uint8_t, 2>{'0', '0'};
    all.emplace_back(std::move(card));
    all.emplace_back(CheckCryptogramRequest{.alias = "imk",
                                            .pan = SecretBytes::copy_of(bytes_of("621094000000")),
                                            .data = Buffer(1, 1)});
    all.emplace_back(TranslateTerminalPinRequest{
        "bdk", {1, 2}, {3, 4}, PinBlockFormat::iso3, Buffer(90, 5), "tmk:1", PinBlockFormat::iso0});
    all.emplace_back(CheckTerminalMacRequest{"bdk", {1, 2}, Buffer(40, 1), Buffer(8, 2)});
    all.emplace_back(AnswerTerminalMacRequest{"bdk", {1, 2}, Buffer(40, 1)});
    all.emplace_back(UnlockTerminalRequest{{1, 2, 3, 4, 5, 6, 7, 8}});
    all.emplace_back(RevokeTerminalRequest{{1, 2, 3}, DeviceKind::terminal});
    all.emplace_back(CreateClassicKeyRequest{"pos:1", "zmk:pos"});
    all.emplace_back(GiveWorkingKeysRequest{"pos:1"});
    all.emplace_back(
        TranslateClassicPinRequest{"pos:1", {1, 2}, Buffer(90, 5), "tmk:1", PinBlockFormat::iso0});
    all.emplace_back(KeepCardRequest{SecretBytes::copy_of(Buffer(60, 1))});
}

std::vector<VaultRequest> requests() {
    std::vector<VaultRequest> all;
    all.emplace_back(VaultStatusRequest{});
    all.emplace_back(KeyInfoRequest{"bdk-1"});
    all.emplace_back(SetKeyStateRequest{"bdk-1", KeyState::suspended});
    all.emplace_back(CreateBdkRequest{"bdk-1"});
    ImportZmkRequest zmk{.alias = "zmk", .components = {}};
    for (std::uint8_t i = 1; i <= 3; ++i) {
        zmk.components.push_back(SecretBytes::copy_of(Buffer(16, i)));
    }
    all.emplace_back(std::move(zmk));
    all.emplace_back(CreateTmkRequest{"tmk:12345678", "zmk"});
    all.emplace_back(ExportInitialKeyRequest{"bdk-1", {1, 2, 3, 4, 5, 6, 7, 8}, {4, 9}});
    LoadWorkingKeysRequest keys{.terminal_key = "tmk:12345678",
                                .pin_key = {Buffer(16, 1), {1, 2, 3, 4}},
                                .mac_key = {Buffer(8, 2), {5, 6, 7, 8}},
                                .data_key = {}};
    all.emplace_back(keys);
    keys.data_key = WorkingKeyCryptogram{Buffer(16, 3), {9, 9, 9, 9}};
    all.emplace_back(keys);
    all.emplace_back(OpenCardRequest{"bdk-1", {{1, 2, 3}, Buffer(80, 7)}, Buffer(18, 1)});
    all.emplace_back(OpenStoredRequest{Buffer(90, 8)});
    all.emplace_back(MacRequest{"tmk:12345678", Buffer(250, 2)});
    all.emplace_back(VerifyMacRequest{"tmk:12345678", Buffer(250, 2), {'A', 'B'}});
    all.emplace_back(CreatePinBdkRequest{"bdk:pins"});
    all.emplace_back(CreateSigningKeyRequest{"permit"});
    all.emplace_back(SignRequest{"permit", Buffer(100, 3)});
    all.emplace_back(PublicKeyRequest{"permit"});
    all.emplace_back(CreateSerialKeyRequest{"sk:12345678"});
    all.emplace_back(ExportSerialKeyRequest{"sk:12345678", {'1', '2'}, {4, 9}});
    all.emplace_back(
        CheckSerialCipherRequest{"sk:12345678", "00000801P20000000001", {'0', '3'}, {'4', 'E'}});
    all.emplace_back(DestroyKeyRequest{"sk:12345678"});
    all.emplace_back(RevokeTerminalRequest{{1, 2, 3, 4, 5, 6, 7, 8}, DeviceKind::phone});
    all.emplace_back(TranslatePinRequest{
        "bdk:pins", {{1, 2}, {3, 4}}, Buffer(90, 5), "tmk:1", PinBlockFormat::unionpay_sm4});
    all.emplace_back(SetOperatorsRequest{2, {{"anna", {4, 1}}, {"bo", {4, 2}}}});
    all.emplace_back(RequestApprovalRequest{Buffer(40, 1)});
    all.emplace_back(ApproveRequest{{1, 2, 3}, "anna", Buffer(70, 0x30)});
    all.emplace_back(ApplyRequest{{1, 2, 3}, Buffer(40, 1)});
    all.emplace_back(BeginCeremonyRequest{"zmk", KeyUsage::zone_master, KeyAlgorithm::tdes, 3});
    all.emplace_back(
        AddComponentRequest{"zmk", SecretBytes::copy_of(Buffer(16, 1)), "anna", Buffer(70, 0x30)});
    all.emplace_back(AddComponentRequest{"zmk", SecretBytes::copy_of(Buffer(32, 1)), {}, {}});
    all.emplace_back(FinishCeremonyRequest{"zmk", {1, 2, 3}});
    all.emplace_back(ReadJournalRequest{77});
    all.emplace_back(VerifyJournalRequest{});
    add_host_requests(all);
    return all;
}

JournalLine journal_line() {
    return {.sequence = 3,
            .at = {1'790'000'000'000},
            .call = 19,
            .outcome = JournalOutcome::refused,
            .fault = VaultFault::approval_needed,
            .count = 1,
            .caller = "uid:1000",
            .subject = "bdk:pins",
            .mac = {1, 2, 3}};
}

std::vector<VaultAnswer> answers() {
    const KeySummary key{.alias = "bdk-1",
                         .usage = KeyUsage::zone_master,
                         .algorithm = KeyAlgorithm::tdes,
                         .state = KeyState::suspended,
                         .check_value = {1, 2, 3}};
    std::vector<VaultAnswer> all;
    all.emplace_back(VaultStatus{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1ULL << 40, {key, key}});
    KeyInfoAnswer info;
    static_cast<KeySummary&>(info.key) = key;
    info.key.mode = KeyMode::unwrap;
    info.key.exportability = Exportability::sensitive;
    info.key.version = 7;
    info.key.dual_control = true;
    info.key.protection = KeyProtection::wrapped_soft;
    all.emplace_back(info);
    all.emplace_back(DoneAnswer{});
    all.emplace_back(KeyCheckAnswer{{1, 2, 3}});
    all.emplace_back(CreateTmkAnswer{{1, 2}, {3, 4, 5}});
    all.emplace_back(KeyEnvelopeAnswer{Buffer(97, 1)});
    all.emplace_back(OpenCardAnswer{SecretBytes::copy_of(Buffer(90, 1)), Buffer(80, 2),
                                    "621094******0001", true});
    all.emplace_back(OpenStoredAnswer{SecretBytes::copy_of(Buffer(90, 1))});
    all.emplace_back(MacAnswer{{'1', '2'}});
    all.emplace_back(SignatureAnswer{Buffer(70, 0x30)});
    all.emplace_back(PublicKeyAnswer{{4, 1, 2}});
    all.emplace_back(PinBlockAnswer{Buffer(8, 0x30)});
    all.emplace_back(TicketAnswer{{1, 2}, {1'790'000'000'000}, Buffer(120, 4)});
    all.emplace_back(ApprovalAnswer{1, 2});
    Buffer lines;
    put_journal_line(lines, journal_line());
    put_journal_line(lines, journal_line());
    all.emplace_back(JournalAnswer{lines, 4});
    all.emplace_back(JournalHeadAnswer{4, {1, 2}});
    all.emplace_back(KeyBlockAnswer{"D0016M0TC00N0000", {1, 2, 3}});
    all.emplace_back(MacBytesAnswer{Buffer(32, 1)});
    all.emplace_back(CryptogramAnswer{});
    all.emplace_back(CryptogramAnswer{std::array<std::uint8_t, 8>{1, 2}});
    all.emplace_back(WorkingKeysAnswer{{Buffer(16, 1), {1, 2, 3, 4}}, {Buffer(16, 2), {5, 6}}});
    all.emplace_back(KeepCardAnswer{Buffer(90, 2), "621094******0001"});
    all.emplace_back(VaultFailure{ErrorKind::denied, VaultFault::serial_reused});
    return all;
}

TEST(VaultCall, RequestsComeBackAsTheyWere) {
    for (const VaultRequest& request : requests()) {
        const Buffer message = encode(request);
        const auto decoded = decode_vault_request(message);
        ASSERT_TRUE(decoded.has_value()) << to_hex(message);
        EXPECT_EQ(decoded->index(), request.index());
        EXPECT_EQ(to_hex(encode(*decoded)), to_hex(message));
    }
}

TEST(VaultCall, AnswersComeBackAsTheyWere) {
    for (const VaultAnswer& answer : answers()) {
        const Buffer message = encode(answer);
        const auto decoded = decode_vault_answer(message);
        ASSERT_TRUE(decoded.has_value()) << to_hex(message);
        EXPECT_EQ(decoded->index(), answer.index());
        EXPECT_EQ(to_hex(encode(*decoded)), to_hex(message));
    }
}

TEST(VaultCall, FieldsLandWhereTheyBelong) {
    const auto decoded = decode_vault_request(
        encode(VaultRequest(CreateTmkRequest{.alias = "new", .zone_key = "zone"})));
    const auto& request = std::get<CreateTmkRequest>(*decoded);
    EXPECT_EQ(request.alias, "new");
    EXPECT_EQ(request.zone_key, "zone");
    const auto status = decode_vault_answer(encode(answers().front()));
    EXPECT_EQ(std::get<VaultStatus>(*status), std::get<VaultStatus>(answers().front()));
}

TEST(VaultCall, EveryCutAndEveryTailIsRefused) {
    for (const VaultRequest& request : requests()) {
        Buffer message = encode(request);
        for (std::size_t size = 0; size < message.size(); ++size) {
            const auto cut = decode_vault_request(Bytes(message).first(size));
            // Three components cut to two would be another message: the count says three.
            const bool without_last = cut && (std::get_if<LoadWorkingKeysRequest>(&*cut) ||
                                              std::get_if<CheckCryptogramRequest>(&*cut));
            ASSERT_TRUE(!cut || without_last) << to_hex(message) << ' ' << size;
        }
        message.push_back(0);
        EXPECT_FALSE(decode_vault_request(message).has_value());
    }
}

// A message that is accepted has exactly one form, whatever was changed in it.
TEST(VaultCall, ChangedMessagesAreRefusedOrMeanWhatTheySay) {
    auto prng = testing::Prng::from_environment();
    const auto all = requests();
    for (int round = 0; round < 20'000; ++round) {
        Buffer message = encode(all[prng.below(static_cast<unsigned>(all.size()))]);
        message[prng.below(static_cast<unsigned>(message.size()))] =
            static_cast<std::uint8_t>(prng.next());
        const auto decoded = decode_vault_request(message);
        if (decoded) {
            ASSERT_EQ(encode(*decoded), message) << "SEED=" << prng.seed();
        }
    }
}

TEST(VaultCall, RefusesOtherVersionsAndUnknownCalls) {
    Buffer message = encode(VaultRequest(VaultStatusRequest{}));
    ASSERT_EQ(to_hex(message), "C00101C10101");
    message[2] = 2;
    EXPECT_EQ(decode_vault_request(message).error().kind, ErrorKind::unsupported);
    EXPECT_EQ(decode_vault_request(unhex("C00101C10163")).error().kind, ErrorKind::unsupported);
    EXPECT_EQ(decode_vault_request({}).error().kind, ErrorKind::malformed);
    EXPECT_FALSE(decode_vault_answer(unhex("C00101C10101")).has_value()) << "that is a request";
}

TEST(VaultCall, NamesOfKeysAreShortAndPlain) {
    EXPECT_TRUE(is_key_alias("tmk:T0000001"));
    EXPECT_TRUE(is_key_alias(std::string(key_alias_bytes_max, 'a')));
    for (const std::string& bad :
         {std::string(), std::string(key_alias_bytes_max + 1, 'a'), std::string("a b"),
          std::string("a/b"), std::string("\xC3\xA9")}) {
        EXPECT_FALSE(is_key_alias(bad));
    }
    // C2 03 "a/b" as the name of a base key.
    EXPECT_FALSE(decode_vault_request(unhex("C00101C10104C203612F62")).has_value());
    EXPECT_TRUE(decode_vault_request(unhex("C00101C10104C203612E62")).has_value());
}

TEST(VaultCall, RefusesSizesThatNoKeyHas) {
    // Two components of 15 bytes.
    const std::string half = "0F" + std::string(30, '1');
    EXPECT_FALSE(
        decode_vault_request(unhex("C00101C10105C20161C30102C4" + half + "C5" + half)).has_value());
    // One component is no split knowledge.
    EXPECT_FALSE(decode_vault_request(unhex("C00101C10105C20161C30101C410" + std::string(32, '1')))
                     .has_value());
}

TEST(VaultTicket, HasOneFormForEachContent) {
    const TicketContent content{.call = 19,
                                .subject = "bdk:pins",
                                .request_digest = {1, 2},
                                .expires = {1'790'000'000'000},
                                .nonce = {3, 4}};
    const Buffer ticket = write_ticket(content);
    EXPECT_EQ(read_ticket(ticket).value(), content);
    for (std::size_t size = 0; size < ticket.size(); ++size) {
        EXPECT_FALSE(read_ticket(Bytes(ticket).first(size)).has_value());
    }
    Buffer longer = ticket;
    longer.push_back(0);
    EXPECT_FALSE(read_ticket(longer).has_value());
    EXPECT_NE(component_statement("zmk", {1}), component_statement("zmk", {2}));
    EXPECT_NE(component_statement("zmk", {1}), component_statement("zm", {1}));
}

TEST(VaultJournal, LinesAreReadAsTheyWereWritten) {
    Buffer bytes;
    JournalLine second = journal_line();
    second.call = journal_call_unreadable;
    second.subject.clear();
    second.outcome = JournalOutcome::counted;
    second.count = 1'000'000;
    put_journal_line(bytes, journal_line());
    put_journal_line(bytes, second);
    EXPECT_EQ(read_journal_lines(bytes).value(), (std::vector{journal_line(), second}));
    EXPECT_LE(bytes.size(), 2 * journal_line_bytes_max);
    const std::size_t one = bytes.size() - journal_body(second).size() - 32;
    for (std::size_t size = 1; size < bytes.size(); ++size) {
        EXPECT_EQ(read_journal_lines(Bytes(bytes).first(size)).has_value(), size == one) << size;
    }
    EXPECT_EQ(name_of_call(19), "destroy_key");
    EXPECT_EQ(name_of_call(journal_call_unreadable), "unreadable");
}

TEST(VaultCall, EveryFaultHasANameAndAText) {
    for (unsigned i = 0; i < vault_faults; ++i) {
        const auto fault = static_cast<VaultFault>(i);
        EXPECT_FALSE(name_of(fault).empty());
        EXPECT_EQ(error_of(ErrorKind::denied, fault).detail, i);
    }
}

}  // namespace
}  // namespace softpos::protocol
