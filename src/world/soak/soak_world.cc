// The world and its people: who is set up how, and who calls whom.
#include "world/soak/soak_world.h"

#include "base/check.h"
#include "base/hex.h"
#include "crypto/block_modes.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "phone/trust/trusted_service.h"
#include "platform/merchant/check_digits.h"

#include <boost/json.hpp>

#include <filesystem>
#include <utility>

namespace softpos::soak {
namespace {

namespace json = boost::json;

constexpr std::int64_t balance_minor = 100'000'000'000;
constexpr std::int64_t call_ms = 120'000;
constexpr Instant first_morning{1'796'083'200'000};  // 2026-12-01 08:00 in China.

}  // namespace

SoakFolder::SoakFolder() {
    const bool memory = std::filesystem::is_directory("/dev/shm");
    path_ = memory ? "/dev/shm/softpos_XXXXXX" : "/tmp/softpos_XXXXXX";
    CHECK(::mkdtemp(path_.data()) != nullptr);
}

SoakFolder::~SoakFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

SoakWorld::SoakWorld(const SoakOptions& options)
    : options_(options), scheduler_(options.seed, first_morning) {}

// Whoever is called ends after the caller.
SoakWorld::~SoakWorld() {
    phones_.clear();
    service_.reset();
    network_.reset();
    if (vault_socket_ == nullptr) return;
    vault_socket_->stop();
    vault_thread_.join();
}

Result<void> SoakWorld::start_vault() {
    vault_ = TRY(keys::SoftVault::open(folder_.file("vault"), key_random_));
    vault_service_ = std::make_unique<keys::VaultService>(vault_->core());
    vault_socket_ = TRY(
        host::SeqpacketServer::listen({.path = folder_.file("vault.sock"), .connections_max = 64}));
    vault_thread_ = std::thread([this] {
        const auto served = vault_socket_->serve([this](Bytes request, const host::PeerId& peer) {
            return vault_service_->handle(request, keys::Caller::of_uid(peer.uid));
        });
        CHECK(served.has_value());
    });
    return {};
}

Result<void> SoakWorld::set_up_service() {
    server::SetupOptions setup;
    setup.acquirer_name = "Soak";
    setup.config.folder = folder_.file("server");
    setup.config.vault_socket = folder_.file("vault.sock");
    setup.config.network_port = 1;
    setup.config.round_ms = 3'600'000;
    setup.config.environment = monitor::Environment::sandbox;
    const auto first = scheduler_.random().take<16>();
    const auto second = scheduler_.random().take<16>();
    setup.zone_component_1 = to_hex(first);
    setup.zone_component_2 = to_hex(second);
    for (std::size_t i = 0; i < first.size(); ++i) {
        zone_key_.writable()[i] = static_cast<std::uint8_t>(first[i] ^ second[i]);
    }
    const auto made = TRY(server::set_up(setup, scheduler_, scheduler_.random()));
    api_key_ = made.api_key;
    config_ = setup.config;
    // Quiet lines are asked seldom, so that a day is not made of echoes.
    const std::string_view lines =
        "switch 1\nline a 127.0.0.1:1\nline b 127.0.0.1:2\necho 3600000 60000 3\nkeys_hours 24\n";
    TRY_VOID(host::write_durably(config_.folder + "/switch.conf", bytes_of(lines), 0644));
    TRY_VOID(network_->wallets().write_config(config_.folder, "http://127.0.0.1:3",
                                              "https://127.0.0.1:4"));
    return start_service();
}

Result<void> SoakWorld::start_service() {
    server::Outside outside;
    outside.workers = [this](unsigned, std::size_t) {
        return std::make_unique<SimWorkers>(scheduler_);
    };
    outside.timers = [this](server::Workers&) { return std::make_unique<SimTimers>(scheduler_); };
    outside.store = [this](std::unique_ptr<store::Store> real) {
        auto store = std::make_unique<SimStore>(scheduler_, faults_, std::move(real));
        store_ = store.get();
        return store;
    };
    outside.open_line = [this](const net::FrameLinkConfig& config, net::Link::OnFrame on_frame,
                               net::Link::OnState on_state) {
        return network_->open(config, std::move(on_frame), std::move(on_state));
    };
    outside.ask_wallet = [this](const net::HttpClientConfig&, const net::HttpCall& call) {
        return network_->ask_wallet(call);
    };
    outside.meanwhile = [this](const std::function<bool()>& holds, std::uint32_t ms_max) {
        (void)scheduler_.run_until(holds, ms_max);
    };
    outside.doors = outside.webhooks = false;
    outside.sign_out_ms = 0;
    service_ = TRY(server::ControlService::start(config_, scheduler_, scheduler_.random(),
                                                 std::move(outside)));
    scheduler_.note("service up");
    return {};
}

// As SIGKILL: what was not durable is gone, and nobody says goodbye.
void SoakWorld::crash() {
    if (!service_) return;
    constexpr std::uint64_t down_ms_max = 60'000;
    scheduler_.note("service killed");
    ++report_.crashes;
    service_.reset();
    store_ = nullptr;
    scheduler_.after_ms(static_cast<std::int64_t>(scheduler_.below(down_ms_max)), [this] {
        const auto started = start_service();
        if (hold(started.has_value(), "the service starts after a crash")) (void)check_books();
    });
}

void SoakWorld::to_service(net::HttpRequest request,
                           std::function<void(const net::HttpResponse&)> answered) {
    if (!service_) return;
    auto respond = [answered = std::move(answered)](const net::HttpResponse& response) {
        answered(response);
    };
    if (request.target.starts_with("/v1/wallets/")) {
        return service_->acquirer(std::move(request), std::move(respond));
    }
    service_->phone(std::move(request), std::move(respond));
}

SoakWorld::Answer SoakWorld::acquirer(const std::string& target, const std::string& body) {
    net::HttpRequest request{.method = body.empty() ? "GET" : "POST", .target = target};
    request.headers.push_back({"authorization", "Bearer " + api_key_});
    request.body = body;
    request.peer_address = "127.0.0.1";
    const auto response = std::make_shared<std::optional<net::HttpResponse>>();
    service_->acquirer(std::move(request),
                       [response](net::HttpResponse said) { *response = std::move(said); });
    if (!scheduler_.run_until([&] { return response->has_value(); }, call_ms)) return {};
    return {(*response)->status, codec::JsonDocument((*response)->body), (*response)->body};
}

Result<std::string> SoakWorld::make_merchant(std::string_view licence) {
    std::string number(licence);
    number += merchant::social_credit_check(number).value_or('0');
    const Answer made = acquirer(
        "/v1/merchants", json::serialize(json::object{{"name", "Noodle House"},
                                                      {"licence_kind", "social_credit_code"},
                                                      {"licence_number", number},
                                                      {"mcc", "5812"},
                                                      {"region", "2900"},
                                                      {"phone", "13800138000"},
                                                      {"bank_name", "Bank of Tests"},
                                                      {"account_holder", "Noodle House"},
                                                      {"bank_account", "6212345678900000003"},
                                                      {"address", "1 Nanjing Road, Shanghai"}}));
    const std::string merchant = made.json.text("merchant_id");
    for (const char* step : {"/approve", "/activate"}) {
        const Answer done = acquirer("/v1/merchants/" + merchant + step, "{}");
        if (done.status != 200) return fail(ErrorKind::unavailable, "soak: no merchant");
    }
    return merchant;
}

Result<std::string> SoakWorld::new_terminal(const std::string& merchant) {
    const Answer made = acquirer("/v1/merchants/" + merchant + "/terminals", "{}");
    const auto sealed = from_hex(made.json.text("network_key.master_key"));
    if (made.status != 201 || !sealed) return fail(ErrorKind::unavailable, "soak: no terminal");
    auto key = TRY(crypto::ecb_decrypt_secret(crypto::Cipher::tdes, zone_key_.bytes(), *sealed));
    TRY_VOID(network_->host().register_terminal(made.json.text("terminal_id"), merchant,
                                                std::move(key)));
    return made.json.text("activation_code");
}

Result<void> SoakWorld::enrol(SoakPhone& phone, const std::string& code) {
    TRY_VOID(phone.phone().enrol(platform_, code));
    return phone.enrolled();
}

Result<void> SoakWorld::add_phone(const std::string& merchant, std::uint32_t number) {
    auto made = TRY(sim::FleetPhone::make(host::data_path("cards"), number, scheduler_.random()));
    network_->issuer().open_account(std::string(made->card_pan()), balance_minor);
    accounts_minor_ += balance_minor;
    auto phone = std::make_unique<SoakPhone>(
        SoakPhone::Parts{scheduler_, *network_, faults_,
                         [this](net::HttpRequest request, auto answered) {
                             to_service(std::move(request), std::move(answered));
                         }},
        std::move(made));
    TRY_VOID(enrol(*phone, TRY(new_terminal(merchant))));
    phones_.push_back(std::move(phone));
    return {};
}

Result<void> SoakWorld::set_up() {
    fees_ = TRY(pay::FeeTable::parse(TRY(host::read_data("fees/card.fees"))));
    TRY_VOID(start_vault());
    network_ = TRY(SimNetwork::make(scheduler_, faults_));
    TRY_VOID(set_up_service());
    platform_.signing_point = TRY(trust::read_platform_key(config_.folder + "/permit.pub"));
    platform_.clock = &scheduler_;
    platform_.ask = [this](const net::HttpCall& call) -> Result<net::HttpResponse> {
        const auto response = std::make_shared<std::optional<net::HttpResponse>>();
        to_service({.method = call.method,
                    .target = call.target,
                    .headers = {{"content-type", call.content_type}},
                    .body = call.body},
                   [response](const net::HttpResponse& said) { *response = said; });
        if (scheduler_.run_until([&] { return response->has_value(); }, call_ms)) return **response;
        return fail(ErrorKind::unavailable, "soak: no answer");
    };
    const std::array merchants{TRY(make_merchant("91310000MA1FL0000")),
                               TRY(make_merchant("91310000MA1FL0001"))};
    for (unsigned i = 0; i < options_.phones; ++i) {
        TRY_VOID(add_phone(merchants.at(i % merchants.size()), i));
    }
    return {};
}

const SoakReport& SoakWorld::report() {
    report_.events = scheduler_.events();
    report_.digest = scheduler_.digest();
    return report_;
}

bool SoakWorld::hold(bool holds, const std::string& what) {
    if (holds || !report_.failure.empty()) return holds;
    scheduler_.note("DOES NOT HOLD: " + what);
    report_.failure = what;
    report_.last_notes.assign(scheduler_.last_notes().begin(), scheduler_.last_notes().end());
    return false;
}

}  // namespace softpos::soak
