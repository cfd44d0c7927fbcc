// Runs the core by its own protocol, so that nothing is left out.
#include "world/sim/fleet_phone.h"

#include "base/hex.h"
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

// That card's file with another number in it.
Result<card::CardProfile> profile_for(const std::string& folder, const std::string& card,
                                      std::uint32_t number) {
    const Buffer file = TRY(host::read_file(folder + "/" + card + ".card", card_file_bytes_max));
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

protocol::Posture usual_posture() {
    protocol::Posture posture;
    posture.claims = {"linux", "fleet", "1", "org.opensoftpos.fleet", 100, 100};
    posture.hardware =
        static_cast<protocol::CapabilitySet>(protocol::bit_of(protocol::Capability::card_no_pin) |
                                             protocol::bit_of(protocol::Capability::qr_show) |
                                             protocol::bit_of(protocol::Capability::qr_scan));
    return posture;
}

}  // namespace

struct FleetPhone::Memory final : trust::TrustedPlatform {
    Memory(Random& source, const FleetPosture& posture, FleetCustomer* customer,
           trust::HardwareAnchor* chip)
        : source_(source), posture_(posture), chip_(chip) {
        if (customer != nullptr) screen_.emplace(*customer);
    }
    Random& random() override { return source_; }
    Ticks ticks() override { return {clock_->ticks().us + ahead_us_}; }
    void use(const Clock& clock) { clock_ = &clock; }
    void let_pass(std::chrono::microseconds time) { ahead_us_ += time.count(); }
    Result<SecretBytes> load_state() override { return load(state_); }
    Result<SecretBytes> load_journal() override { return load(journal_); }
    Result<void> save_state(Bytes state) override {
        state_ = SecretBytes::copy_of(state);
        return {};
    }
    Result<void> save_journal(Bytes journal) override {
        journal_ = SecretBytes::copy_of(journal);
        return {};
    }
    Result<std::uint64_t> epoch() override { return epoch_; }
    Result<void> advance_epoch(std::uint64_t to) override {
        epoch_ = std::max(epoch_, to);
        return {};
    }
    std::array<std::uint8_t, 32> measurement() override { return {}; }
    protocol::Protection protection() const override {
        return chip_ == nullptr ? protocol::Protection::software : chip_->kind();
    }
    Result<std::optional<protocol::Evidence>> evidence(Bytes message) override {
        return TRY(chip_->evidence(message));
    }
    Result<std::optional<protocol::Evidence>> enrolment_evidence(Bytes message) override {
        return TRY(chip_->enrolment_evidence(message));
    }
    Result<protocol::Evidence> activate(const protocol::EnrolCredential& credential,
                                        Bytes binding) override {
        if (chip_ == nullptr) return TrustedPlatform::activate(credential, binding);
        return chip_->activate(credential, binding);
    }
    std::vector<protocol::Finding> findings() override { return posture_.core; }
    trust::TrustedUi* ui() override { return screen_ ? &*screen_ : nullptr; }

    void take_objects(const Memory& from) {
        state_ = from.state_.clone();
        journal_ = from.journal_.clone();
        epoch_ = from.epoch_;
    }

private:
    static Result<SecretBytes> load(const SecretBytes& object) {
        if (object.empty()) return fail(ErrorKind::not_found, "fleet: nothing was saved");
        return object.clone();
    }
    // The customer finds each digit where the pad shows it.
    class Screen final : public trust::TrustedUi {
    public:
        explicit Screen(FleetCustomer& customer) : customer_(customer) {}
        Result<void> show(const trust::PinScreen& screen) override {
            if (screen.kind != trust::PinScreen::Kind::pad || screen.entered != 0) return {};
            ++customer_.pads;
            keys_.clear();
            for (const char digit : customer_.pin) {
                const auto at =
                    std::ranges::find(screen.digit_at, static_cast<std::uint8_t>(digit - '0'));
                keys_.push_back({trust::PinKey::Kind::digit,
                                 static_cast<std::uint8_t>(at - screen.digit_at.begin())});
            }
            keys_.push_back(
                {customer_.pin.empty() ? trust::PinKey::Kind::cancel : trust::PinKey::Kind::confirm,
                 0});
            if (customer_.before_typing) customer_.before_typing();
            shown_ = true;
            return {};
        }
        std::optional<trust::PinKey> next_key() override {
            if (!shown_ || keys_.empty()) return std::nullopt;
            const trust::PinKey key = keys_.front();
            keys_.erase(keys_.begin());
            return key;
        }

    private:
        FleetCustomer& customer_;
        std::vector<trust::PinKey> keys_;
        bool shown_ = false;
    };

