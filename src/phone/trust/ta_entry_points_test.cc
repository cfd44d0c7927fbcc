// The core driven through the entry points that a GlobalPlatform TEE calls, and through nothing
// else: enrolment, permits, whole taps and a PIN; and every way in which a call can be malformed.
#include "base/hex.h"
#include "phone/trust/core_test_fixture.h"
#include "phone/trust/gp_host.h"
#include "testing/prng.h"

#include <softpos/ta.h>

namespace softpos::trust {
namespace {

constexpr std::uint32_t call_types =
    TEE_PARAM_TYPES(TEE_PARAM_TYPE_MEMREF_INPUT, TEE_PARAM_TYPE_MEMREF_OUTPUT, 0U, 0U);
constexpr std::uint32_t limits_types =
    TEE_PARAM_TYPES(TEE_PARAM_TYPE_VALUE_OUTPUT, TEE_PARAM_TYPE_VALUE_OUTPUT, 0U, 0U);
constexpr uid_t app_uid = 10123;

Buffer status_request() {
    return protocol::encode(protocol::TrustedRequest(protocol::StatusRequest{}));
}

class EntryPoints : public ::testing::Test {
protected:
    EntryPoints() { host.emplace(platform, properties()); }
    ~EntryPoints() override { TA_DestroyEntryPoint(); }

    GpProperties properties() const {
        return {.platform_key = acquirer.platform_point(), .client = user_identity(app_uid)};
    }
    TEE_Result open() {
        TEE_Param params[4]{};
        return TA_OpenSessionEntryPoint(0, params, &session);
    }
    void begin() {
        ASSERT_EQ(TA_CreateEntryPoint(), TEE_SUCCESS);
        ASSERT_EQ(open(), TEE_SUCCESS);
    }
    Buffer call(Bytes request) {
        TEE_Param params[4]{};
        params[0].memref = {const_cast<std::uint8_t*>(request.data()), request.size()};
        Buffer answer(SOFTPOS_TA_ANSWER_BYTES_MAX);
        params[1].memref = {answer.data(), answer.size()};
        const auto result =
            TA_InvokeCommandEntryPoint(session, SOFTPOS_TA_CALL, call_types, params);
        EXPECT_EQ(result, TEE_SUCCESS);
        CHECK(params[1].memref.size <= answer.size());
        answer.resize(params[1].memref.size);
        return answer;
    }

