// The whole road in one process, and the proof that it can be trusted as a measure.
#include "world/sim/road_test_support.h"

#include "base/check.h"
#include "base/hex.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "phone/trust/trusted_service.h"
#include "platform/merchant/check_digits.h"
#include "world/sim/card_folder.h"
#include "world/sim/pos_line.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace softpos::sim::test {
namespace {

namespace json = boost::json;

constexpr std::int64_t wait_us_max = 30'000'000;
constexpr std::size_t pem_bytes_max = 16 * 1024;

bool is_open(std::string_view state) {
    return state == "received" || state == "sent" || state == "unknown" ||
           state == "reversal_pending";
}

}  // namespace

RoadPhone::RoadPhone(RoadWorld& world, std::unique_ptr<FleetPhone> phone)
    : world_(world), phone_(std::move(phone)), client_(world.client(phone_->client_config())) {}

std::string RoadPhone::tap(std::int64_t amount_minor) {
    const auto key = Id128::parse(world_.new_key());
    auto body = phone_->tap(amount_minor, key.value(), world_.clock().now());
    CHECK(body.has_value());
    return *std::move(body);
}
void RoadPhone::reconnect() {
    client_ = world_.client(phone_->client_config());
}
Reply RoadPhone::send(const std::string& purchase_body) {
    return post("/v1/phone/payments", purchase_body);
}
std::string RoadPhone::scan_body(std::int64_t amount_minor, std::string_view payment_code) {
    auto body = phone_->wallet_body(amount_minor, Id128::parse(world_.new_key()).value(),
                                    protocol::PermitPurpose::qr_scan, payment_code);
    CHECK(body.has_value());
    return *std::move(body);
}
std::string RoadPhone::show_body(std::int64_t amount_minor, std::string_view channel) {
    auto body = phone_->wallet_body(amount_minor, Id128::parse(world_.new_key()).value(),
                                    protocol::PermitPurpose::qr_show, channel);
    CHECK(body.has_value());
    return *std::move(body);
}
Reply RoadPhone::send_wallet(const std::string& body) {
    return post("/v1/phone/payments/wallet", body);
}
Reply RoadPhone::scan(std::int64_t amount_minor, std::string_view payment_code) {
    return send_wallet(scan_body(amount_minor, payment_code));
}
Reply RoadPhone::show(std::int64_t amount_minor, std::string_view channel) {
    return send_wallet(show_body(amount_minor, channel));
}
Reply RoadPhone::give_up(const std::string& payment) {
    return post("/v1/phone/payments/" + payment + "/give-up", "{}");
}
Reply RoadPhone::void_sale(const std::string& payment) {
    return post("/v1/phone/payments/" + payment + "/void",
                json::serialize(json::object{{"idempotency_key", world_.new_key()}}));
}
Reply RoadPhone::refund(const std::string& payment, std::int64_t amount_minor) {
    return post("/v1/phone/payments/" + payment + "/refund",
                json::serialize(json::object{{"idempotency_key", world_.new_key()},
                                             {"amount_minor", amount_minor}}));
}
Reply RoadPhone::post(const std::string& target, const std::string& body) {
    return world_.call(*client_, {.method = "POST", .target = target, .body = body});
}
Reply RoadPhone::get(const std::string& target) {
    return world_.call(*client_, {.method = "GET", .target = target});
}

RoadWorld::RoadWorld() {
    start_vault();
    start_network();
    set_up_service();
    make_merchant("resident_id", "11010519491231002X");
    add_phone();
}

// Whoever is called ends after the caller.
RoadWorld::~RoadWorld() {
    phones_.clear();
    stop_service();
    stop_network();
    stop_vault();
}

void RoadWorld::start_vault() {
    auto vault = keys::SoftVault::open(folder_.file("vault"), random_);
    CHECK(vault.has_value());
    vault_ = *std::move(vault);
    vault_service_ = std::make_unique<keys::VaultService>(vault_->core());
    auto socket =
        host::SeqpacketServer::listen({.path = folder_.file("vault.sock"), .connections_max = 64});
    CHECK(socket.has_value());
    vault_socket_ = *std::move(socket);
    vault_thread_ = std::thread([this] {
        const auto served = vault_socket_->serve([this](Bytes request, const host::PeerId& peer) {
            return vault_service_->handle(request, keys::Caller::of_uid(peer.uid));
        });
        CHECK(served.has_value());
    });
}

void RoadWorld::stop_vault() {
    if (vault_socket_ == nullptr) return;
    vault_socket_->stop();
    vault_thread_.join();
    vault_socket_.reset();
    vault_service_.reset();
    vault_.reset();
}