    Random& source_;
    const FleetPosture& posture_;
    trust::HardwareAnchor* chip_;
    std::optional<Screen> screen_;
    SystemClock system_;
    const Clock* clock_ = &system_;
    std::int64_t ahead_us_ = 0;
    SecretBytes state_, journal_;
    std::uint64_t epoch_ = 0;
};

namespace {

template <typename Answer>
Result<Answer> expect(protocol::SpaAnswer answer) {
    auto* wanted = std::get_if<Answer>(&answer);
    if (wanted == nullptr) return fail(ErrorKind::denied, "fleet: enrolment refused");
    return std::move(*wanted);
}

}  // namespace

FleetPhone::FleetPhone(card::VirtualCard card, Random& random, const Kind& kind)
    : card_(std::move(card)),
      posture_{.app = usual_posture(), .core = {}},
      memory_(std::make_unique<Memory>(random, posture_, kind.screen ? &customer_ : nullptr,
                                       kind.chip)) {
    if (kind.screen) {
        posture_.app.hardware = static_cast<protocol::CapabilitySet>(
            posture_.app.hardware | protocol::bit_of(protocol::Capability::card_pin));
    }
}
FleetPhone::~FleetPhone() = default;

Result<std::unique_ptr<FleetPhone>> FleetPhone::make(const std::string& cards_folder,
                                                     std::uint32_t number, Random& random,
                                                     const Kind& kind) {
    auto profile = TRY(profile_for(cards_folder, kind.card, number));
    const auto issuer = TRY(issuer_of(cards_folder, profile.pan));
    auto data = TRY(card::personalise(std::move(profile), issuer));
    return std::unique_ptr<FleetPhone>(
        new FleetPhone(card::VirtualCard(std::move(data)), random, kind));
}

template <typename Answer>
Result<Answer> FleetPhone::ask_core(const protocol::TrustedRequest& request) {
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
    core_ = std::make_unique<trust::TrustedCore>(
        *memory_, trust::CoreOptions{.platform_key = platform.signing_point});
    certificate_pem_.clear();
    if (platform.clock != nullptr) memory_->use(*platform.clock);
    TRY_VOID(connect());
    const auto challenge = TRY(expect<protocol::EnrolChallenge>(
        TRY(ask(protocol::EnrolBegin{activation_code, posture_.app.claims}))));
    auto core = TRY(ask_core<protocol::EnrolBeginAnswer>(
        protocol::EnrolBeginRequest{challenge.nonce_id, challenge.nonce, told()}));
    const auto key = TRY(crypto::P256Key::generate());
    key_pem_ = key.private_pem();
    protocol::EnrolEvidence proof;
    proof.activation_code = activation_code;
    proof.csr_pem = TRY(crypto::make_csr(key_pem_, "phone"));
    proof.body = std::move(core.statement.body);
    proof.core_signature = std::move(core.statement.signature);
    if (core.evidence) proof.evidences.push_back(*std::move(core.evidence));
    if (posture_.system) {
        const auto body = TRY(protocol::decode_spa_body(proof.body));
        const auto* statement = std::get_if<protocol::EnrolStatement>(&body);
        if (statement == nullptr) return fail(ErrorKind::malformed, "fleet: no statement");
        const Buffer binding =
            protocol::binding_message({.nonce = statement->nonce,
                                       .core_sign_point = statement->core_sign_point,
                                       .core_seal_point = statement->core_seal_point,
                                       .measurement = statement->measurement,
                                       .app_version = statement->claims.app_version});
        for (auto& one : posture_.system(binding)) proof.evidences.push_back(std::move(one));
    }
    auto enrolled = TRY(expect<protocol::Enrolled>(TRY(prove(std::move(proof)))));
    const auto body = TRY(protocol::decode_spa_body(enrolled.grant));
    const auto* grant = std::get_if<protocol::CoreGrant>(&body);
    if (grant == nullptr) return fail(ErrorKind::malformed, "fleet: no grant");
    TRY(ask_core<protocol::EnrolFinishAnswer>(protocol::EnrolFinishRequest{
        std::move(enrolled.grant), std::move(enrolled.grant_signature)}));
    terminal_ = grant->terminal_id;
    certificate_pem_ = std::move(enrolled.certificate_pem);
    return connect();
}

Result<void> FleetPhone::connect() {
    if (platform_.ask) return {};
    client_ = TRY(net::HttpClient::make(client_config()));
    return {};
}

