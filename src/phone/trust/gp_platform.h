// The trusted platform that a GlobalPlatform TEE gives: random numbers, time and objects are the
// TEE's, and what GlobalPlatform has no function for comes from the maker of the phone.
#pragma once

#include "phone/trust/trusted_platform.h"

namespace softpos::trust {

// Each Linux host and each phone brings one. Defined by whoever hosts the application (gp_host.cc);
// called once, when the instance is made. It must outlive the instance.
PlatformExtras& platform_extras();

// Objects: "state" and "journal" in the private storage, each replaced as a whole.
//
// Spec: [GP-TEE-CORE] 5 (objects), 6.13 (random), 7.2.1 (system time).
class GpPlatform final : public TrustedPlatform {
public:
    explicit GpPlatform(PlatformExtras& extras) : extras_(extras) {}

    Random& random() override { return random_; }
    Ticks ticks() override;
    Result<SecretBytes> load_state() override;
    Result<SecretBytes> load_journal() override;
    Result<void> save_state(Bytes state) override;
    Result<void> save_journal(Bytes journal) override;

    Result<std::uint64_t> epoch() override { return extras_.epoch(); }
    Result<void> advance_epoch(std::uint64_t to) override { return extras_.advance_epoch(to); }
    std::array<std::uint8_t, 32> measurement() override { return extras_.measurement(); }
    Result<std::optional<protocol::Evidence>> evidence(Bytes challenge_message) override {
        return extras_.evidence(challenge_message);
    }
    Result<std::optional<protocol::Evidence>> enrolment_evidence(Bytes challenge_message) override {
        return extras_.enrolment_evidence(challenge_message);
    }
    Result<protocol::Evidence> activate(const protocol::EnrolCredential& credential,
                                        Bytes binding) override {
        return extras_.activate(credential, binding);
    }
    TrustedUi* ui() override { return extras_.ui(); }
    protocol::Protection protection() const override { return extras_.protection(); }
    std::vector<protocol::Finding> findings() override { return extras_.findings(); }

private:
    class GpRandom final : public Random {
    public:
        void fill(std::span<std::uint8_t> out) override;
    };

    PlatformExtras& extras_;
    GpRandom random_;
};

}  // namespace softpos::trust