    MemoryPlatform platform;
    Acquirer acquirer{[this](Bytes request) { return call(request); }};
    std::optional<GpHost> host;
    void* session = nullptr;
    card::VirtualCard debit = make_card("debit");
};

// Shows: JRT0156-5, JRT0156-6.9
TEST_F(EntryPoints, EnrolAndTakeCards) {
    begin();
    acquirer.enrol();
    for (int i = 1; i <= 70; ++i) {
        const auto outcome = acquirer.tap(debit, 1000 + i);
        ASSERT_TRUE(outcome.card) << outcome.detail;
        auto card = acquirer.open(outcome, 1000 + i);
        EXPECT_EQ(to_hex(card[0x57]), "6210948000000003D30122200000000000");
    }
}

// A permit is good for so long by the TEE's own time.
TEST_F(EntryPoints, TimeIsTheTees) {
    begin();
    acquirer.enrol();
    const auto permitted = acquirer.permitted(100);
    platform.now.us += 61'000'000;
    EXPECT_EQ(acquirer.ask<protocol::TrustedFailure>(permitted).fault,
              protocol::TrustedFault::permit_refused);
}

class Keys final : public TrustedUi {
public:
    Result<void> show(const PinScreen& screen) override {
        shown = screen;
        return {};
    }
    std::optional<PinKey> next_key() override {
        if (!armed || pressed == 5) return std::nullopt;
        const auto kind = pressed == 4 ? PinKey::Kind::confirm : PinKey::Kind::digit;
        return PinKey{kind, static_cast<std::uint8_t>(pressed++)};
    }
    PinScreen shown;
    bool armed = false;
    int pressed = 0;
};

// Shows: JRT0156-6.8
TEST_F(EntryPoints, APinGoesInAndComesOutSealed) {
    Keys keys;
    platform.screen = &keys;
    acquirer.with_pin_key = true;
    acquirer.allowed =
        bit_of(protocol::Capability::card_no_pin) | bit_of(protocol::Capability::card_pin);
    begin();
    acquirer.enrol();
    auto card = make_card("pin");
    const auto outcome = acquirer.tap(card, 150'000);
    ASSERT_EQ(outcome.cvm, protocol::TapCvm::online_pin) << outcome.detail;
    const auto request = acquirer.read<protocol::PermitRequest>(
        acquirer
            .ask<protocol::PermitPrepareAnswer>(protocol::PermitPrepareRequest{
                protocol::PermitPurpose::pin, 150'000, 156, Acquirer::posture()})
            .request);
    const protocol::PinBeginRequest permitted{
        acquirer.signed_by_platform(protocol::SpaBody(acquirer.permit_for(request)))};
    ASSERT_EQ(acquirer.ask<protocol::PinState>(permitted).progress, protocol::PinProgress::waiting);
    std::string digits;
    for (std::size_t place = 0; place < 4; ++place) {
        digits.push_back(static_cast<char>('0' + keys.shown.digit_at[place]));
    }
    keys.armed = true;
    const auto done = acquirer.ask<protocol::PinState>(protocol::PinPollRequest{});
    ASSERT_TRUE(done.pin);
    const auto ksn = crypto::AesKsn::parse(done.pin->ksn).value();
    const auto key =
        crypto::dukpt_aes_host_key(acquirer.pin_bdk, ksn, crypto::DukptUsage::pin_encryption,
                                   crypto::DukptKeyKind::aes128)
            .value();
    const auto block_key = crypto::BlockKey::make(crypto::Cipher::aes, key.bytes()).value();
    auto objects = acquirer.open(outcome, 150'000);
    const std::string track = to_hex(objects[0x57]);
    const auto pan = Pan::parse(track.substr(0, track.find('D'))).value();
    const auto pin = crypto::decrypt_pin(crypto::PinFormat::iso4, block_key, done.pin->block, &pan);
    ASSERT_TRUE(pin);
    EXPECT_EQ(text_of(pin->clear_digits()), digits);
}

TEST_F(EntryPoints, StateOutlivesTheInstance) {
    begin();
    acquirer.enrol();
    const auto first = acquirer.tap(debit, 100);
    TA_CloseSessionEntryPoint(session);
    TA_DestroyEntryPoint();
    begin();
    EXPECT_EQ(acquirer.status().mode, protocol::CoreMode::ready);
    const auto second = acquirer.tap(debit, 100);
    ASSERT_TRUE(first.card && second.card);
    EXPECT_GT(counter_of(*second.card), counter_of(*first.card)) << "no key serves twice";
}

bool tells_of_a_panic(const protocol::Report& report) {
    return std::ranges::any_of(report.events, [](const protocol::CoreEvent& event) {
        return event.code == protocol::FindingCode::core_panic;
    });
}

// Shows: A18
TEST_F(EntryPoints, OnlyAnEndThatNobodyAskedForIsTold) {
    begin();
    acquirer.enrol();
    (void)acquirer.prepare(100);
    TA_DestroyEntryPoint();
    begin();
    EXPECT_FALSE(tells_of_a_panic(acquirer.report())) << "it was ended in order";
    // The process goes away with all that it had in memory; the storage stays as it was.
    const auto state = platform.state;
    const auto journal = platform.journal;
    TA_DestroyEntryPoint();
    platform.state = state;
    platform.journal = journal;
    begin();
    EXPECT_TRUE(tells_of_a_panic(acquirer.report()));
    TA_DestroyEntryPoint();
    begin();
    EXPECT_EQ(acquirer.report().events.size(), 1U) << "told as one event, once";
}

// A core that was never used, such as one that is only asked for its status, writes nothing.
TEST_F(EntryPoints, StatusAloneChangesNothing) {
    begin();
    (void)acquirer.status();
    TA_DestroyEntryPoint();
    EXPECT_EQ(platform.changes, 0);
}

// Shows: JRT0156-6.7, JRT0156-10.2
TEST_F(EntryPoints, OnlyWhoIsToldApartMayOpen) {
    ASSERT_EQ(TA_CreateEntryPoint(), TEE_SUCCESS);
    for (const std::uint32_t login :
         {TEE_LOGIN_USER, TEE_LOGIN_GROUP, TEE_LOGIN_APPLICATION, TEE_LOGIN_APPLICATION_USER}) {
        host->properties.client.login = login;
        ASSERT_EQ(open(), TEE_SUCCESS);
        TA_CloseSessionEntryPoint(session);
    }
    for (const std::uint32_t login : {TEE_LOGIN_PUBLIC, TEE_LOGIN_TRUSTED_APP, 3U, 0x80000000U}) {
        host->properties.client.login = login;
        EXPECT_EQ(open(), TEE_ERROR_ACCESS_DENIED) << login;
    }
}

TEST_F(EntryPoints, SessionsAreCountedAndEndWithTheirClosing) {
    EXPECT_EQ(open(), TEE_ERROR_BAD_STATE) << "there is no instance yet";
    ASSERT_EQ(TA_CreateEntryPoint(), TEE_SUCCESS);
    EXPECT_EQ(TA_CreateEntryPoint(), TEE_ERROR_BAD_STATE) << "there is one";
    for (unsigned i = 0; i < SOFTPOS_TA_SESSIONS_MAX; ++i) ASSERT_EQ(open(), TEE_SUCCESS);
    void* const last = session;
    EXPECT_EQ(open(), TEE_ERROR_BUSY);
    TA_CloseSessionEntryPoint(last);
    TEE_Param params[4]{};
    EXPECT_EQ(TA_InvokeCommandEntryPoint(last, SOFTPOS_TA_LIMITS, limits_types, params),
              TEE_ERROR_BAD_STATE);
    EXPECT_EQ(TA_InvokeCommandEntryPoint(&params, SOFTPOS_TA_LIMITS, limits_types, params),
              TEE_ERROR_BAD_STATE);
    EXPECT_EQ(open(), TEE_SUCCESS) << "its place is free again";
    TA_CloseSessionEntryPoint(&params);  // None of ours: nothing happens.
    EXPECT_EQ(TA_InvokeCommandEntryPoint(session, SOFTPOS_TA_LIMITS, limits_types, params),
              TEE_SUCCESS);
    EXPECT_EQ(params[0].value.a, SOFTPOS_TA_REQUEST_BYTES_MAX);
    EXPECT_EQ(params[1].value.a, protocol::trusted_call_version);
}

TEST_F(EntryPoints, OpeningTakesNoParameters) {
    ASSERT_EQ(TA_CreateEntryPoint(), TEE_SUCCESS);
    TEE_Param params[4]{};
    EXPECT_EQ(TA_OpenSessionEntryPoint(1, params, &session), TEE_ERROR_BAD_PARAMETERS);
    EXPECT_EQ(TA_OpenSessionEntryPoint(0, params, nullptr), TEE_ERROR_BAD_PARAMETERS);
}

// Each of the 65,536 ways to type four parameters, and one way is right for each command.
// Shows: A20, JRT0156-7.1
TEST_F(EntryPoints, EveryOtherTypeOfParametersIsRefused) {
    begin();
    Buffer request = status_request();
    Buffer answer(SOFTPOS_TA_ANSWER_BYTES_MAX);
    for (std::uint32_t types = 0; types <= 0xFFFF; ++types) {
        TEE_Param params[4]{};
        params[0].memref = {request.data(), request.size()};
        params[1].memref = {answer.data(), answer.size()};
        const auto want_call = types == call_types ? TEE_SUCCESS : TEE_ERROR_BAD_PARAMETERS;
        ASSERT_EQ(TA_InvokeCommandEntryPoint(session, SOFTPOS_TA_CALL, types, params), want_call);
        const auto want_limits = types == limits_types ? TEE_SUCCESS : TEE_ERROR_BAD_PARAMETERS;
        ASSERT_EQ(TA_InvokeCommandEntryPoint(session, SOFTPOS_TA_LIMITS, types, params),
                  want_limits);
    }
    TEE_Param params[4]{};
    for (const std::uint32_t command : {0U, 3U, 0xFFFFFFFFU}) {
        EXPECT_EQ(TA_InvokeCommandEntryPoint(session, command, call_types, params),
                  TEE_ERROR_NOT_SUPPORTED);
    }
    EXPECT_EQ(TA_InvokeCommandEntryPoint(session, SOFTPOS_TA_CALL, call_types | 1U << 16, params),
              TEE_ERROR_BAD_PARAMETERS)
        << "nor what stands above the four";
}

TEST_F(EntryPoints, AnAnswerWithoutRoomIsNotEvenMade) {
    begin();
    acquirer.enrol();
    const int before = platform.changes;
    Buffer request = protocol::encode(protocol::TrustedRequest(Acquirer::preparing(100)));
    Buffer small(SOFTPOS_TA_ANSWER_BYTES_MAX - 1);
    TEE_Param params[4]{};
    params[0].memref = {request.data(), request.size()};
    for (const std::size_t room : {std::size_t{0}, small.size()}) {
        params[1].memref = {room == 0 ? nullptr : small.data(), room};
        EXPECT_EQ(TA_InvokeCommandEntryPoint(session, SOFTPOS_TA_CALL, call_types, params),
                  TEE_ERROR_SHORT_BUFFER);
        EXPECT_EQ(params[1].memref.size, SOFTPOS_TA_ANSWER_BYTES_MAX);
    }
    EXPECT_EQ(platform.changes, before) << "nothing was signed, no number is used up";
    params[1].memref = {nullptr, SOFTPOS_TA_ANSWER_BYTES_MAX};
    EXPECT_EQ(TA_InvokeCommandEntryPoint(session, SOFTPOS_TA_CALL, call_types, params),
              TEE_ERROR_BAD_PARAMETERS);
}

TEST_F(EntryPoints, RequestsHaveBounds) {
    begin();
    Buffer request(SOFTPOS_TA_REQUEST_BYTES_MAX + 1);
    Buffer answer(SOFTPOS_TA_ANSWER_BYTES_MAX);
    const auto result_of = [&](void* data, std::size_t bytes) {
        TEE_Param params[4]{};
        params[0].memref = {data, bytes};
        params[1].memref = {answer.data(), answer.size()};
        return TA_InvokeCommandEntryPoint(session, SOFTPOS_TA_CALL, call_types, params);
    };
    EXPECT_EQ(result_of(request.data(), request.size()), TEE_ERROR_EXCESS_DATA);
    EXPECT_EQ(result_of(request.data(), request.size() - 1), TEE_SUCCESS) << "an answer: malformed";
    EXPECT_EQ(result_of(request.data(), 0), TEE_ERROR_BAD_PARAMETERS);
    EXPECT_EQ(result_of(nullptr, 5), TEE_ERROR_BAD_PARAMETERS);
}

// The answer may be written over the request: that was copied before.
TEST_F(EntryPoints, BuffersMayOverlap) {
    begin();
    Buffer both(SOFTPOS_TA_ANSWER_BYTES_MAX);
    const Buffer request = status_request();
    std::ranges::copy(request, both.begin());
    TEE_Param params[4]{};
    params[0].memref = {both.data(), request.size()};
    params[1].memref = {both.data(), both.size()};
    ASSERT_EQ(TA_InvokeCommandEntryPoint(session, SOFTPOS_TA_CALL, call_types, params),
              TEE_SUCCESS);
    EXPECT_TRUE(protocol::decode_trusted_answer(Bytes(both).first(params[1].memref.size)));
}

TEST_F(EntryPoints, AWrongPlatformKeyStopsTheStart) {
    host.reset();
    host.emplace(platform,
                 GpProperties{.platform_key = std::nullopt, .client = user_identity(app_uid)});
    begin();
    const auto statement = acquirer.begin_enrolment();
    EXPECT_EQ(
        acquirer.ask<protocol::TrustedFailure>(acquirer.finishing(acquirer.grant_for(statement)))
            .fault,
        protocol::TrustedFault::platform_key)
        << "without one it enrols with nobody";
}

// Storage fails at any step: the entry points say what the core says, and no key serves twice.
TEST_F(EntryPoints, FailingStorageIsAnAnswer) {
    begin();
    acquirer.enrol();
    auto prng = testing::Prng::from_environment();
    std::optional<std::uint32_t> last;
    for (int i = 0; i < 60; ++i) {
        platform.steps_left = static_cast<int>(prng.below(4));
        platform.effect_of_failed_step = prng.below(2) == 0;
        (void)acquirer.try_tap(100);
        platform.steps_left = 1'000'000;
        TA_DestroyEntryPoint();
        begin();
        const auto outcome = acquirer.tap(debit, 100);
        ASSERT_TRUE(outcome.card) << "SEED=" << prng.seed();
        ASSERT_TRUE(!last || counter_of(*outcome.card) > *last) << "SEED=" << prng.seed();
        last = counter_of(*outcome.card);
    }
}

}  // namespace
}  // namespace softpos::trust
