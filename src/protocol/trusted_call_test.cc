// Random values survive the wire; changed bytes are refused or mean something else, never crash.
#include "protocol/trusted_call.h"

#include "base/hex.h"
#include "base/money.h"
#include "protocol/call_fields.h"
#include "testing/prng.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::protocol {
namespace {

using testing::Prng;

std::string text(Prng& prng, std::size_t size, char first = ' ', unsigned kinds = 95) {
    std::string out(size, ' ');
    for (char& c : out) c = static_cast<char>(static_cast<unsigned>(first) + prng.below(kinds));
    return out;
}
std::string digits(Prng& prng, std::size_t size) {
    return text(prng, size, '0', 10);
}
template <std::size_t size>
std::array<std::uint8_t, size> array(Prng& prng) {
    return prng.random().take<size>();
}

SignedBody signed_body(Prng& prng) {
    return {prng.bytes(1 + prng.below(400)), prng.bytes(1 + prng.below(72))};
}

std::vector<Finding> findings(Prng& prng) {
    std::vector<Finding> list;
    for (unsigned i = prng.below(5); i > 0; --i) {
        list.push_back({static_cast<FindingCode>(1 + prng.below(finding_codes)),
                        static_cast<TrustClass>(1 + prng.below(trust_classes)),
                        prng.below(70'000)});
    }
    return list;
}

Location some_place(Prng& prng) {
    return {31'230'000, -121'473'000, prng.below(100), prng.below(9'000),
            static_cast<LocationSource>(1 + prng.below(location_sources))};
}

Posture posture(Prng& prng) {
    Posture out;
    out.claims = {text(prng, prng.below(65)), text(prng, prng.below(65)),
                  text(prng, prng.below(65)), text(prng, prng.below(65)),
                  prng.below(70'000),         prng.below(9)};
    out.hardware = static_cast<CapabilitySet>(prng.below(1U << capabilities));
    out.findings = findings(prng);
    if (prng.below(2) == 1) out.location = some_place(prng);
    if (prng.below(2) == 1) out.phone_time = Instant{prng.below(2'000'000'000)};
    return out;
}

ReportMakeRequest report(Prng& prng) {
    ReportMakeRequest request{findings(prng), {}};
    for (unsigned i = prng.below(app_events_max + 1); i > 0; --i) {
        request.events.push_back({static_cast<FindingCode>(1 + prng.below(finding_codes)),
                                  static_cast<Severity>(1 + prng.below(3)), prng.below(70'000)});
    }
    return request;
}

TapBeginRequest tap(Prng& prng) {
    return {static_cast<std::int64_t>(prng.below(1'000'000'000)),
            static_cast<std::uint16_t>(prng.below(1000)),
            static_cast<std::uint8_t>(prng.below(256)),
            digits(prng, 6),
            digits(prng, 6),
            prng.below(99'999'999),
            signed_body(prng)};
}

constexpr unsigned request_kinds = 13;
TrustedRequest random_request(Prng& prng) {
    switch (prng.below(request_kinds)) {
        case 0:
            return StatusRequest{};
        case 1:
            return EnrolBeginRequest{Id128{array<16>(prng)}, array<32>(prng), posture(prng)};
        case 2:
            return EnrolFinishRequest{prng.bytes(1 + prng.below(2000)),
                                      prng.bytes(1 + prng.below(72))};
        case 3:
            return tap(prng);
        case 4:
            if (prng.below(2) == 0) {
                return TapContinueRequest{static_cast<TapRfError>(prng.below(3))};
            }
            return TapContinueRequest{prng.bytes(2 + prng.below(257))};
        case 5:
            return PermitPrepareRequest{static_cast<PermitPurpose>(1 + prng.below(permit_purposes)),
                                        static_cast<std::int64_t>(prng.below(1'000'000'000)),
                                        static_cast<std::uint16_t>(prng.below(1000)),
                                        posture(prng)};
        case 6:
            return report(prng);
        case 7:
            return CommandObeyRequest{signed_body(prng)};
        case 8:
            return PermitRefusedRequest{};
        case 9:
            return PinBeginRequest{signed_body(prng)};
        case 10:
            return PinPollRequest{};
        case 11:
            return PinAbortRequest{};
        case 12:
            return EnrolActivateRequest{
                {prng.bytes(1 + prng.below(credential_part_bytes_max)), prng.bytes(258)}};
        default:
            return TapAbortRequest{};
    }
}

TapOutcome random_outcome(Prng& prng) {
    TapOutcome outcome;
    outcome.kind = static_cast<TapOutcomeKind>(prng.below(7));
    outcome.cvm = static_cast<TapCvm>(prng.below(4));
    outcome.signature_too = prng.below(2) == 1;
    outcome.masked_pan = text(prng, prng.below(20), '*', 16);
    outcome.aid = prng.bytes(prng.below(17));
    outcome.detail = text(prng, prng.below(121));
    outcome.permit = Id128{array<16>(prng)};
    const bool online = outcome.kind == TapOutcomeKind::online_request;
    outcome.refusal =
        online || outcome.kind == TapOutcomeKind::approved ? Refusal::none : Refusal::card_declined;
    if (online) outcome.card = SealedCard{array<12>(prng), prng.bytes(17 + prng.below(1000))};
    return outcome;
}

StatusAnswer status(Prng& prng) {
    StatusAnswer answer;
    answer.core_version = prng.below(9);
    answer.mode = static_cast<CoreMode>(prng.below(4));
    if (answer.mode != CoreMode::fresh) answer.terminal_id = text(prng, 8);
    answer.serial_number = text(prng, prng.below(51));
    answer.card_key_id = array<8>(prng);
    answer.next_counter = prng.below(70'000);
    answer.sequence = prng.below(70'000);
    answer.events = prng.below(70'000);
    answer.pin = prng.below(2) == 1;
    answer.protection = static_cast<Protection>(prng.below(3));
    return answer;
}

PinState pin_state(Prng& prng) {
    PinState state{static_cast<PinProgress>(prng.below(4)), std::nullopt};
    if (state.progress == PinProgress::entered) {
        state.pin = SealedPin{array<12>(prng), array<16>(prng)};
    }
    return state;
}

std::optional<Evidence> evidence(Prng& prng) {
    if (prng.below(2) == 0) return std::nullopt;
    return Evidence{static_cast<EvidenceKind>(1 + prng.below(evidence_kinds)),
                    prng.bytes(1 + prng.below(3000))};
}

TrustedAnswer random_answer(Prng& prng) {
    switch (prng.below(13)) {
        case 0:
        case 1:
            return status(prng);
        case 2:
            return EnrolBeginAnswer{signed_body(prng), evidence(prng)};
        case 3:
            return EnrolFinishAnswer{};
        case 4:
            return TapAbortAnswer{};
        case 5:
            return TrustedFailure{static_cast<TrustedFault>(prng.below(trusted_faults)),
                                  prng.below(70'000)};
        case 6:
            return PermitPrepareAnswer{signed_body(prng), evidence(prng)};
        case 7:
            return ReportMakeAnswer{signed_body(prng)};
        case 8:
            return CommandObeyAnswer{{Id128{array<16>(prng)}, prng.below(2) == 1}};
        case 9:
            return pin_state(prng);
        case 11:
            return EnrolActivateAnswer{{EvidenceKind::tpm_quote, prng.bytes(1 + prng.below(3000))}};
        case 10:
            return prng.below(2) == 1 ? TrustedAnswer(PermitRefusedAnswer{})
                                      : TrustedAnswer(PinAbortAnswer{});
        default:
            break;
    }
    TapStep step;
    if (prng.below(2) == 0) {
        step.ui = TapUi{static_cast<std::uint8_t>(prng.below(256)), 3, prng.below(100'000)};
    }
    if (prng.below(2) == 0) {
        step.next = SendApdu{prng.bytes(4 + prng.below(258)), prng.below(600'000)};
    } else {
        step.next = random_outcome(prng);
    }
    return step;
}

TEST(TrustedCall, RequestsSurviveTheWire) {
    auto prng = Prng::from_environment();
    for (int i = 0; i < 2000; ++i) {
        const TrustedRequest request = random_request(prng);
        const Buffer wire = encode(request);
        const auto decoded = decode_trusted_request(wire);
        ASSERT_TRUE(decoded) << to_hex(wire) << " SEED=" << prng.seed();
        ASSERT_EQ(*decoded, request) << to_hex(wire) << " SEED=" << prng.seed();
    }
}

TEST(TrustedCall, AnswersSurviveTheWire) {
    auto prng = Prng::from_environment();
    for (int i = 0; i < 2000; ++i) {
        const TrustedAnswer answer = random_answer(prng);
        const Buffer wire = encode(answer);
        const auto decoded = decode_trusted_answer(wire);
        ASSERT_TRUE(decoded) << to_hex(wire) << " SEED=" << prng.seed();
        ASSERT_EQ(*decoded, answer) << to_hex(wire) << " SEED=" << prng.seed();
    }
}

// The property that the fuzzer looks for, near to good messages.
// Shows: A20, JRT0156-7.1
TEST(TrustedCall, AcceptedBytesAreTheOnlyFormOfTheirMeaning) {
    auto prng = Prng::from_environment();
    int accepted = 0;
    for (int i = 0; i < 20'000; ++i) {
        Buffer wire = encode(random_request(prng));
        for (unsigned change = prng.below(3); change > 0; --change) {
            const unsigned at = prng.below(static_cast<unsigned>(wire.size()));
            wire[at] = static_cast<std::uint8_t>(prng.below(256));
        }
        if (prng.below(8) == 0) wire.resize(prng.below(static_cast<unsigned>(wire.size())));
        const auto decoded = decode_trusted_request(wire);
        if (!decoded) continue;
        ++accepted;
        ASSERT_EQ(encode(*decoded), wire) << to_hex(wire) << " SEED=" << prng.seed();
    }
    EXPECT_GT(accepted, 5000);
}

// Shows: A20, JRT0156-7.1
TEST(TrustedCall, EveryCutIsRefused) {
    auto prng = Prng::from_environment();
    for (int i = 0; i < 50; ++i) {
        const Buffer request = encode(random_request(prng));
        for (std::size_t size = 0; size < request.size(); ++size) {
            ASSERT_FALSE(decode_trusted_request(Bytes(request).first(size)));
        }
        const Buffer answer = encode(random_answer(prng));
        for (std::size_t size = 0; size < answer.size(); ++size) {
            ASSERT_FALSE(decode_trusted_answer(Bytes(answer).first(size)));
        }
    }
}

TEST(TrustedCall, SomethingBehindTheLastFieldIsRefused) {
    Buffer wire = encode(TrustedRequest(StatusRequest{}));
    wire.push_back(0);
    EXPECT_EQ(decode_trusted_request(wire).error().kind, ErrorKind::malformed);
}

TEST(TrustedCall, OtherVersionIsUnsupported) {
    Buffer wire = encode(TrustedRequest(StatusRequest{}));
    for (const int other : {1, 3}) {
        wire[2] = static_cast<std::uint8_t>(other);
        EXPECT_EQ(decode_trusted_request(wire).error().kind, ErrorKind::unsupported);
    }
}

TEST(TrustedCall, AnswerIsNoRequestAndRequestNoAnswer) {
    EXPECT_FALSE(decode_trusted_request(encode(TrustedAnswer(TapAbortAnswer{}))));
    EXPECT_FALSE(decode_trusted_answer(encode(TrustedRequest(TapAbortRequest{}))));
}

// Head C00102 C10104: tap_begin. Amount C2, currency C3, type C4, date C5, time C6, trace C7,
// permit C8, its signature C9.
// Shows: A20, JRT0156-7.1
TEST(TrustedCall, FieldsOutOfRangeAreRefused) {
    const std::string head = "C00102C10104";
    const std::string amount = "C2080000000000000064";
    const std::string middle = "C3020156C40100C506323631313232C606313030303030";
    const std::string trace = "C70400000001";
    const std::string permit = "C80180C90130";
    ASSERT_TRUE(decode_trusted_request(testing::unhex(head + amount + middle + trace + permit)));
    const std::string bad[] = {
        head + "C208000000E8D4A51000" + middle + trace + permit,  // 10^12: one too many.
        head + "C208FFFFFFFFFFFFFFFF" + middle + trace + permit,
        head + amount + middle + trace,                 // No permit.
        head + amount + middle + trace + "C800C900",    // An empty one.
        head + amount + middle + trace + "C80180",      // One without a signature.
        head + amount + middle + trace + "C80180C900",  // An empty signature.
        head + amount + middle + "C70405F5E100" + permit,
        head + amount + "C3020156C40100C506323631314132C606313030303030" + trace + permit,
        head + amount + "C3020156C40100C506323631313232C6053130303030" + trace + permit,
        "C10104C00102" + amount + middle + trace + permit,          // Version not first.
        head + "C281080000000000000064" + middle + trace + permit,  // Length not the shortest.
    };
    for (const std::string& hex : bad) {
        EXPECT_EQ(decode_trusted_request(testing::unhex(hex)).error().kind, ErrorKind::malformed)
            << hex;
    }
}

// Head C00102 C10107: permit_prepare. Purpose C2, amount C3, currency C4, posture C5: an array of
// claims, hardware, findings, location and time.
TEST(TrustedCall, PermitPrepareTakesOnlyWhatSpaKnows) {
    const std::string head = "C00102C10107";
    const std::string middle = "C3080000000000000064C402009C";
    const auto posture_of = [](const std::string& cbor) {
        return "C5" + to_hex(Buffer{static_cast<std::uint8_t>(cbor.size() / 2)}) + cbor;
    };
    const std::string claims = "86606060600000";
    const std::string good = posture_of("85" + claims + "0080F6F6");
    ASSERT_TRUE(decode_trusted_request(testing::unhex(head + "C20101" + middle + good)));
    const std::string bad[] = {
        head + "C20100" + middle + good,  // Purposes are numbered from 1.
        head + "C20106" + middle + good,
        head + "C20101" + middle,
        head + "C20101" + middle + posture_of("85" + claims + "182080F6F6"),  // A sixth capability.
        head + "C20101" + middle + posture_of("84" + claims + "0080F6"),      // No time.
        head + "C20101" + middle + posture_of("85" + claims + "0080F6F600"),
        head + "C20101" + middle + posture_of("85" + claims + "0080F620"),  // Before 1970.
        head + "C20101" + middle + posture_of("85" + claims + "008183182C0100F6F6"),  // Code 44.
        // A place of a sixth source.
        head + "C20101" + middle + posture_of("85" + claims + "00808500000000" + "06F6"),
    };
    for (const std::string& hex : bad) {
        EXPECT_FALSE(decode_trusted_request(testing::unhex(hex))) << hex;
    }
}

TEST(TrustedCall, EventsAreWholeAndKnown) {
    const std::string head = "C00102C10109C20180";
    ASSERT_TRUE(decode_trusted_request(testing::unhex(head + "C306010300000001")));
    for (const char* events : {"C3050103000000", "C306000300000001", "C3062C0300000001",
                               "C306010000000001", "C306010400000001"}) {
        EXPECT_FALSE(decode_trusted_request(testing::unhex(head + events))) << events;
    }
}

TEST(TrustedCall, SealedCardComesWithOnlineRequestOnly) {
    auto prng = Prng::from_environment();
    TapOutcome outcome;
    outcome.kind = TapOutcomeKind::online_request;
    outcome.refusal = Refusal::none;
    outcome.card = SealedCard{array<12>(prng), prng.bytes(40)};
    Buffer wire = encode(TrustedAnswer(TapStep{outcome, std::nullopt}));
    ASSERT_TRUE(decode_trusted_answer(wire));
    // C0 C1 heads 6, C2 01 01, absent ui, C4 01 kind: the kind is byte 11.
    ASSERT_EQ(wire[9], 0xC4);
    wire[11] = static_cast<std::uint8_t>(TapOutcomeKind::approved);
    EXPECT_FALSE(decode_trusted_answer(wire));
}

TEST(TrustedCall, PinComesWhenEnteredOnly) {
    auto prng = Prng::from_environment();
    Buffer wire = encode(
        TrustedAnswer(PinState{PinProgress::entered, SealedPin{array<12>(prng), array<16>(prng)}}));
    ASSERT_TRUE(decode_trusted_answer(wire));
    ASSERT_EQ(wire[8], static_cast<std::uint8_t>(PinProgress::entered));
    wire[8] = static_cast<std::uint8_t>(PinProgress::cancelled);
    EXPECT_FALSE(decode_trusted_answer(wire));
}

TEST(TrustedCall, UnknownRefusalIsRefused) {
    TapOutcome outcome;
    outcome.kind = TapOutcomeKind::declined;
    outcome.refusal = Refusal::card_declined;
    Buffer wire = encode(TrustedAnswer(TapStep{outcome, std::nullopt}));
    ASSERT_TRUE(decode_trusted_answer(wire));
    ASSERT_EQ(wire[12], 0xC5);
    wire[14] = 'Q';
    EXPECT_FALSE(decode_trusted_answer(wire));
}

TEST(TrustedCall, LargestEnrolmentFitsOneMessage) {
    const EnrolFinishRequest request{Buffer(grant_bytes_max, 1), Buffer(80, 1)};
    const Buffer wire = encode(TrustedRequest(request));
    EXPECT_LE(wire.size(), 64U * 1024);
    EXPECT_TRUE(decode_trusted_request(wire));
}

TEST(TrustedCall, LargestPostureIsTaken) {
    PermitPrepareRequest request{PermitPurpose::tap, amount_minor_max, 156, {}};
    const std::string longest(claim_bytes_max, 'x');
    request.posture.claims = {longest, longest, longest, longest, UINT32_MAX, UINT32_MAX};
    request.posture.findings.assign(app_findings_max,
                                    {FindingCode::software_key, TrustClass::app, UINT32_MAX});
    request.posture.location =
        Location{-90'000'000, -180'000'000, UINT32_MAX, UINT32_MAX, LocationSource::mocked};
    request.posture.phone_time = Instant{INT64_MAX};
    EXPECT_EQ(decode_trusted_request(encode(TrustedRequest(request))), TrustedRequest(request));
}

TEST(TrustedCall, EveryFaultHasANameAndARefusal) {
    for (unsigned i = 0; i < trusted_faults; ++i) {
        EXPECT_FALSE(name_of(static_cast<TrustedFault>(i)).empty());
        EXPECT_NE(refusal_of(static_cast<TrustedFault>(i)), Refusal::none);
    }
}

TEST(SealedCard, AadIsTerminalAmountCurrencyAndPermit) {
    const auto permit = Id128::parse("000102030405060708090a0b0c0d0e0f").value();
    const auto aad = sealed_card_aad({"TERM0001", 0x0102030405, 156, permit});
    EXPECT_EQ(to_hex(aad),
              "5445524D30303031"
              "0000000102030405"
              "009C"
              "000102030405060708090A0B0C0D0E0F");
}

TEST(SealedCard, EnvelopeInfoNamesPurposeAndKey) {
    const Buffer id = testing::unhex("1122334455667788");
    EXPECT_EQ(to_hex(initial_key_envelope_info(id)),
              to_hex(bytes_of("softpos-ik/1")) + "1122334455667788");
}

}  // namespace
}  // namespace softpos::protocol
