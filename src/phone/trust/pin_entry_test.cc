// The pad, what is shown of it, and the PIN that comes out sealed, through the core's own calls.
#include "base/hex.h"
#include "crypto/dukpt_aes.h"
#include "phone/trust/core_test_fixture.h"
#include "phone/trust/terminal_ui.h"

#include <algorithm>
#include <map>
#include <set>

namespace softpos::trust {
namespace {

using protocol::PinProgress;
using protocol::TrustedFault;

// A customer who reads the screen and finds each digit on it.
class Customer final : public TrustedUi {
public:
    Result<void> show(const PinScreen& screen) override {
        if (blind) return fail(ErrorKind::unavailable, "no screen");
        shown.push_back(screen);
        return {};
    }
    std::optional<PinKey> next_key() override {
        if (keys.empty()) return std::nullopt;
        const PinKey key = keys.front();
        keys.erase(keys.begin());
        return key;
    }
    void type(std::string_view digits) {
        for (const char digit : digits) {
            const auto& layout = shown.back().digit_at;
            const auto at = std::ranges::find(layout, static_cast<std::uint8_t>(digit - '0'));
            keys.push_back({PinKey::Kind::digit, static_cast<std::uint8_t>(at - layout.begin())});
        }
    }
    void press(PinKey::Kind kind) { keys.push_back({kind, 0}); }

    std::vector<PinScreen> shown;
    std::vector<PinKey> keys;
    bool blind = false;
};

class CorePinTest : public CoreFixture {
protected:
    CorePinTest() {
        platform.screen = &customer;
        acquirer.with_pin_key = true;
        acquirer.allowed =
            bit_of(protocol::Capability::card_no_pin) | bit_of(protocol::Capability::card_pin);
        acquirer.enrol();
    }
    // A tap that ends with the online PIN.
    void tap() {
        auto card = make_card("pin");
        const auto outcome = acquirer.tap(card, amount);
        ASSERT_EQ(outcome.kind, protocol::TapOutcomeKind::online_request) << outcome.detail;
        ASSERT_EQ(outcome.cvm, protocol::TapCvm::online_pin);
        pan = pan_digits(outcome);
        tap_permit = outcome.permit;
    }
    std::string pan_digits(const protocol::TapOutcome& outcome) {
        auto objects = acquirer.open(outcome, amount);
        const std::string track = to_hex(objects[0x57]);
        return track.substr(0, track.find('D'));
    }
    protocol::PinBeginRequest permitted() {
        const auto request = acquirer.read<protocol::PermitRequest>(
            acquirer
                .ask<protocol::PermitPrepareAnswer>(protocol::PermitPrepareRequest{
                    protocol::PermitPurpose::pin, amount, 156, Acquirer::posture()})
                .request);
        EXPECT_EQ(request.parent, tap_permit) << "it names the tap that it is for";
        return {acquirer.signed_by_platform(protocol::SpaBody(acquirer.permit_for(request)))};
    }
    protocol::PinState begin() { return acquirer.ask<protocol::PinState>(permitted()); }
    protocol::PinState poll() {
        return acquirer.ask<protocol::PinState>(protocol::PinPollRequest{});
    }
    // What the vault would find.
    std::string opened(const protocol::SealedPin& sealed) {
        const auto ksn = crypto::AesKsn::parse(sealed.ksn).value();
        const auto key =
            crypto::dukpt_aes_host_key(acquirer.pin_bdk, ksn, crypto::DukptUsage::pin_encryption,
                                       crypto::DukptKeyKind::aes128)
                .value();
        const auto block_key = crypto::BlockKey::make(crypto::Cipher::aes, key.bytes()).value();
        const auto number = Pan::parse(pan).value();
        const auto pin =
            crypto::decrypt_pin(crypto::PinFormat::iso4, block_key, sealed.block, &number);
        return pin ? std::string(text_of(pin->clear_digits())) : "does not open";
    }