void RoadWorld::start_network() {
    SimConfig config;
    config.dialect_path = host::data_path("dialects/cup-pos.dialect");
    config.cards_folder = host::data_path("cards");
    config.fees_path = host::data_path("fees/card.fees");
    config.network.business_date = china_time(clock_.now()).yyyymmdd();
    auto network = SimService::start(config, clock_, random_);
    CHECK(network.has_value());
    network_ = *std::move(network);
    network_client_ = client({.port = network_->control_port()});
}

void RoadWorld::stop_network() {
    network_client_.reset();
    network_.reset();
}

void RoadWorld::set_up_service() {
    server::SetupOptions setup;
    setup.acquirer_name = "Road";
    setup.config.folder = folder_.file("server");
    setup.config.vault_socket = folder_.file("vault.sock");
    setup.config.network_port = network_->network_port();
    setup.config.phone_port = 0;
    setup.config.acquirer_port = 0;
    setup.config.answer_ms = answer_ms;
    setup.config.round_ms = 50;
    setup.config.environment = monitor::Environment::sandbox;
    setup.zone_component_1 = to_hex(random_.take<16>());
    setup.zone_component_2 = to_hex(random_.take<16>());
    setup.classic_component_1 = to_hex(random_.take<16>());
    setup.classic_component_2 = to_hex(random_.take<16>());
    setup.config.classic_port = 0;
    const auto made = server::set_up(setup, clock_, random_);
    CHECK(made.has_value());
    api_key_ = made->api_key;
    config_ = setup.config;
    loader_key_ = loader_key(setup.classic_component_1, setup.classic_component_2).value();
    const json::array components{json::object{{"value", setup.zone_component_1}},
                                 json::object{{"value", setup.zone_component_2}}};
    const Reply zone =
        network("/v1/zone-key", json::serialize(json::object{{"components", components}}));
    CHECK(zone.text("check_value") == made->zone_key_check);
    const auto ca = host::read_file(config_.folder + "/ca.pem", pem_bytes_max);
    CHECK(ca.has_value());
    ca_pem_ = text_of(*ca);
    start_service();
}

void RoadWorld::start_service() {
    auto service = server::ControlService::start(config_, clock_, random_);
    CHECK(service.has_value());
    service_ = *std::move(service);
    config_.phone_port = service_->phone_port();  // From now on it comes back there.
    config_.acquirer_port = service_->acquirer_port();
    config_.classic_port = service_->classic_port();
    acquirer_client_ = client(door(config_.acquirer_port));
}

WalletService& RoadWorld::take_wallets(const pay::TradeRules& rules) {
    auto wallets = WalletService::start("127.0.0.1", clock_, random_);
    CHECK(wallets.has_value());
    wallets_ = *std::move(wallets);
    wallets_->trust(ca_pem_);
    const std::string notify = "https://127.0.0.1:" + std::to_string(config_.acquirer_port);
    CHECK(wallets_->host().write_config(config_.folder, wallets_->url(), notify).has_value());
    config_.wallet_rules = rules;
    stop_service();
    start_service();
    return *wallets_;
}

void RoadWorld::close_days_at(const std::string& hhmm) {
    config_.close_at = hhmm;
    stop_service();
    start_service();
}

void RoadWorld::stop_service() {
    acquirer_client_.reset();
    service_.reset();
}

void RoadWorld::make_merchant(std::string_view kind, std::string_view number) {
    const Reply made = acquirer(
        "/v1/merchants", json::serialize(json::object{{"name", "Noodle House"},
                                                      {"licence_kind", kind},
                                                      {"licence_number", number},
                                                      {"mcc", "5812"},
                                                      {"region", "2900"},
                                                      {"phone", "13800138000"},
                                                      {"bank_name", "Bank of Tests"},
                                                      {"account_holder", "Noodle House"},
                                                      {"bank_account", "6212345678900000003"},
                                                      {"address", "1 Nanjing Road, Shanghai"}}));
    CHECK(made.status() == 201);
    merchant_ = made.text("merchant_id");
    CHECK(acquirer("/v1/merchants/" + merchant_ + "/approve", "{}").status() == 200);
    CHECK(acquirer("/v1/merchants/" + merchant_ + "/activate", "{}").status() == 200);
}

std::string RoadWorld::enrolment_code(const std::string& body) {
    const Reply made = acquirer("/v1/merchants/" + merchant_ + "/terminals", body);
    CHECK(made.status() == 201);
    const json::object terminal{{"terminal_id", made.text("terminal_id")},
                                {"merchant_id", merchant_},
                                {"master_key", made.text("network_key.master_key")},
                                {"check_value", made.text("network_key.check_value")}};
    CHECK(network("/v1/terminals", json::serialize(terminal)).status() == 200);
    return made.text("activation_code");
}

