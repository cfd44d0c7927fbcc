// Phones whose maker speaks for them: chains of a maker of our own, believed by the platform, and
// what it does when such a phone has an open boot loader.
#include "base/hex.h"
#include "codec/base64.h"
#include "crypto/hash.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "platform/attest/android_key.h"
#include "platform/attest/certificate_test_support.h"
#include "world/sim/road_test_support.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace softpos::sim::test {
namespace {

namespace der = codec::der;
using attest::der_list;
using attest::der_object;
using protocol::FindingCode;

constexpr std::int64_t amount = 5'000;
constexpr std::string_view package = "org.opensoftpos.fleet";

Buffer integer(std::uint64_t value) {
    Buffer out;
    codec::DerWriter(out).put_unsigned(der::integer, value);
    return out;
}
Buffer enumerated(std::uint64_t value) {
    Buffer out;
    codec::DerWriter(out).put_unsigned(der::enumerated, value);
    return out;
}
Buffer octets(Bytes bytes) {
    return der_object(der::octet_string, bytes);
}
Buffer boolean(bool value) {
    Buffer out;
    codec::DerWriter(out).put_boolean(value);
    return out;
}
Buffer tagged(attest::KeyTag tag, const Buffer& value) {
    return der_object(der::context(static_cast<std::uint32_t>(tag)), value);
}

// Root, intermediate, the key of a batch of phones, and a phone's own key below it.
struct Maker {
    attest::TestAuthority root = attest::TestAuthority::make("Maker Root");
    attest::TestAuthority middle = attest::TestAuthority::make("Maker Intermediate");
    attest::TestAuthority batch = attest::TestAuthority::make("Maker Batch");
    attest::TestAuthority phone = attest::TestAuthority::make("Phone Key");
    Buffer signer = Buffer(32, 0x51);
    Buffer boot_key = Buffer(32, 0x61);
    bool locked = true;
    std::uint64_t boot_state = 0;

