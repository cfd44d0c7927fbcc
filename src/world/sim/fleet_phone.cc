// Runs the core by its own protocol, so that nothing is left out.
#include "world/sim/fleet_phone.h"

#include "base/hex.h"
#include "codec/strict_json.h"
#include "crypto/p256.h"
#include "crypto/x509.h"
#include "host/durable_file.h"
#include "world/card/personalisation.h"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <cstdio>

namespace softpos::sim {
namespace {

namespace json = boost::json;

constexpr std::size_t card_file_bytes_max = 4096;
constexpr unsigned steps_max = 64;

// The issuer's BIN, seven digits of our own, and the check digit.
std::string card_number(std::string_view bin, std::uint32_t number) {
    std::array<char, 16> serial{};
    std::snprintf(serial.data(), serial.size(), "9%08u", number % 100'000'000);
    std::string digits(bin);
    digits.append(serial.data()).resize(15, '0');
    unsigned sum = 0;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        unsigned digit = static_cast<unsigned>(digits[digits.size() - 1 - i] - '0');
        if (i % 2 == 0) digit = digit * 2 > 9 ? digit * 2 - 9 : digit * 2;
        sum += digit;
    }
    digits += static_cast<char>('0' + (10 - sum % 10) % 10);
    return digits;
}

// The "debit" card's file with another number in it.
Result<card::CardProfile> profile_for(const std::string& folder, std::uint32_t number) {
    const Buffer file = TRY(host::read_file(folder + "/debit.card", card_file_bytes_max));
    std::string text(text_of(file));
    const std::size_t at = text.find("\npan");
    const std::size_t equals = at == std::string::npos ? at : text.find('=', at);
    if (equals == std::string::npos) return fail(ErrorKind::malformed, "fleet: card without a PAN");
    const std::size_t begin = text.find_first_of("0123456789", equals);
    const std::size_t end = text.find_first_not_of("0123456789", begin);
    const std::string bin = text.substr(begin, 6);
    text.replace(begin, end - begin, card_number(bin, number));
    return card::parse_card(text);
}

Result<card::IssuerProfile> issuer_of(const std::string& folder, const Pan& pan) {
    for (const char* name : {"/bank-a.issuer", "/bank-b.issuer"}) {
        const Buffer text = TRY(host::read_file(folder + name, card_file_bytes_max));
        auto issuer = TRY(card::parse_issuer(text_of(text)));
        if (card::find_issuer({&issuer, 1}, pan) != nullptr) return issuer;
    }
    return fail(ErrorKind::not_found, "fleet: no issuer for the card");
}

std::string refusal_free(const net::HttpResponse& answer) {
    return answer.status == 200 ? answer.body : std::string();
}

}  // namespace

struct FleetPhone::Memory final : trust::TrustedPlatform {
    explicit Memory(Random& source) : source_(source) {}
    Random& random() override { return source_; }
    Result<SecretBytes> load_state() override {
        if (state_.empty()) return fail(ErrorKind::not_found, "fleet: no state");
        return state_.clone();
    }
    Result<void> save_state(Bytes state) override {
        state_ = SecretBytes::copy_of(state);
        return {};
    }
    Result<std::uint64_t> epoch() override { return epoch_; }
    Result<void> advance_epoch(std::uint64_t to) override {
        epoch_ = std::max(epoch_, to);
        return {};
    }
    std::array<std::uint8_t, 32> measurement() override { return {}; }

private:
    Random& source_;
    SecretBytes state_;
    std::uint64_t epoch_ = 0;
};

FleetPhone::FleetPhone(card::VirtualCard card, Random& random)
    : card_(std::move(card)),
      memory_(std::make_unique<Memory>(random)),
      core_(std::make_unique<trust::TrustedCore>(*memory_)) {}
FleetPhone::~FleetPhone() = default;

Result<std::unique_ptr<FleetPhone>> FleetPhone::make(const std::string& cards_folder,
                                                     std::uint32_t number, Random& random) {
    auto profile = TRY(profile_for(cards_folder, number));
    const auto issuer = TRY(issuer_of(cards_folder, profile.pan));
    auto data = TRY(card::personalise(std::move(profile), issuer));
    return std::unique_ptr<FleetPhone>(new FleetPhone(card::VirtualCard(std::move(data)), random));
}

