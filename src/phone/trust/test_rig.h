// What the tests of this module share: a platform in memory that can fail and crash, an acquirer
// that knows the base key, and cards.
#pragma once

#include "base/check.h"
#include "base/random.h"
#include "codec/ber_tlv.h"
#include "crypto/aead.h"
#include "crypto/dukpt_aes.h"
#include "crypto/envelope.h"
#include "crypto/p256.h"
#include "host/durable_file.h"
#include "phone/trust/trusted_core.h"
#include "phone/trust/trusted_platform.h"
#include "protocol/trusted_call.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace softpos::card {
class VirtualCard;
}

namespace softpos::trust {

// Of the repository, wherever below it the test was started.
inline std::string read_project_file(const std::string& relative) {
    std::filesystem::path root = std::filesystem::current_path();
    while (!std::filesystem::exists(root / relative)) {
        CHECK(root.has_relative_path());
        root = root.parent_path();
    }
    const auto content = host::read_file((root / relative).string(), 64 * 1024);
    CHECK(content.has_value());
    return std::string(text_of(*content));
}

// Survives the core, as a disk survives a process. After `steps_left` more steps everything fails,
// each failing step with or without its effect.
class MemoryPlatform final : public TrustedPlatform {
public:
    Random& random() override { return random_; }
    Ticks ticks() override { return now; }

    Result<SecretBytes> load_state() override { return load(state); }
    Result<SecretBytes> load_journal() override { return load(journal); }
    Result<void> save_state(Bytes bytes) override {
        return change([&] { state = Buffer(bytes.begin(), bytes.end()); });
    }
    Result<void> save_journal(Bytes bytes) override {
        ++journal_saves;
        return change([&] { journal = Buffer(bytes.begin(), bytes.end()); });
    }
    Result<std::uint64_t> epoch() override { return counter; }
    Result<void> advance_epoch(std::uint64_t to) override {
        CHECK(to >= counter);
        return change([&] { counter = to; });
    }
    std::array<std::uint8_t, 32> measurement() override { return {0xAB, 0xCD}; }
    protocol::Protection protection() const override { return kept_by; }
    std::vector<protocol::Finding> findings() override { return seen; }
    TrustedUi* ui() override { return screen; }

    std::optional<Buffer> state;
    std::optional<Buffer> journal;
    std::uint64_t counter = 0;
    Ticks now{1'000'000};
    protocol::Protection kept_by = protocol::Protection::software;
    std::vector<protocol::Finding> seen;
    TrustedUi* screen = nullptr;
    int steps_left = 1'000'000;
    bool effect_of_failed_step = false;
    int changes = 0;
    int journal_saves = 0;

private:
    static Result<SecretBytes> load(const std::optional<Buffer>& object) {
        if (!object) return fail(ErrorKind::not_found, "nothing saved");
        return SecretBytes::copy_of(*object);
    }
    Result<void> change(const std::function<void()>& effect) {
        const bool fails = steps_left == 0;
        if (!fails) --steps_left;
        if (!fails || effect_of_failed_step) {
            effect();
            ++changes;
        }
        if (fails) return fail(ErrorKind::unavailable, "injected");
        return {};
    }

    SeededRandom random_{7};
};

// One of data/cards, by the issuer of bank A. In trusted_core_test.cc.
card::VirtualCard make_card(const std::string& name);

using Invoke = std::function<Buffer(Bytes request)>;

// Talks to a core through bytes only, remembers every answer's bytes, signs what a platform signs,
// and can open what was sealed.
class Acquirer {
public:
    explicit Acquirer(Invoke invoke) : invoke_(std::move(invoke)) {}

    protocol::TrustedAnswer call(const protocol::TrustedRequest& request) {
        Buffer wire = invoke_(protocol::encode(request));
        const auto answer = protocol::decode_trusted_answer(wire);
        CHECK(answer.has_value());
        answers.push_back(std::move(wire));
        return *answer;
    }

    template <typename Expected>
    Expected ask(const protocol::TrustedRequest& request) {
        const auto answer = call(request);
        const auto* expected = std::get_if<Expected>(&answer);
        CHECK(expected != nullptr);
        return *expected;
    }
    protocol::StatusAnswer status() {
        return ask<protocol::StatusAnswer>(protocol::StatusRequest{});
    }

    protocol::Point65 platform_point() const {
        protocol::Point65 point{};
        std::ranges::copy(platform_key.public_point(), point.begin());
        return point;
    }
    CoreOptions core_options() const { return {.platform_key = platform_point()}; }

    protocol::SignedBody signed_by_platform(const protocol::SpaBody& body) const {
        protocol::SignedBody out;
        out.body = protocol::encode(body);
        out.signature = platform_key.sign(protocol::platform_signed_message(out.body));
        return out;
    }