RoadPhone& RoadWorld::add(Result<std::unique_ptr<FleetPhone>> phone, const std::string& pin,
                          const std::string& terminal_body) {
    CHECK(phone.has_value());
    CHECK((*phone)->enrol(platform(), enrolment_code(terminal_body)).has_value());
    open_account(std::string((*phone)->card_pan()), pin);
    phones_.push_back(std::make_unique<RoadPhone>(*this, *std::move(phone)));
    return *phones_.back();
}

void RoadWorld::open_account(const std::string& pan, const std::string& pin) {
    json::object account{{"pan", pan}, {"balance_minor", card_balance_minor}};
    if (!pin.empty()) account["pin"] = pin;
    CHECK(network("/v1/accounts", json::serialize(account)).status() == 200);
    accounts_.insert(pan);
    balances_minor_ += card_balance_minor;
}

std::unique_ptr<ClassicPos> RoadWorld::add_classic(const std::string& policy,
                                                   std::string* terminal) {
    const Reply made =
        acquirer("/v1/merchants/" + merchant_ + "/terminals", "{\"classic\":" + policy + "}");
    CHECK(made.status() == 201);
    *terminal = made.text("terminal_id");
    const json::object known{{"terminal_id", *terminal},
                             {"merchant_id", merchant_},
                             {"master_key", made.text("network_key.master_key")},
                             {"check_value", made.text("network_key.check_value")}};
    CHECK(network("/v1/terminals", json::serialize(known)).status() == 200);
    auto key = loaded_master_key(loader_key_, made.text("terminal_key.master_key"),
                                 made.text("terminal_key.check_value"));
    CHECK(key.has_value());
    for (const char* const name : {"credit", "pin"}) {
        const auto card = load_card_data(host::data_path("cards"), name);
        CHECK(card.has_value());
        const std::string pan(card->profile.pan.clear_digits());
        if (!accounts_.contains(pan)) open_account(pan, name[0] == 'p' ? classic_pin : "");
    }
    if (!dialect_) {
        const auto text = host::read_data("dialects/cup-pos.dialect");
        CHECK(text.has_value());
        dialect_ = codec::Dialect::parse(*text).value();
    }
    return std::make_unique<ClassicPos>(ClassicPos::Parts{
        .dialect = *dialect_,
        .cards_folder = host::data_path("cards"),
        .terminal = *terminal,
        .merchant = merchant_,
        .master_key = *std::move(key),
        .clock = clock_,
        .random = random_,
        .exchange = [this](const Buffer& frame) { return classic_exchange(frame); }});
}

std::optional<Buffer> RoadWorld::classic_exchange(const Buffer& frame) {
    return classic_call({.port = *config_.classic_port,
                         .tls = net::ClientTls{.ca_pem = ca_pem_, .server_name = "127.0.0.1"},
                         .kind = net::LinkKind::per_exchange},
                        frame, static_cast<std::uint32_t>(2 * answer_ms));
}

RoadPhone& RoadWorld::add_phone_at(const protocol::Location& place) {
    const auto number = static_cast<std::uint32_t>(phones_.size());
    auto phone = FleetPhone::make(host::data_path("cards"), number, random_);
    CHECK(phone.has_value());
    (*phone)->posture().app.location = place;
    const json::object body{{"latitude_e6", place.latitude_e6},
                            {"longitude_e6", place.longitude_e6}};
    return add(std::move(phone), {}, json::serialize(body));
}

RoadPhone& RoadWorld::add_phone() {
    const auto number = static_cast<std::uint32_t>(phones_.size());
    return add(FleetPhone::make(host::data_path("cards"), number, random_), {});
}

RoadPhone& RoadWorld::add_company_phone() {
    const std::string first = merchant_;
    std::string number = "91310000MA1FL0000";
    number += merchant::social_credit_check(number).value_or('0');
    make_merchant("social_credit_code", number);
    RoadPhone& phone = add_phone();
    merchant_ = first;
    return phone;
}

RoadPhone& RoadWorld::add_pin_phone(const std::string& pin) {
    const auto number = static_cast<std::uint32_t>(phones_.size());
    return add(FleetPhone::make(host::data_path("cards"), number, random_,
                                {.card = "pin-always", .screen = true}),
               pin);
}

