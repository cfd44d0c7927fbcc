// The portable core linked as for a TEE and called: that it starts, answers, makes keys, signs and
// keeps what it saved. Ends with 1 where one of these is not so.
#include "base/random.h"
#include "phone/trust/gp_host.h"
#include "protocol/trusted_call.h"

#include <cstdio>
#include <optional>

namespace softpos::trust {
namespace {

// Good enough to be told apart from itself; keys come from the crypto port.
class CountingRandom final : public Random {
public:
    void fill(std::span<std::uint8_t> out) override {
        for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(++count_ * 167U >> 3);
    }

private:
    std::uint32_t count_ = 0;
};

class Memory final : public TrustedPlatform {
public:
    Random& random() override { return random_; }
    Ticks ticks() override { return {1'000'000}; }
    Result<SecretBytes> load_state() override { return load(state_); }
    Result<SecretBytes> load_journal() override { return load(journal_); }
    Result<void> save_state(Bytes bytes) override {
        state_ = Buffer(bytes.begin(), bytes.end());
        return {};
    }
    Result<void> save_journal(Bytes bytes) override {
        journal_ = Buffer(bytes.begin(), bytes.end());
        return {};
    }
    Result<std::uint64_t> epoch() override { return epoch_; }
    Result<void> advance_epoch(std::uint64_t to) override {
        epoch_ = to;
        return {};
    }
    std::array<std::uint8_t, 32> measurement() override { return {1}; }
    protocol::Protection protection() const override { return protocol::Protection::software; }
    std::vector<protocol::Finding> findings() override { return {}; }

private:
    static Result<SecretBytes> load(const std::optional<Buffer>& object) {
        if (!object) return fail(ErrorKind::not_found, "nothing saved");
        return SecretBytes::copy_of(*object);
    }

    CountingRandom random_;
    std::optional<Buffer> state_;
    std::optional<Buffer> journal_;
    std::uint64_t epoch_ = 0;
};

template <typename Expected>
bool answers(GpClient& application, const protocol::TrustedRequest& request) {
    const auto told = application.call(protocol::encode(request));
    if (!told) return false;
    const auto answer = protocol::decode_trusted_answer(*told);
    return answer && std::holds_alternative<Expected>(*answer);
}

bool run() {
    Memory memory;
    const GpHost tee(memory, {.platform_key = std::nullopt, .client = user_identity(1)});
    for (int start = 0; start < 2; ++start) {
        const auto application = GpClient::open();
        if (!application) return false;
        GpClient& core = **application;
        if (!answers<protocol::StatusAnswer>(core, protocol::StatusRequest{})) return false;
        protocol::EnrolBeginRequest enrol{Id128{{1}}, {7}, {}};
        enrol.posture.claims = {"tee", "Test", "1", "cn.example.spos", 1, 1};
        if (!answers<protocol::EnrolBeginAnswer>(core, enrol)) return false;
        if (!answers<protocol::TrustedFailure>(core, protocol::PinPollRequest{})) return false;
    }
    return true;
}

}  // namespace
}  // namespace softpos::trust

int main() {
    const bool good = softpos::trust::run();
    std::puts(good ? "the portable core runs" : "the portable core does not run");
    return good ? 0 : 1;
}