    // What the core signed, with its signature checked. CHECKs that it is what is expected.
    template <typename Body>
    Body read(const protocol::SignedBody& told) const {
        CHECK(crypto::p256_verify(core_point, protocol::core_signed_message(told.body),
                                  told.signature)
                  .has_value());
        const auto body = protocol::decode_spa_body(told.body);
        CHECK(body.has_value());
        const auto* wanted = std::get_if<Body>(&*body);
        CHECK(wanted != nullptr);
        return *wanted;
    }

    static protocol::Posture posture() {
        protocol::Posture posture;
        posture.claims = {"linux", "Test", "6.1", "cn.example.spos", 104, 3};
        posture.hardware = 0x0F;
        posture.findings = {{protocol::FindingCode::adb, protocol::TrustClass::hardware, 5}};
        return posture;
    }

    protocol::EnrolStatement begin_enrolment() {
        const auto told = ask<protocol::EnrolBeginAnswer>(
            protocol::EnrolBeginRequest{Id128{{1}}, nonce, posture()});
        const auto body = protocol::decode_spa_body(told.statement.body);
        CHECK(body.has_value());
        const auto* statement = std::get_if<protocol::EnrolStatement>(&*body);
        CHECK(statement != nullptr);
        core_point = statement->core_sign_point;
        return read<protocol::EnrolStatement>(told.statement);
    }

    protocol::CoreGrant grant_for(const protocol::EnrolStatement& statement) const {
        protocol::CoreGrant grant;
        grant.core_sign_point = statement.core_sign_point;
        grant.nonce = statement.nonce;
        grant.issued_at = now;
        grant.terminal_id = "T0000001";
        grant.merchant_id = "M00000000000001";
        grant.merchant_name = "小店";
        grant.card_key_id = initial_key_id;
        grant.card_key_envelope = initial_key_envelope(statement, bdk, initial_key_id);
        if (with_pin_key) {
            grant.pin_key_id = {9, 9};
            grant.pin_key_envelope = initial_key_envelope(statement, pin_bdk, grant.pin_key_id);
        }
        if (!serial_number.empty()) {
            grant.serial_number = serial_number;
            grant.serial_key_envelope = envelope(
                statement, protocol::serial_key_envelope_info(grant.terminal_id), Buffer(16, 0x51));
        }
        grant.emv_parameters = read_project_file("data/emv/unionpay.params");
        return grant;
    }

    protocol::EnrolFinishRequest finishing(const protocol::CoreGrant& grant) const {
        auto told = signed_by_platform(protocol::SpaBody(grant));
        return {std::move(told.body), std::move(told.signature)};
    }

    void enrol() {
        const auto statement = begin_enrolment();
        ask<protocol::EnrolFinishAnswer>(finishing(grant_for(statement)));
    }

    static protocol::PermitPrepareRequest preparing(std::int64_t amount_minor) {
        return {protocol::PermitPurpose::tap, amount_minor, 156, posture()};
    }
    protocol::PermitRequest prepare(std::int64_t amount_minor) {
        return read<protocol::PermitRequest>(
            ask<protocol::PermitPrepareAnswer>(preparing(amount_minor)).request);
    }
    protocol::Permit permit_for(const protocol::PermitRequest& request) {
        protocol::Permit permit;
        permit.id.bytes[15] = ++permits_given;
        permit.terminal_id = request.terminal_id;
        permit.nonce = request.nonce;
        permit.purpose = request.purpose;
        permit.amount_minor_max = request.amount_minor;
        permit.currency = request.currency;
        permit.allowed = allowed;
        permit.issued_at = now;
        permit.seconds = 60;
        return permit;
    }

    static protocol::TapBeginRequest purchase(std::int64_t amount_minor,
                                              protocol::SignedBody permit) {
        return {.amount_minor = amount_minor,
                .currency = 156,
                .transaction_type = 0,
                .date = "261122",
                .time = "150405",
                .trace = 42,
                .permit = std::move(permit)};
    }
    // With a permit of its own, which is the last step before the card.
    protocol::TapBeginRequest permitted(std::int64_t amount_minor) {
        const auto permit = permit_for(prepare(amount_minor));
        return purchase(amount_minor, signed_by_platform(protocol::SpaBody(permit)));
    }
    // No failure in front of the tap, and then whatever comes.
    protocol::TrustedAnswer try_tap(std::int64_t amount_minor) {
        const auto prepared = call(preparing(amount_minor));
        const auto* told = std::get_if<protocol::PermitPrepareAnswer>(&prepared);
        if (told == nullptr) return prepared;
        const auto permit = permit_for(read<protocol::PermitRequest>(told->request));
        return call(purchase(amount_minor, signed_by_platform(protocol::SpaBody(permit))));
    }