std::unique_ptr<FleetPhone> RoadWorld::make_phone(const FleetPhone::Kind& kind) {
    auto phone = FleetPhone::make(host::data_path("cards"), 900'000, random_, kind);
    CHECK(phone.has_value());
    return *std::move(phone);
}

RoadPhone& RoadWorld::add_chip_phone(trust::HardwareAnchor& chip) {
    const auto number = static_cast<std::uint32_t>(phones_.size());
    return add(FleetPhone::make(host::data_path("cards"), number, random_, {.chip = &chip}), {});
}

void RoadWorld::write_server_file(const std::string& name, const std::string& text) const {
    CHECK(host::write_durably(config_.folder + "/" + name, bytes_of(text)).has_value());
}

FleetPlatform RoadWorld::platform() const {
    const auto point = trust::read_platform_key(config_.folder + "/permit.pub");
    CHECK(point.has_value());
    return {.phone_port = phone_port(), .ca_pem = ca_pem_, .signing_point = *point};
}

std::string RoadWorld::new_key() {
    return Id128::make(random_).text();
}

std::unique_ptr<net::HttpClient> RoadWorld::client(const net::HttpClientConfig& config) const {
    auto made = net::HttpClient::make(config);
    CHECK(made.has_value());
    return *std::move(made);
}

net::HttpClientConfig RoadWorld::door(std::uint16_t port) const {
    return {.port = port, .tls = net::ClientTls{.ca_pem = ca_pem_, .server_name = "127.0.0.1"}};
}

Reply RoadWorld::call(net::HttpClient& client, net::HttpCall request) {
    request.retry_on_stale = true;  // Every call has its key, or changes nothing twice.
    const auto answer = client.request(request);
    if (!answer) return {};
    answers_.push_back(answer->body);
    return {answer->status, answer->body};
}

Reply RoadWorld::network(const std::string& target, const std::string& body) {
    return call(*network_client_,
                {.method = body.empty() ? "GET" : "POST", .target = target, .body = body});
}

Reply RoadWorld::acquirer(const std::string& target, const std::string& body) {
    return call(*acquirer_client_, {.method = body.empty() ? "GET" : "POST",
                                    .target = target,
                                    .headers = {{"authorization", "Bearer " + api_key_}},
                                    .body = body});
}

void RoadWorld::fault(const std::string& rule) {
    CHECK(network("/v1/faults", rule).status() == 200);
}

bool RoadWorld::wait_until(const std::function<bool()>& holds) {
    const SystemClock clock;
    const Ticks start = clock.ticks();
    while (clock.ticks().us - start.us < wait_us_max) {
        if (holds()) return true;
    }
    return false;
}

std::string RoadWorld::final_state(const std::string& id) {
    std::string state;
    (void)wait_until([&] {
        state = payment(id).text("payment.state");
        return !state.empty() && !is_open(state);
    });
    return state;
}

void RoadWorld::wait_until_nothing_is_open() {
    EXPECT_TRUE(wait_until([this] {
        const Reply list = acquirer("/v1/merchants/" + merchant_ + "/payments");
        for (std::size_t i = 0; i < list.size("payments"); ++i) {
            if (is_open(list.text("payments." + std::to_string(i) + ".state"))) return false;
        }
        return list.status() == 200;
    }));
}

std::int64_t RoadWorld::spent() {
    return balances_minor_ - network("/v1/state").number("accounts_total_minor");
}

std::int64_t RoadWorld::sold() {
    const Reply list = acquirer("/v1/merchants/" + merchant_ + "/payments");
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < list.size("payments"); ++i) {
        const std::string at = "payments." + std::to_string(i) + ".";
        const std::string state = list.text(at + "state");
        if (state != "approved" && state != "voided") continue;
        const std::int64_t amount = list.number(at + "amount_minor");
        sum += list.text(at + "kind") == "purchase" ? amount : -amount;
    }
    return sum;
}

std::int64_t RoadWorld::account(int code) {
    const Reply ledger = acquirer("/v1/ledger");
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < ledger.size("accounts"); ++i) {
        const std::string at = "accounts." + std::to_string(i) + ".";
        if (ledger.number(at + "account") != code) continue;
        sum += ledger.number(at + "debits_minor") - ledger.number(at + "credits_minor");
    }
    return sum;
}

void RoadWorld::expect_consistent() {
    wait_until_nothing_is_open();
    constexpr int network_receivable = 1100, bank = 1200;
    const std::int64_t paid = spent();
    EXPECT_EQ(sold(), paid) << "payments and issuers";
    // Later the money lies at the bank, less the fees that the network kept.
    if (account(bank) == 0) EXPECT_EQ(account(network_receivable), paid) << "books and issuers";
    const Reply ledger = acquirer("/v1/ledger");
    EXPECT_EQ(ledger.status(), 200U);
    EXPECT_EQ(ledger.number("sum_minor"), 0);
}

std::string RoadWorld::business_date() {
    return acquirer("/v1/status").text("business_date");
}

namespace {

TEST(RoadWorld, StandsUpAndSellsNothingByItself) {
    RoadWorld world;
    EXPECT_EQ(world.sold(), 0);
    EXPECT_EQ(world.spent(), 0);
    EXPECT_EQ(world.acquirer("/v1/status").text("vault"), "ready");
    world.expect_consistent();
}

}  // namespace
}  // namespace softpos::sim::test