// A credential is opened by the core, and the same proof goes once more.
Result<protocol::SpaAnswer> FleetPhone::prove(protocol::EnrolEvidence proof) {
    if (before_request) before_request(proof);
    auto answer = TRY(ask(proof));
    auto* credential = std::get_if<protocol::EnrolCredential>(&answer);
    if (credential == nullptr) return answer;
    if (before_activation) before_activation(*credential);
    auto opened = TRY(ask_core<protocol::EnrolActivateAnswer>(
        protocol::EnrolActivateRequest{std::move(*credential)}));
    proof.activation = std::move(opened.evidence.bytes);
    if (before_proof) before_proof(proof);
    return ask(proof);
}

Result<protocol::SpaAnswer> FleetPhone::ask(const protocol::SpaRequest& request) {
    const net::HttpCall call{.method = "POST",
                             .target = "/v1/spa",
                             .body = std::string(text_of(protocol::encode(request))),
                             .content_type = "application/cbor",
                             .retry_on_stale = true};
    const auto response = TRY(platform_.ask ? platform_.ask(call) : client_->request(call));
    auto answer = TRY(protocol::decode_spa_answer(bytes_of(response.body)));
    if (const auto* refused = std::get_if<protocol::SpaRefused>(&answer)) refused_ = *refused;
    return answer;
}

protocol::Posture FleetPhone::told() const {
    protocol::Posture posture = posture_.app;
    const Instant now = platform_.clock == nullptr ? SystemClock().now() : platform_.clock->now();
    const std::int64_t now_ms = now.unix_ms + posture_.clock_off_ms;
    if (posture_.tells_time) posture.phone_time = Instant{std::max<std::int64_t>(now_ms, 0)};
    return posture;
}

void FleetPhone::let_pass(std::chrono::milliseconds time) {
    memory_->let_pass(time);
}

Result<void> FleetPhone::obey(const std::vector<protocol::SignedBody>& commands) {
    for (const protocol::SignedBody& command : commands) {
        TRY(ask_core<protocol::CommandObeyAnswer>(protocol::CommandObeyRequest{command}));
    }
    return {};
}

Result<protocol::PermitAsk> FleetPhone::prepare_permit(std::int64_t amount_minor,
                                                       protocol::PermitPurpose purpose) {
    auto prepared = TRY(ask_core<protocol::PermitPrepareAnswer>(
        protocol::PermitPrepareRequest{purpose, amount_minor, 156, told()}));
    protocol::PermitAsk ask{std::move(prepared.request), {}};
    if (prepared.evidence) ask.evidences.push_back(*std::move(prepared.evidence));
    if (posture_.system) {
        const Buffer message = protocol::permit_evidence_message(ask.request.body);
        for (auto& one : posture_.system(message)) ask.evidences.push_back(std::move(one));
    }
    return ask;
}

Result<protocol::SignedBody> FleetPhone::permit(std::int64_t amount_minor,
                                                protocol::PermitPurpose purpose) {
    return take_permit(TRY(ask(TRY(prepare_permit(amount_minor, purpose)))));
}

Result<protocol::SignedBody> FleetPhone::take_permit(const protocol::SpaAnswer& answer) {
    if (const auto* given = std::get_if<protocol::PermitGiven>(&answer)) {
        TRY_VOID(obey(given->commands));
        return given->permit;
    }
    if (const auto* refused = std::get_if<protocol::SpaRefused>(&answer)) {
        TRY(ask_core<protocol::PermitRefusedAnswer>(protocol::PermitRefusedRequest{}));
        TRY_VOID(obey(refused->commands));
    }
    return fail(ErrorKind::denied, "fleet: no permit");
}

Result<void> FleetPhone::report() {
    auto made = TRY(ask_core<protocol::ReportMakeAnswer>(
        protocol::ReportMakeRequest{posture_.app.findings, {}}));
    const auto answer = TRY(ask(protocol::ReportSent{std::move(made.report)}));
    if (const auto* taken = std::get_if<protocol::ReportTaken>(&answer)) {
        return obey(taken->commands);
    }
    if (const auto* refused = std::get_if<protocol::SpaRefused>(&answer)) {
        TRY_VOID(obey(refused->commands));
    }
    return fail(ErrorKind::denied, "fleet: the report was refused");
}

Result<std::unique_ptr<FleetPhone>> FleetPhone::copy(const std::string& cards_folder,
                                                     std::uint32_t card_number) const {
    auto twin = TRY(make(cards_folder, card_number, memory_->random()));
    twin->memory_->take_objects(*memory_);
    twin->platform_ = platform_;
    twin->core_ = std::make_unique<trust::TrustedCore>(
        *twin->memory_, trust::CoreOptions{.platform_key = platform_.signing_point});
    twin->key_pem_ = key_pem_;
    twin->certificate_pem_ = certificate_pem_;
    twin->terminal_ = terminal_;
    twin->trace_ = trace_;
    twin->client_ = TRY(net::HttpClient::make(twin->client_config()));
    return twin;
}