    // The rest of a tap that began; a failure is a failed CHECK.
    template <typename Card>
    protocol::TapOutcome go_on(Card& card, protocol::TapStep step) {
        while (const auto* send = std::get_if<protocol::SendApdu>(&step.next)) {
            commands.push_back(send->command);
            rapdus.push_back(card.transmit(send->command));
            step = ask<protocol::TapStep>(protocol::TapContinueRequest{rapdus.back()});
        }
        return *std::get_if<protocol::TapOutcome>(&step.next);
    }
    // A whole tap.
    template <typename Card>
    protocol::TapOutcome tap(Card& card, std::int64_t amount_minor) {
        return go_on(card, ask<protocol::TapStep>(permitted(amount_minor)));
    }

    std::map<std::uint32_t, Buffer> open(const protocol::TapOutcome& outcome,
                                         std::int64_t amount_minor) const {
        CHECK(outcome.card.has_value());
        return open(*outcome.card, {"T0000001", amount_minor, 156, outcome.permit});
    }
    std::map<std::uint32_t, Buffer> open(const protocol::SealedCard& card,
                                         const protocol::SealedFor& sealed_for) const {
        const auto ksn = crypto::AesKsn::parse(card.ksn);
        CHECK(ksn.has_value());
        const auto key = crypto::dukpt_aes_host_key(bdk, *ksn, crypto::DukptUsage::data_encrypt,
                                                    crypto::DukptKeyKind::aes128);
        CHECK(key.has_value());
        const auto aad = protocol::sealed_card_aad(sealed_for);
        const auto plain = crypto::gcm_open(key->bytes(), card.ksn, aad, card.ciphertext);
        std::map<std::uint32_t, Buffer> objects;
        if (!plain) return objects;
        codec::TlvReader reader(plain->bytes());
        for (auto object = reader.next(); object && *object; object = reader.next()) {
            objects[static_cast<std::uint32_t>((*object)->tag)] =
                Buffer((*object)->value.begin(), (*object)->value.end());
        }
        return objects;
    }

    protocol::CommandObeyRequest command(std::uint64_t number, protocol::CommandAction action) {
        protocol::Command body;
        body.id.bytes[0] = static_cast<std::uint8_t>(number);
        body.terminal_id = "T0000001";
        body.number = number;
        body.action = action;
        body.not_after = {now.unix_ms + 60'000};
        return {signed_by_platform(protocol::SpaBody(body))};
    }
    protocol::CommandDone obey(const protocol::CommandObeyRequest& request) {
        return ask<protocol::CommandObeyAnswer>(request).done;
    }
    protocol::Report report(std::vector<protocol::AppEvent> events = {}) {
        return read<protocol::Report>(
            ask<protocol::ReportMakeAnswer>(
                protocol::ReportMakeRequest{posture().findings, std::move(events)})
                .report);
    }

    const Buffer bdk = Buffer(16, 0x42);
    const Buffer pin_bdk = Buffer(16, 0x43);
    const crypto::P256Key platform_key = crypto::P256Key::generate().value();
    std::array<std::uint8_t, 8> initial_key_id{1, 2, 3, 4, 5, 6, 7, 8};
    protocol::Digest32 nonce{5, 6, 7};
    Instant now{1'790'000'000'000};
    std::string serial_number;  // Empty: the terminal has none.
    bool with_pin_key = false;
    protocol::CapabilitySet allowed = bit_of(protocol::Capability::card_no_pin);
    protocol::Point65 core_point{};  // Of the enrolment that was begun last.
    std::uint8_t permits_given = 0;
    std::vector<Buffer> answers;
    std::vector<Buffer> commands;
    std::vector<Buffer> rapdus;

private:
    static Buffer envelope(const protocol::EnrolStatement& statement, Bytes info, Bytes key) {
        auto sealed = crypto::seal_to(statement.core_seal_point, info, key);
        CHECK(sealed.has_value());
        return std::move(*sealed);
    }
    static Buffer initial_key_envelope(const protocol::EnrolStatement& statement, Bytes base_key,
                                       const std::array<std::uint8_t, 8>& id) {
        const auto key = crypto::dukpt_aes_initial_key(base_key, id);
        CHECK(key.has_value());
        return envelope(statement, protocol::initial_key_envelope_info(id), key->bytes());
    }

    Invoke invoke_;
};

inline std::uint32_t counter_of(const protocol::SealedCard& card) {
    return crypto::AesKsn::parse(card.ksn)->counter();
}

}  // namespace softpos::trust