    static constexpr std::int64_t amount = 150'000;
    Customer customer;
    std::string pan;
    Id128 tap_permit;
};

// Shows: MPOC-1E-BLOCK, JRT0156-6.8, JRT0156-8
TEST_F(CorePinTest, ThePinComesOutSealedToTheCardAndNotOtherwise) {
    EXPECT_TRUE(acquirer.status().pin);
    tap();
    EXPECT_EQ(begin().progress, PinProgress::waiting);
    const PinScreen& pad = customer.shown.back();
    EXPECT_EQ(pad.amount_minor, amount) << "amount and merchant stand on the same screen";
    EXPECT_EQ(pad.merchant_name, "小店");
    customer.type("4711");
    EXPECT_EQ(poll().progress, PinProgress::waiting);
    EXPECT_EQ(customer.shown.back().entered, 4U);
    customer.press(PinKey::Kind::confirm);
    const auto state = poll();
    ASSERT_EQ(state.progress, PinProgress::entered);
    EXPECT_EQ(opened(*state.pin), "4711");
    pan.back() = pan.back() == '0' ? '1' : '0';
    EXPECT_NE(opened(*state.pin), "4711") << "of another card";
    EXPECT_EQ(fault(protocol::PinPollRequest{}), TrustedFault::pin_unavailable) << "it is over";
}

// Shows: A35, MPOC-1E-SCREEN, MPOC-1A-KEYS, JRT0156-6.8
TEST_F(CorePinTest, EachEntryHasAnotherKeyAndAnotherPad) {
    std::set<std::string> layouts, serials;
    for (int i = 0; i < 8; ++i) {
        tap();
        begin();
        layouts.insert(to_hex(customer.shown.back().digit_at));
        customer.type("123456");
        customer.press(PinKey::Kind::confirm);
        serials.insert(to_hex(poll().pin->ksn));
    }
    EXPECT_GE(layouts.size(), 7U);
    EXPECT_EQ(serials.size(), 8U);
}

TEST_F(CorePinTest, ClearCancelAndTime) {
    tap();
    begin();
    customer.type("99");
    customer.press(PinKey::Kind::confirm);
    EXPECT_EQ(poll().progress, PinProgress::waiting) << "two digits are no PIN";
    customer.press(PinKey::Kind::clear);
    poll();
    EXPECT_EQ(customer.shown.back().entered, 0U);
    customer.press(PinKey::Kind::cancel);
    EXPECT_EQ(poll().progress, PinProgress::cancelled);
    EXPECT_EQ(customer.shown.back().kind, PinScreen::Kind::cancelled);
    tap();
    begin();
    customer.type("1234");
    platform.now.us += (pin_seconds_max + 1) * 1'000'000;
    EXPECT_EQ(poll().progress, PinProgress::timed_out);
}

// Shows: JRT0156-6.8
TEST_F(CorePinTest, KeysFromBeforeAreNobodysPin) {
    tap();
    customer.keys.assign(6, {PinKey::Kind::digit, 0});
    begin();
    customer.press(PinKey::Kind::confirm);
    EXPECT_EQ(poll().progress, PinProgress::waiting);
}

// Shows: MPOC-1E-1.6
TEST_F(CorePinTest, WithoutItsOwnPermitThereIsNoPin) {
    EXPECT_EQ(fault(protocol::PinBeginRequest{{Buffer(9, 1), Buffer(9, 1)}}),
              TrustedFault::pin_unavailable)
        << "no card waits for one";
    tap();
    EXPECT_EQ(fault(protocol::PinBeginRequest{{Buffer(9, 1), Buffer(9, 1)}}),
              TrustedFault::permit_refused);
    EXPECT_EQ(fault(protocol::PinPollRequest{}), TrustedFault::pin_unavailable);
    tap();
    // A permit for a tap opens no PIN pad.
    const auto permit = acquirer.permitted(amount).permit;
    EXPECT_EQ(fault(protocol::PinBeginRequest{permit}), TrustedFault::pin_unavailable)
        << "asking for another tap gave the card up";
    EXPECT_TRUE(customer.shown.empty());
}

// Rooted between permit and PIN, and while the digits go in.
// Shows: A26, MPOC-1E-1.6
TEST_F(CorePinTest, AFindingEndsTheEntry) {
    tap();
    const auto permit = permitted();
    platform.seen = {{protocol::FindingCode::hook, protocol::TrustClass::core, 1}};
    EXPECT_EQ(fault(permit), TrustedFault::permit_refused);
    EXPECT_TRUE(customer.shown.empty()) << "nobody was asked for a PIN";
    platform.seen.clear();
    tap();
    begin();
    customer.type("47");
    poll();
    platform.seen = {{protocol::FindingCode::debugger, protocol::TrustClass::core, 1}};
    customer.type("11");
    EXPECT_EQ(fault(protocol::PinPollRequest{}), TrustedFault::permit_refused);
    EXPECT_EQ(customer.shown.back().kind, PinScreen::Kind::cancelled);
    EXPECT_EQ(customer.keys.size(), 2U) << "what was pressed after it was not even read";
}

TEST_F(CorePinTest, WithoutAScreenTheCardIsToldSo) {
    platform.screen = nullptr;
    EXPECT_FALSE(acquirer.status().pin);
    auto card = make_card("pin");
    EXPECT_EQ(acquirer.tap(card, amount).refusal, Refusal::pin_required);
    platform.screen = &customer;
    tap();
    customer.blind = true;
    EXPECT_EQ(fault(permitted()), TrustedFault::pin_unavailable);
}

// Each digit at each place about as often: a camera that sees the hand learns nothing.
// Shows: A35, MPOC-1E-SCREEN
TEST(PinPad, EveryLayoutIsAsLikely) {
    SeededRandom random(11);
    std::map<std::pair<std::size_t, int>, int> seen;
    constexpr int rounds = 10'000;
    for (int i = 0; i < rounds; ++i) {
        const PinEntry entry({}, random, {});
        for (std::size_t place = 0; place < pin_places; ++place) {
            ++seen[{place, entry.screen().digit_at[place]}];
        }
    }
    EXPECT_EQ(seen.size(), 100U);
    for (const auto& [where, count] : seen) EXPECT_NEAR(count, rounds / 10, 150);
}

// Shows: A35, MPOC-1E-SCREEN, JRT0156-6.8
TEST(TerminalScreen, ShowsAmountMerchantAndPadAndNoDigitOfThePin) {
    SeededRandom random(3);
    PinScreen asked;
    asked.amount_minor = 123'456'78;
    asked.merchant_name = "Noodle House";
    PinEntry entry(std::move(asked), random, {});
    const std::string pad = screen_text(entry.screen());
    EXPECT_NE(pad.find("CNY 123,456.78"), std::string::npos);
    EXPECT_NE(pad.find("Noodle House"), std::string::npos);
    EXPECT_NE(pad.find("[q]"), std::string::npos);
    entry.press({PinKey::Kind::digit, 3});
    EXPECT_NE(screen_text(entry.screen()).find("*"), std::string::npos);
    entry.cancel();
    EXPECT_EQ(screen_text(entry.screen()).find("[q]"), std::string::npos);
    EXPECT_EQ(key_of(' ')->place, 9);
    EXPECT_EQ(key_of('\r')->kind, PinKey::Kind::confirm);
    EXPECT_FALSE(key_of('7')) << "a keyboard's digits say nothing about the pad's";
}

}  // namespace
}  // namespace softpos::trust