Result<protocol::StatusAnswer> FleetPhone::status() {
    return ask_core<protocol::StatusAnswer>(protocol::StatusRequest{});
}

Result<std::string> FleetPhone::tap(std::int64_t amount_minor, const Id128& idempotency_key,
                                    Instant now) {
    auto in_hand = TRY(permit(amount_minor));
    return tap_under(std::move(in_hand), amount_minor, idempotency_key, now);
}

Result<std::string> FleetPhone::wallet_body(std::int64_t amount_minor, const Id128& idempotency_key,
                                            protocol::PermitPurpose purpose,
                                            std::string_view code) {
    return wallet_body_under(TRY(permit(amount_minor, purpose)),
                             {amount_minor, idempotency_key, purpose, code});
}

Result<std::string> FleetPhone::wallet_body_under(const protocol::SignedBody& permit,
                                                  const WalletTap& tap) {
    const auto body = TRY(protocol::decode_spa_body(permit.body));
    const auto* given = std::get_if<protocol::Permit>(&body);
    if (given == nullptr) return fail(ErrorKind::malformed, "fleet: no permit in it");
    const bool scans = tap.purpose == protocol::PermitPurpose::qr_scan;
    json::object out{{"idempotency_key", tap.idempotency_key.text()},
                     {"amount_minor", tap.amount_minor},
                     {"currency", "CNY"},
                     {"permit", given->id.text()},
                     {"way", scans ? "scan" : "show"}};
    out[scans ? "payment_code" : "channel"] = tap.code;
    return json::serialize(out);
}

Result<std::string> FleetPhone::tap_under(protocol::SignedBody permit, std::int64_t amount_minor,
                                          const Id128& idempotency_key, Instant now) {
    const LocalTime time = china_time(now);
    card_.reset();
    auto step =
        TRY(ask_core<protocol::TapStep>(protocol::TapBeginRequest{.amount_minor = amount_minor,
                                                                  .date = time.yymmdd(),
                                                                  .time = time.hhmmss(),
                                                                  .trace = ++trace_,
                                                                  .permit = std::move(permit)}));
    for (unsigned count = 0; count < steps_max; ++count) {
        const auto* command = std::get_if<protocol::SendApdu>(&step.next);
        if (command == nullptr) break;
        step = TRY(ask_core<protocol::TapStep>(
            protocol::TapContinueRequest{.result = card_.transmit(command->command)}));
    }
    const auto* outcome = std::get_if<protocol::TapOutcome>(&step.next);
    if (outcome == nullptr || !outcome->card) {
        return fail(ErrorKind::denied, "fleet: the tap did not go online");
    }
    Id128 pin_permit;
    const bool asks_pin = outcome->cvm == protocol::TapCvm::online_pin;
    std::optional<protocol::SealedPin> pin;
    if (asks_pin) pin = TRY(take_pin(amount_minor, pin_permit));
    json::object body{{"idempotency_key", idempotency_key.text()},
                      {"kind", "purchase"},
                      {"amount_minor", amount_minor},
                      {"currency", "CNY"},
                      {"permit", outcome->permit.text()},
                      {"card", json::object{{"ksn", to_hex(outcome->card->ksn)},
                                            {"ciphertext", to_hex(outcome->card->ciphertext)},
                                            {"cvm", asks_pin ? "online_pin" : "none"},
                                            {"entry", "contactless"}}}};
    if (pin) {
        body["pin"] = json::object{{"ksn", to_hex(pin->ksn)},
                                   {"block", to_hex(pin->block)},
                                   {"permit", pin_permit.text()}};
    }
    return json::serialize(body);
}

// denied where the customer gave none.
Result<std::optional<protocol::SealedPin>> FleetPhone::take_pin(std::int64_t amount_minor,
                                                                Id128& permit_id) {
    auto in_hand = TRY(permit(amount_minor, protocol::PermitPurpose::pin));
    const auto body = TRY(protocol::decode_spa_body(in_hand.body));
    if (const auto* read = std::get_if<protocol::Permit>(&body)) permit_id = read->id;
    auto state = TRY(ask_core<protocol::PinState>(protocol::PinBeginRequest{std::move(in_hand)}));
    for (unsigned count = 0; count < steps_max && state.progress == protocol::PinProgress::waiting;
         ++count) {
        state = TRY(ask_core<protocol::PinState>(protocol::PinPollRequest{}));
    }
    if (!state.pin) return fail(ErrorKind::denied, "fleet: no PIN");
    return state.pin;
}

}  // namespace softpos::sim
