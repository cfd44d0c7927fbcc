// What the tests of this module share: a platform in memory that can fail and crash, an acquirer
// that knows the base key, and cards.
#pragma once

#include "base/check.h"
#include "base/random.h"
#include "codec/ber_tlv.h"
#include "crypto/aead.h"
#include "crypto/dukpt_aes.h"
#include "crypto/envelope.h"
#include "host/durable_file.h"
#include "phone/trust/trusted_platform.h"
#include "protocol/trusted_call.h"

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

    Result<SecretBytes> load_state() override {
        if (!state) return fail(ErrorKind::not_found, "no state");
        return SecretBytes::copy_of(*state);
    }
    Result<void> save_state(Bytes bytes) override {
        return change([&] { state = Buffer(bytes.begin(), bytes.end()); });
    }
    Result<std::uint64_t> epoch() override { return counter; }
    Result<void> advance_epoch(std::uint64_t to) override {
        CHECK(to >= counter);
        return change([&] { counter = to; });
    }
    std::array<std::uint8_t, 32> measurement() override { return {0xAB, 0xCD}; }

    std::optional<Buffer> state;
    std::uint64_t counter = 0;
    int steps_left = 1'000'000;
    bool effect_of_failed_step = false;
    int changes = 0;

private:
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

// Talks to a core through bytes only, remembers every answer's bytes, and can open what was sealed.
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

    protocol::EnrolFinishRequest enrolment(Bytes public_point) const {
        protocol::EnrolFinishRequest request;
        request.initial_key_id = initial_key_id;
        const auto key = crypto::dukpt_aes_initial_key(bdk, initial_key_id);
        CHECK(key.has_value());
        auto sealed = crypto::seal_to(
            public_point, protocol::initial_key_envelope_info(initial_key_id), key->bytes());
        CHECK(sealed.has_value());
        request.key_envelope = std::move(*sealed);
        request.terminal_id = "T0000001";
        request.merchant_id = "M00000000000001";
        request.merchant_name = "小店";
        request.emv_parameters = read_project_file("data/emv/unionpay.params");
        return request;
    }

    void enrol() {
        const auto begun = ask<protocol::EnrolBeginAnswer>(protocol::EnrolBeginRequest{});
        ask<protocol::EnrolFinishAnswer>(enrolment(begun.public_point));
    }

    static protocol::TapBeginRequest purchase(std::int64_t amount_minor) {
        return {.amount_minor = amount_minor,
                .currency = 156,
                .transaction_type = 0,
                .date = "261122",
                .time = "150405",
                .trace = 42,
                .permit = {}};
    }

    // A whole tap; a failure is a failed CHECK.
    template <typename Card>
    protocol::TapOutcome tap(Card& card, std::int64_t amount_minor) {
        auto step = ask<protocol::TapStep>(purchase(amount_minor));
        while (const auto* send = std::get_if<protocol::SendApdu>(&step.next)) {
            rapdus.push_back(card.transmit(send->command));
            step = ask<protocol::TapStep>(protocol::TapContinueRequest{rapdus.back()});
        }
        return *std::get_if<protocol::TapOutcome>(&step.next);
    }

    std::map<std::uint32_t, Buffer> open(const protocol::SealedCard& card,
                                         std::int64_t amount_minor) const {
        const auto ksn = crypto::AesKsn::parse(card.ksn);
        CHECK(ksn.has_value());
        const auto key = crypto::dukpt_aes_host_key(bdk, *ksn, crypto::DukptUsage::data_encrypt,
                                                    crypto::DukptKeyKind::aes128);
        CHECK(key.has_value());
        const auto aad = protocol::sealed_card_aad({"T0000001", amount_minor, 156, {}});
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

    const Buffer bdk = Buffer(16, 0x42);
    std::array<std::uint8_t, 8> initial_key_id{1, 2, 3, 4, 5, 6, 7, 8};
    std::vector<Buffer> answers;
    std::vector<Buffer> rapdus;

private:
    Invoke invoke_;
};

inline std::uint32_t counter_of(const protocol::SealedCard& card) {
    return crypto::AesKsn::parse(card.ksn)->counter();
}

}  // namespace softpos::trust
