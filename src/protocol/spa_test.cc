// SPA/1: every message comes back as it went, in one form only, and nothing cut or changed passes
// for another.
#include "protocol/spa.h"

#include "base/hex.h"
#include "testing/bit_flips.h"

#include <gtest/gtest.h>

namespace softpos::protocol {
namespace {

template <std::size_t size>
std::array<std::uint8_t, size> filled(std::uint8_t with) {
    std::array<std::uint8_t, size> out{};
    out.fill(with);
    return out;
}

DeviceClaims claims() {
    return {"android", "Pixel 9a", "16", "cn.example.spos", 104, 3};
}

std::vector<Finding> findings() {
    return {{FindingCode::adb, TrustClass::app, 1}, {FindingCode::debugger, TrustClass::core, 77}};
}

SignedBody signed_body() {
    return {Buffer(40, 0x11), Buffer(71, 0x30)};
}

PermitRequest permit_request() {
    PermitRequest body;
    body.terminal_id = "T0000001";
    body.nonce = filled<32>(7);
    body.sequence = 70'000;
    body.journal_head = filled<32>(8);
    body.purpose = PermitPurpose::pin;
    body.amount_minor = 12'800;
    body.parent = Id128{filled<16>(9)};
    body.claims = claims();
    body.hardware = 0x0F;
    body.findings = findings();
    body.location = Location{39'904'200, -116'407'400, 12, 30, LocationSource::network};
    body.phone_time = Instant{1'790'000'000'500};
    return body;
}

std::vector<SpaBody> bodies() {
    const EnrolStatement statement{
        Id128{filled<16>(1)}, filled<32>(2), filled<65>(4), filled<65>(5),
        filled<32>(6),        claims(),      0x1F,          findings(),
        std::nullopt,         std::nullopt};
    CoreGrant grant;
    grant.core_sign_point = filled<65>(4);
    grant.nonce = filled<32>(2);
    grant.issued_at = {1'790'000'000'000};
    grant.terminal_id = "T0000001";
    grant.merchant_id = "826290058120001";
    grant.merchant_name = "小面馆";
    grant.serial_number = "00000108ABCDEF";
    grant.card_key_envelope = Buffer(93, 3);
    grant.emv_parameters = "terminal\n9F1A = 0156\n";
    const Permit permit{Id128{filled<16>(3)},
                        "T0000001",
                        filled<32>(7),
                        PermitPurpose::tap,
                        100'000,
                        156,
                        0x0F,
                        {1'790'000'000'000},
                        60,
                        3};
    const Command command{
        Id128{filled<16>(3)}, "T0000001", 4, CommandAction::wipe_keys, {1'790'000'000'000}};
    const Report report{"T0000001",    70'001,
                        filled<32>(8), {{69'999, FindingCode::hook, Severity::critical, 5}},
                        findings(),    {{Id128{filled<16>(3)}, true}}};
    return {statement, grant, permit_request(), permit, command, report};
}

std::vector<SpaRequest> requests() {
    return {EnrolBegin{"ABCD-EFGH", claims()},
            EnrolEvidence{"ABCD-EFGH",
                          "-----BEGIN\nx\n",
                          Buffer(300, 1),
                          Buffer(70, 2),
                          {{EvidenceKind::android_key, Buffer(5000, 3)}}},
            EnrolEvidence{"ABCD-EFGH",
                          "-----BEGIN\nx\n",
                          Buffer(300, 1),
                          Buffer(70, 2),
                          {{EvidenceKind::tpm_quote, Buffer(900, 3)}},
                          Buffer(700, 4)},
            PermitAsk{signed_body(), {{EvidenceKind::tpm_quote, Buffer(500, 3)}}},
            ReportSent{signed_body()}};
}

std::vector<SpaAnswer> answers() {
    return {EnrolChallenge{Id128{filled<16>(1)},
                           filled<32>(2),
                           120,
                           3,
                           {EvidenceKind::tpm_quote, EvidenceKind::dev_process}},
            EnrolCredential{Buffer(70, 5), Buffer(258, 6)},
            Enrolled{"-----BEGIN\n", "-----BEGIN\n", 3, 4, Buffer(9000, 1), Buffer(70, 2)},
            PermitGiven{signed_body(), {signed_body()}},
            ReportTaken{{signed_body()}},
            SpaRefused{"R-7F21", false, {signed_body()}}};
}

// Decodes to what it was, and no part of it decodes at all.
template <typename Message, typename Decode>
void comes_back(const Message& message, Decode decode) {
    const Buffer wire = encode(message);
    const auto back = decode(wire);
    ASSERT_TRUE(back.has_value()) << back.error().what.c_str();
    EXPECT_TRUE(*back == message);
    EXPECT_EQ(to_hex(encode(*back)), to_hex(wire));
    for (std::size_t cut = 0; cut < wire.size(); ++cut) {
        ASSERT_FALSE(decode(Bytes(wire).first(cut)).has_value()) << cut;
    }
    Buffer more = wire;
    more.push_back(0);
    EXPECT_FALSE(decode(more).has_value());
}

TEST(Spa, EveryMessageComesBack) {
    for (const SpaRequest& one : requests()) comes_back(one, decode_spa_request);
    for (const SpaAnswer& one : answers()) comes_back(one, decode_spa_answer);
    for (const SpaBody& one : bodies()) comes_back(one, decode_spa_body);
}

TEST(Spa, DirectionsAreNotMixedUp) {
    for (const SpaRequest& one : requests()) EXPECT_FALSE(decode_spa_answer(encode(one)));
    for (const SpaAnswer& one : answers()) EXPECT_FALSE(decode_spa_request(encode(one)));
}

// Shows: A7
TEST(Spa, AChangedBitNeverGivesASecondForm) {
    for (const SpaBody& one : bodies()) {
        testing::for_each_turned_bit(encode(one), [&](const Buffer& changed, std::size_t bit) {
            const auto back = decode_spa_body(changed);
            if (!back) return;
            ASSERT_EQ(encode(*back), changed) << "bit " << bit;
            ASSERT_FALSE(*back == one);
        });
    }
}

TEST(Spa, OtherVersionsAreUnsupported) {
    Buffer wire = encode(SpaBody(permit_request()));
    ASSERT_EQ(wire[1], spa_version);
    wire[1] = 2;
    EXPECT_EQ(decode_spa_body(wire).error().kind, ErrorKind::unsupported);
}

TEST(Spa, LimitsHold) {
    EXPECT_EQ(decode_spa_request(Buffer(spa_message_bytes_max + 1)).error().kind,
              ErrorKind::denied);
    PermitRequest many = permit_request();
    many.findings.assign(findings_max, findings()[0]);
    EXPECT_TRUE(decode_spa_body(encode(SpaBody(many))));
    // One more, by hand: the writer would not.
    Buffer wire = encode(SpaBody(many));
    const std::string hex = to_hex(wire);
    EXPECT_NE(hex.find("9830"), std::string::npos);
    wire[hex.find("9830") / 2 + 1] = 0x31;
    EXPECT_FALSE(decode_spa_body(wire));
}

// Shows: MPOC-1E-1.6
TEST(Spa, APinPermitNamesItsTapAndNoOtherDoes) {
    PermitRequest body = permit_request();
    Buffer wire = encode(SpaBody(body));
    const std::string hex = to_hex(wire);
    // The purpose stands behind the journal head: pin (2) becomes tap (1).
    const std::size_t at = hex.find("5820" + to_hex(filled<32>(8))) / 2 + 34;
    ASSERT_EQ(wire[at], 2);
    wire[at] = 1;
    EXPECT_FALSE(decode_spa_body(wire));
}

// Shows: MPOC-1A-5
TEST(Spa, SignaturesOfTheTwoSidesCannotStandForEachOther) {
    const Buffer body(10, 1);
    EXPECT_NE(core_signed_message(body), platform_signed_message(body));
    EXPECT_NE(core_signed_message(body), permit_evidence_message(body));
}

TEST(Spa, BindingCoversEveryPart) {
    const Digest32 nonce = filled<32>(1), measurement = filled<32>(4);
    const Point65 sign = filled<65>(2), seal = filled<65>(3);
    EXPECT_EQ(to_hex(binding_message({nonce, sign, seal, measurement, 0x01020304})),
              to_hex(bytes_of("spos-bind/1")) + to_hex(nonce) + to_hex(sign) + to_hex(seal) +
                  to_hex(measurement) + "01020304");
}

TEST(Spa, ActivationCoversBindingAndSecret) {
    EXPECT_EQ(to_hex(activation_message(Buffer{1, 2}, Buffer{3})),
              to_hex(bytes_of("spos-activate/1")) + "010203");
    EXPECT_NE(activation_message(Buffer{1, 2}, Buffer{3}), permit_evidence_message(Buffer{1, 2}));
}

TEST(Spa, ACredentialIsNeitherEmptyNorEndless) {
    const Buffer wire = encode(SpaAnswer(EnrolCredential{Buffer(1, 7), Buffer(2, 8)}));
    ASSERT_EQ(to_hex(wire), "84010A4107420808");
    EXPECT_TRUE(decode_spa_answer(wire));
    EXPECT_FALSE(decode_spa_answer(from_hex("84010A40420808").value()));
    EXPECT_TRUE(decode_spa_answer(
        encode(SpaAnswer(EnrolCredential{Buffer(credential_part_bytes_max, 7), Buffer(2, 8)}))));
    Buffer long_one = from_hex("84010A590281").value();  // One byte more than there may be.
    append(long_one, Buffer(credential_part_bytes_max + 1, 7));
    append(long_one, from_hex("420808").value());
    EXPECT_FALSE(decode_spa_answer(long_one));
}

TEST(Spa, EvidenceKindsHaveNames) {
    for (unsigned i = 1; i <= evidence_kinds; ++i) {
        const auto kind = static_cast<EvidenceKind>(i);
        EXPECT_EQ(evidence_kind_named(name_of(kind)), kind);
    }
    EXPECT_FALSE(evidence_kind_named("trust-me"));
}

}  // namespace
}  // namespace softpos::protocol