template <typename Answer>
Result<Answer> FleetPhone::ask(const protocol::TrustedRequest& request) {
    const Buffer bytes = core_->invoke(protocol::encode(request));
    auto answer = TRY(protocol::decode_trusted_answer(bytes));
    if (auto* wanted = std::get_if<Answer>(&answer)) return std::move(*wanted);
    const auto* failure = std::get_if<protocol::TrustedFailure>(&answer);
    return fail(ErrorKind::denied, "fleet: the trusted core refused",
                failure == nullptr ? 0 : static_cast<std::uint32_t>(failure->fault));
}

net::HttpClientConfig FleetPhone::client_config() const {
    net::HttpClientConfig config;
    config.host = platform_.host;
    config.port = platform_.phone_port;
    config.tls = net::ClientTls{.ca_pem = platform_.ca_pem,
                                .server_name = platform_.host,
                                .cert_pem = certificate_pem_,
                                .key_pem = certificate_pem_.empty() ? "" : key_pem_};
    return config;
}

Result<void> FleetPhone::enrol(const FleetPlatform& platform, const std::string& activation_code) {
    platform_ = platform;
    const auto core = TRY(ask<protocol::EnrolBeginAnswer>(protocol::EnrolBeginRequest{}));
    const auto key = TRY(crypto::P256Key::generate());
    key_pem_ = key.private_pem();
    const std::string csr = TRY(crypto::make_csr(key_pem_, "phone"));
    const json::object body{
        {"activation_code", activation_code},
        {"csr_pem", csr},
        {"ta_public_point", to_hex(core.public_point)},
        {"measurement", to_hex(core.measurement)},
        {"device", json::object{{"model", "fleet"}, {"os", "Linux"}, {"app_version", "0.1.0"}}}};
    auto client = TRY(net::HttpClient::make(client_config()));
    const auto response = TRY(client->request(
        {.method = "POST", .target = "/v1/phone/enrol", .body = json::serialize(body)}));
    const std::string text = refusal_free(response);
    if (text.empty()) {
        return fail(ErrorKind::denied, "fleet: enrolment refused", response.status);
    }
    codec::StrictJson json(text);
    protocol::EnrolFinishRequest finish;
    terminal_ = finish.terminal_id = json.text("terminal_id", 8);
    finish.merchant_id = json.text("merchant_id", 15);
    finish.merchant_name = json.text("merchant_name", protocol::merchant_name_bytes_max);
    certificate_pem_ = json.lines("certificate_pem", crypto::pem_bytes_max);
    json.lines("ca_pem", crypto::pem_bytes_max);
    std::ranges::copy(json.hex("initial_key_id", 8, 8), finish.initial_key_id.begin());
    finish.key_envelope = json.hex("key_envelope", 1, protocol::key_envelope_bytes_max);
    finish.emv_parameters = json.lines("emv_parameters", protocol::emv_parameters_bytes_max);
    if (json.finish()) return fail(ErrorKind::malformed, "fleet: enrolment answer");
    TRY(ask<protocol::EnrolFinishAnswer>(finish));
    return {};
}

Result<std::string> FleetPhone::tap(std::int64_t amount_minor, const Id128& idempotency_key,
                                    Instant now) {
    const LocalTime time = china_time(now);
    card_.reset();
    auto step = TRY(ask<protocol::TapStep>(protocol::TapBeginRequest{.amount_minor = amount_minor,
                                                                     .date = time.yymmdd(),
                                                                     .time = time.hhmmss(),
                                                                     .trace = ++trace_,
                                                                     .permit = {}}));
    for (unsigned count = 0; count < steps_max; ++count) {
        const auto* command = std::get_if<protocol::SendApdu>(&step.next);
        if (command == nullptr) break;
        step = TRY(ask<protocol::TapStep>(
            protocol::TapContinueRequest{.result = card_.transmit(command->command)}));
    }
    const auto* outcome = std::get_if<protocol::TapOutcome>(&step.next);
    if (outcome == nullptr || !outcome->card) {
        return fail(ErrorKind::denied, "fleet: the tap did not go online");
    }
    return json::serialize(
        json::object{{"idempotency_key", idempotency_key.text()},
                     {"kind", "purchase"},
                     {"amount_minor", amount_minor},
                     {"currency", "CNY"},
                     {"card", json::object{{"ksn", to_hex(outcome->card->ksn)},
                                           {"ciphertext", to_hex(outcome->card->ciphertext)},
                                           {"cvm", "none"},
                                           {"entry", "contactless"}}}});
}

}  // namespace softpos::sim
