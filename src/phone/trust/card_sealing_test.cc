// Masking of what a card calls its track, and the exact order of what is sealed.
#include "phone/trust/card_sealing.h"

#include "crypto/aead.h"
#include "phone/emv/outcome.h"
#include "phone/trust/tap_outcome.h"
#include "testing/vectors.h"

#include <gtest/gtest.h>

namespace softpos::trust {
namespace {

using testing::unhex;

TEST(MaskedPan, ShowsSixAndFour) {
    EXPECT_EQ(masked_pan_of(unhex("6210948000000003D30122200000000000")), "621094******0003");
    EXPECT_EQ(masked_pan_of(unhex("6210948000000000003D3012220F")), "621094*********0003");
}

TEST(MaskedPan, NothingOfWhatIsNoTrack) {
    EXPECT_EQ(masked_pan_of({}), "");
    EXPECT_EQ(masked_pan_of(unhex("6210948000000003")), "") << "no separator";
    EXPECT_EQ(masked_pan_of(unhex("62109480000D3012")), "") << "11 digits";
    EXPECT_EQ(masked_pan_of(unhex("62109480000000000003D3012F")), "") << "20 digits";
    EXPECT_EQ(masked_pan_of(unhex("6210948000000003F3012F")), "") << "another separator";
}

crypto::DukptAesDevice::Step step() {
    crypto::AesKsn ksn{{1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 1}};
    return {ksn, SecretBytes::copy_of(Buffer(16, 9))};
}

TEST(SealCard, ListsItsObjectsInOrder) {
    const Buffer track2 = unhex("6210948000000003D3012220");
    const Buffer psn = unhex("01");
    const Buffer field55(200, 0x55);
    const auto sealed =
        seal_card({track2, psn, {}, field55, {}}, {"T0000001", 100, 156, {}}, step());
    ASSERT_TRUE(sealed);
    const auto aad = protocol::sealed_card_aad({"T0000001", 100, 156, {}});
    const auto plain = crypto::gcm_open(Buffer(16, 9), sealed->ksn, aad, sealed->ciphertext);
    ASSERT_TRUE(plain);
    Buffer expected = unhex("570C6210948000000003D30122205F340101DF815581C8");
    append(expected, field55);
    EXPECT_EQ(Buffer(plain->bytes().begin(), plain->bytes().end()), expected);
}

TEST(SealCard, NothingToSealIsAnError) {
    const Buffer some(10, 1);
    EXPECT_FALSE(seal_card({{}, {}, {}, some, {}}, {"T0000001", 100, 156, {}}, step()));
    EXPECT_FALSE(seal_card({some, {}, {}, {}, {}}, {"T0000001", 100, 156, {}}, step()));
}

TEST(TapOutcome, EveryCauseHasARefusal) {
    for (unsigned i = 1; i <= static_cast<unsigned>(emv::Cause::bad_request); ++i) {
        EXPECT_NE(refusal_of(static_cast<emv::Cause>(i)), Refusal::none) << i;
    }
}

TEST(TapOutcome, OfflineApprovalIsNotTaken) {
    emv::Outcome outcome;
    outcome.kind = emv::OutcomeKind::approved;
    const auto told = tell_outcome(outcome, PinAbility::none);
    EXPECT_EQ(told.kind, protocol::TapOutcomeKind::declined);
    EXPECT_EQ(told.refusal, Refusal::card_declined);
}

TEST(TapOutcome, OnlyOnlineRequestHasNoRefusal) {
    for (unsigned i = 0; i <= static_cast<unsigned>(emv::OutcomeKind::end_application); ++i) {
        emv::Outcome outcome;
        outcome.kind = static_cast<emv::OutcomeKind>(i);
        const bool online = outcome.kind == emv::OutcomeKind::online_request;
        EXPECT_EQ(tell_outcome(outcome, PinAbility::none).refusal == Refusal::none, online) << i;
    }
}

}  // namespace
}  // namespace softpos::trust
