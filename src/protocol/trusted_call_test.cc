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

TrustedRequest random_request(Prng& prng) {
    switch (prng.below(6)) {
        case 0:
            return StatusRequest{};
        case 1:
            return EnrolBeginRequest{};
        case 2:
            return EnrolFinishRequest{
                array<8>(prng), prng.bytes(1 + prng.below(256)), text(prng, 8),
                text(prng, 15), text(prng, 1 + prng.below(120)), text(prng, 1 + prng.below(2000))};
        case 3:
            return TapBeginRequest{static_cast<std::int64_t>(prng.below(1'000'000'000)),
                                   static_cast<std::uint16_t>(prng.below(1000)),
                                   static_cast<std::uint8_t>(prng.below(256)),
                                   digits(prng, 6),
                                   digits(prng, 6),
                                   prng.below(99'999'999),
                                   {}};
        case 4:
            if (prng.below(2) == 0) {
                return TapContinueRequest{static_cast<TapRfError>(prng.below(3))};
            }
            return TapContinueRequest{prng.bytes(2 + prng.below(257))};
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
    const bool online = outcome.kind == TapOutcomeKind::online_request;
    outcome.refusal =
        online || outcome.kind == TapOutcomeKind::approved ? Refusal::none : Refusal::card_declined;
    if (online) outcome.card = SealedCard{array<12>(prng), prng.bytes(17 + prng.below(1000))};
    return outcome;
}

TrustedAnswer random_answer(Prng& prng) {
    switch (prng.below(7)) {
        case 0:
            return StatusAnswer{prng.below(9), true, text(prng, 8), array<8>(prng), 65};
        case 1:
            return StatusAnswer{1, false, "", {}, 0};
        case 2:
            return EnrolBeginAnswer{array<65>(prng), array<32>(prng)};
        case 3:
            return EnrolFinishAnswer{};
        case 4:
            return TapAbortAnswer{};
        case 5:
            return TrustedFailure{static_cast<TrustedFault>(prng.below(trusted_faults)),
                                  prng.below(70'000)};
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
    wire[2] = 2;
    EXPECT_EQ(decode_trusted_request(wire).error().kind, ErrorKind::unsupported);
}

TEST(TrustedCall, AnswerIsNoRequestAndRequestNoAnswer) {
    EXPECT_FALSE(decode_trusted_request(encode(TrustedAnswer(TapAbortAnswer{}))));
    EXPECT_FALSE(decode_trusted_answer(encode(TrustedRequest(TapAbortRequest{}))));
}

// Head C00101 C10104: tap_begin. Amount C2, currency C3, type C4, date C5, time C6, trace C7,
// permit C8.
TEST(TrustedCall, FieldsOutOfRangeAreRefused) {
    const std::string head = "C00101C10104";
    const std::string amount = "C2080000000000000064";
    const std::string middle = "C3020156C40100C506323631313232C606313030303030";
    const std::string trace = "C70400000001";
    ASSERT_TRUE(decode_trusted_request(testing::unhex(head + amount + middle + trace + "C800")));
    const std::string bad[] = {
        head + "C208000000E8D4A51000" + middle + trace + "C800",  // 10^12: one too many.
        head + "C208FFFFFFFFFFFFFFFF" + middle + trace + "C800",
        head + amount + middle + trace,             // No permit field.
        head + amount + middle + trace + "C80100",  // A permit in version 1.
        head + amount + middle + "C70405F5E100" + "C800",
        head + amount + "C3020156C40100C506323631314132C606313030303030" + trace + "C800",
        head + amount + "C3020156C40100C506323631313232C6053130303030" + trace + "C800",
        head + "C208" + "0000000000000064" + "C4010" + "0" + trace + "C800",
        "C1010"
        "4C00101" +
            amount + middle + trace + "C800",                       // Version not first.
        head + "C281080000000000000064" + middle + trace + "C800",  // Length not the shortest.
    };
    for (const std::string& hex : bad) {
        EXPECT_EQ(decode_trusted_request(testing::unhex(hex)).error().kind, ErrorKind::malformed)
            << hex;
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
    EnrolFinishRequest request;
    request.key_envelope = Buffer(key_envelope_bytes_max, 1);
    request.terminal_id = "12345678";
    request.merchant_id = "123456789012345";
    request.merchant_name = std::string(merchant_name_bytes_max, 'x');
    request.emv_parameters = std::string(emv_parameters_bytes_max, 'x');
    const Buffer wire = encode(TrustedRequest(request));
    EXPECT_LE(wire.size(), 64U * 1024);
    EXPECT_TRUE(decode_trusted_request(wire));
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