    Buffer statement(const protocol::Digest32& challenge) const {
        using attest::KeyTag;
        const Buffer app = der_list(
            der::sequence,
            {der_list(der::set,
                      {der_list(der::sequence, {octets(bytes_of(package)), integer(100)})}),
             der_list(der::set, {octets(signer)})});
        const Buffer root_of_trust = der_list(
            der::sequence,
            {octets(boot_key), boolean(locked), enumerated(boot_state), octets(Buffer(32, 7))});
        const Buffer software =
            der_list(der::sequence, {tagged(KeyTag::application_id, octets(app))});
        const Buffer hardware =
            der_list(der::sequence,
                     {tagged(KeyTag::purpose, der_list(der::set, {integer(attest::purpose_sign)})),
                      tagged(KeyTag::algorithm, integer(3)), tagged(KeyTag::key_size, integer(256)),
                      tagged(KeyTag::digest, der_list(der::set, {integer(4)})),
                      tagged(KeyTag::ec_curve, integer(1)),
                      tagged(KeyTag::no_auth_required, der_object(der::null, {})),
                      tagged(KeyTag::origin, integer(attest::origin_generated)),
                      tagged(KeyTag::root_of_trust, root_of_trust),
                      tagged(KeyTag::os_version, integer(150'000)),
                      tagged(KeyTag::os_patch_level, integer(202'611))});
        return der_list(der::sequence, {integer(200), enumerated(1), integer(200), enumerated(1),
                                        octets(challenge), octets({}), software, hardware});
    }
    protocol::Evidence evidence(Bytes message) const {
        attest::TestCertificate leaf{.subject = "Android Keystore Key", .spki = phone.spki()};
        leaf.extensions = {
            {std::string(attest::android_key_oid), statement(crypto::sha256(message))}};
        Buffer chain = batch.certify(leaf);
        append(chain, middle.certify(batch));
        append(chain, root.certify(middle));
        append(chain, root.certify(root));
        return {protocol::EvidenceKind::android_key, std::move(chain)};
    }
    std::string root_pem() const {
        return "-----BEGIN CERTIFICATE-----\n" + codec::to_base64(root.certify(root)) +
               "\n-----END CERTIFICATE-----\n";
    }
};

class RoadAttested : public ::testing::Test {
protected:
    RoadAttested() {
        keep("evidence.json", R"({"android": {"package": "org.opensoftpos.fleet", "signers": ")" +
                                  hex(maker_.signer) + R"("}})");
        keep("android-roots.pem", maker_.root_pem());
        keep("android-status.json", R"({"entries": {}})");
        restart();
    }
    static std::string hex(const Buffer& bytes) {
        std::string text = to_hex(bytes);
        std::ranges::transform(text, text.begin(), [](char c) {
            return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        return text;
    }
    std::string file(const char* name) const { return world_.folder() + "/server/" + name; }
    void keep(const char* name, const std::string& text) {
        CHECK(host::write_durably(file(name), bytes_of(text), 0644).has_value());
    }
    void restart() {
        world_.stop_service();
        world_.start_service();
    }
    std::unique_ptr<FleetPhone> phone() {
        auto made = FleetPhone::make(host::data_path("cards"), 77, world_.random());
        CHECK(made.has_value());
        (*made)->posture().system = [this](Bytes message) {
            return std::vector{maker_.evidence(message)};
        };
        return *std::move(made);
    }
    Reply device(const std::string& terminal) {
        return world_.acquirer("/v1/terminals/" + terminal);
    }

    RoadWorld world_;
    Maker maker_;
};

TEST_F(RoadAttested, APhoneWhoseMakerSpeaksForItIsOfAHighGrade) {
    const auto good = phone();
    ASSERT_TRUE(good->enrol(world_.platform(), world_.enrolment_code()));
    EXPECT_TRUE(good->permit(amount));
    const Reply told = device(good->terminal());
    EXPECT_EQ(told.text("evidence_kind"), "android-key") << told.body();
    EXPECT_EQ(told.text("key_home"), "trusted environment");
    EXPECT_EQ(told.text("state"), "ACTIVE");
}

// Shows: A24
TEST_F(RoadAttested, AnOpenBootLoaderDoesNotEnrol) {
    maker_.locked = false;
    maker_.boot_state = 2;
    const auto open = phone();
    const Reply made = world_.acquirer("/v1/merchants/" + world_.merchant() + "/terminals", "{}");
    const std::string terminal = made.text("terminal_id");
    EXPECT_FALSE(open->enrol(world_.platform(), made.text("activation_code")));
    ASSERT_TRUE(open->last_refusal());
    EXPECT_EQ(open->last_refusal()->reference.find("BOOT"), std::string::npos);
    EXPECT_TRUE(open->terminal().empty()) << "no certificate, no keys";
    const Reply list = world_.acquirer("/v1/terminals/" + terminal + "/evidence");
    ASSERT_EQ(list.size("evidence"), 1U);
    EXPECT_NE(list.text("evidence.0.outcome").find("BOOT_UNLOCKED"), std::string::npos)
        << list.body();
    // The shop closes the boot loader and gets another code.
    maker_.locked = true;
    maker_.boot_state = 0;
    EXPECT_TRUE(phone()->enrol(world_.platform(), world_.enrolment_code()));
}

// Shows: A24
TEST_F(RoadAttested, ABootLoaderThatIsOpenedLaterEndsTheTaking) {
    const auto good = phone();
    ASSERT_TRUE(good->enrol(world_.platform(), world_.enrolment_code()));
    ASSERT_TRUE(good->permit(amount));
    maker_.locked = false;
    EXPECT_FALSE(good->permit(amount));
    EXPECT_EQ(device(good->terminal()).text("state"), "SUSPENDED");
    const Reply list = world_.acquirer("/v1/incidents");
    ASSERT_EQ(list.size("incidents"), 1U);
    EXPECT_EQ(list.text("incidents.0.terminal_id"), good->terminal());
}

// Shows: A4
TEST_F(RoadAttested, WithoutAFreshListOfRevokedKeysThePhoneIsForReview) {
    const auto good = phone();
    ASSERT_TRUE(good->enrol(world_.platform(), world_.enrolment_code()));
    ASSERT_TRUE(good->permit(amount));
    namespace fs = std::filesystem;
    const auto now = fs::file_time_type::clock::now();
    constexpr auto age_max = std::chrono::seconds(604'800);
    fs::last_write_time(file("android-status.json"), now - age_max + std::chrono::minutes(5));
    restart();
    EXPECT_TRUE(good->permit(amount)) << "just fresh enough";
    fs::last_write_time(file("android-status.json"), now - age_max - std::chrono::seconds(1));
    restart();
    EXPECT_FALSE(good->permit(amount));
    EXPECT_EQ(device(good->terminal()).text("state"), "REVIEW");
    keep("android-status.json", R"({"entries": {}})");
    restart();
    EXPECT_TRUE(good->permit(amount)) << device(good->terminal()).body();
    EXPECT_EQ(device(good->terminal()).text("state"), "ACTIVE");
}

}  // namespace
}  // namespace softpos::sim::test
