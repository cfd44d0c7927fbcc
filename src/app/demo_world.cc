// Starts the programs in the order in which they need each other.
#include "app/demo_world.h"

#include "app/console.h"
#include "base/hex.h"
#include "base/log.h"
#include "crypto/drbg.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "phone/trust/trusted_service.h"
#include "platform/merchant/check_digits.h"
#include "platform/server/control_service.h"
#include "world/sim/card_folder.h"
#include "world/sim/pos_line.h"
#include "world/sim/socket_carrier.h"

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace softpos::app {
namespace {

constexpr unsigned start_ms = 10'000;
constexpr std::size_t pem_bytes_max = 16 * 1024;
constexpr std::int64_t fleet_balance_minor = 100'000'000'000;

std::string company_code() {
    std::string code = "91310000MA1FL0000";
    code += merchant::social_credit_check(code).value_or('0');
    return code;
}

}  // namespace

// A card in the field, served by a thread until it has been tapped.
struct DemoWorld::Card {
    std::unique_ptr<sim::SocketCarrier> carrier;
    std::optional<card::VirtualCard> card;
    std::atomic<bool> tapped = true;
    std::jthread field;

    void finish() {
        if (!tapped.load()) carrier->remove();
        if (field.joinable()) field.join();
    }
    ~Card() { finish(); }
};

DemoWorld::DemoWorld(std::string folder, Options options)
    : folder_(std::move(folder)), options_(std::move(options)), card_(std::make_unique<Card>()) {}

DemoWorld::~DemoWorld() {
    // The phone first: whoever is called ends after the caller.
    for (auto* child : {&device_, &trusted_, &server_, &door_process_, &vault_, &sim_})
        child->reset();
}

Result<host::ChildProcess> DemoWorld::spawn(const std::string& program,
                                            std::vector<std::string> arguments,
                                            std::string* first_line) {
    host::ChildOptions options;
    options.arguments = std::move(arguments);
    return spawn(std::move(options), program, first_line);
}

Result<host::ChildProcess> DemoWorld::spawn_measured(const std::string& program,
                                                     std::vector<std::string> arguments,
                                                     std::string* first_line) {
    host::ChildOptions options;
    options.arguments = std::move(arguments);
    if (!options_.preload.empty()) {
        options.environment.emplace();
        for (char** line = environ; *line != nullptr; ++line) {
            options.environment->emplace_back(*line);
        }
        options.environment->push_back("LD_PRELOAD=" + options_.preload);
    }
    return spawn(std::move(options), program, first_line);
}

Result<host::ChildProcess> DemoWorld::spawn(host::ChildOptions options, const std::string& program,
                                            std::string* first_line) {
    if (options.program.empty()) options.program = program_folder() + "/" + program;
    options.pipe_output = first_line != nullptr;
    options.output_path = folder_ + "/" + program + ".log";
    auto child = TRY(host::ChildProcess::spawn(options));
    if (first_line != nullptr) *first_line = TRY(child.read_line(start_ms));
    return child;
}

Result<void> DemoWorld::start_network() {
    std::string line;
    sim_ = TRY(spawn("softpos-sim", {}, &line));
    const JsonAnswer ports(200, line);
    network_port_ = static_cast<std::uint16_t>(ports.number("network_port"));
    network_ =
        TRY(JsonApi::make({.port = static_cast<std::uint16_t>(ports.number("control_port"))}));
    return {};
}

Result<void> DemoWorld::make_vault() {
    auto made =
        TRY(spawn("softpos-vault",
                  {"init", "--dir", folder_ + "/vault", "--keys", options_.vault_keys}, nullptr));
    if (TRY(made.wait(start_ms)).success()) return {};
    return fail(ErrorKind::unavailable,
                "demo: no vault. Without SoftHSM (Debian: softhsm2) say --vault-keys software");
}

Result<void> DemoWorld::start_vault() {
    std::string line;
    std::vector<std::string> arguments{"--dir", folder_ + "/vault", "--socket",
                                       folder_ + "/vault.sock"};
    if (options_.vault_door && !door_) {
        door_ = TRY(DemoDoor::make(folder_ + "/door", SystemClock().now()));
    }
    if (door_) {
        const auto more = door_->vault_arguments();
        arguments.insert(arguments.end(), more.begin(), more.end());
    }
    vault_ = TRY(spawn_measured("softpos-vault", std::move(arguments), &line));
    return {};
}

// With a user of its own the door may not be able to see where the programs lie.
Result<void> DemoWorld::start_door() {
    host::ChildOptions options;
    options.arguments = door_->door_arguments(folder_ + "/vault.sock");
    if (::geteuid() == 0) {
        options.program = folder_ + "/door/softpos-vault-door";
        options.uid = DemoDoor::uid();
        options.gid = DemoDoor::uid();
        std::error_code error;
        std::filesystem::copy_file(program_folder() + "/softpos-vault-door", options.program,
                                   std::filesystem::copy_options::overwrite_existing, error);
        if (error) return fail(ErrorKind::unavailable, "demo: the door's program");
    }
    std::string line;
    door_process_ = TRY(spawn(std::move(options), "softpos-vault-door", &line));
    door_->listens_at(static_cast<std::uint16_t>(JsonAnswer(200, line).number("port")));
    return {};
}

Result<void> DemoWorld::kill_door() {
    door_process_->kill();
    TRY_VOID(door_process_->wait(start_ms));
    door_process_.reset();
    return {};
}

Result<void> DemoWorld::kill_vault() {
    vault_->kill();
    TRY_VOID(vault_->wait(start_ms));
    vault_.reset();
    return {};
}

// The key ceremony: two custodians, two components, brought to the vault and to the network.
Result<void> DemoWorld::set_up_server() {
    crypto::KeyRandom random;
    server::SetupOptions setup;
    setup.acquirer_name = "Demo Acquirer";
    setup.config.folder = folder_ + "/server";
    setup.config.vault_socket = folder_ + "/vault.sock";
    if (door_) {
        TRY_VOID(start_door());
        door_->lead_there(setup.config);
    }
    setup.config.network_port = network_port_;
    setup.config.phone_port = 0;
    setup.config.acquirer_port = 0;
    setup.config.answer_ms = options_.answer_ms;
    setup.config.environment = monitor::Environment::sandbox;  // This machine has no phone in it.
    setup.zone_component_1 = to_hex(random.take<16>());
    setup.zone_component_2 = to_hex(random.take<16>());
    setup.classic_component_1 = to_hex(random.take<16>());
    setup.classic_component_2 = to_hex(random.take<16>());
    setup.config.classic_port = 0;
    loader_key_ = TRY(sim::loader_key(setup.classic_component_1, setup.classic_component_2));
    const auto made = TRY(server::set_up(setup, SystemClock(), random));
    api_key_ = made.api_key;
    const auto zone = TRY(network_->post(
        "/v1/zone-key",
        "{\"components\":[" + json_object({{"value", std::string_view(setup.zone_component_1)}}) +
            "," + json_object({{"value", std::string_view(setup.zone_component_2)}}) + "]}"));
    if (zone.text("check_value") != made.zone_key_check) {
        return fail(ErrorKind::denied, "demo: the network has another zone key");
    }
    if (tpm_) TRY_VOID(believe_tpm(setup.config.folder));
    return start_server();
}

// The platform learns the root of the TPM's maker, and that the TPM must name the core it launched.
Result<void> DemoWorld::believe_tpm(const std::string& server_folder) {
    TRY_VOID(tpm_->power_on());
    const Buffer root = TRY(host::read_file(tpm_->root_path(), pem_bytes_max));
    TRY_VOID(host::write_durably(server_folder + "/tpm-roots.pem", root));
    return host::write_durably(server_folder + "/evidence.json",
                               bytes_of(R"({"pcrs":{"23":"measurement"}})"));
}

Result<void> DemoWorld::start_server() {
    const std::string folder = folder_ + "/server";
    std::string line;
    server_ = TRY(spawn_measured("softpos-server", {"--dir", folder}, &line));
    const JsonAnswer ports(200, line);
    phone_port_ = static_cast<std::uint16_t>(ports.number("phone_port"));
    acquirer_port_ = static_cast<std::uint16_t>(ports.number("acquirer_port"));
    classic_port_ = static_cast<std::uint16_t>(ports.number("classic_port"));
    const Buffer ca = TRY(host::read_file(folder + "/ca.pem", pem_bytes_max));
    ca_pem_ = text_of(ca);
    acquirer_ =
        TRY(JsonApi::make({.port = acquirer_port_,
                           .tls = net::ClientTls{.ca_pem = ca_pem_, .server_name = "127.0.0.1"}},
                          "Bearer " + api_key_));
    // From now on it comes back under the same ports.
    auto config = TRY(server::read_config(folder));
    config.phone_port = phone_port_;
    config.acquirer_port = acquirer_port_;
    config.classic_port = classic_port_;
    return server::write_config(config);
}

Result<std::unique_ptr<sim::ClassicPos>> DemoWorld::make_classic(const std::string& merchant) {
    const auto made = TRY(ask(*acquirer_, "/v1/merchants/" + merchant + "/terminals",
                              "{\"classic\":{\"purchase\":true,\"void\":true,\"refund\":true,"
                              "\"amount_max_minor\":1000000}}"));
    const std::string terminal = made.text("terminal_id");
    TRY_VOID(tell_network(made, merchant));
    if (!dialect_) {
        dialect_ = TRY(codec::Dialect::parse(TRY(host::read_data("dialects/cup-pos.dialect"))));
    }
    const net::FrameLinkConfig line{
        .port = classic_port_,
        .tls = net::ClientTls{.ca_pem = ca_pem_, .server_name = "127.0.0.1"}};
    return std::make_unique<sim::ClassicPos>(sim::ClassicPos::Parts{
        .dialect = *dialect_,
        .cards_folder = host::data_path("cards"),
        .terminal = terminal,
        .merchant = merchant,
        .master_key = TRY(sim::loaded_master_key(loader_key_, made.text("terminal_key.master_key"),
                                                 made.text("terminal_key.check_value"))),
        .clock = clock_,
        .random = random_,
        .exchange = [line](const Buffer& frame) {
            constexpr std::uint32_t terminal_waits_ms = 10'000;
            return sim::classic_call(line, frame, terminal_waits_ms);
        }});
}

Result<void> DemoWorld::kill_server() {
    server_->kill();
    TRY_VOID(server_->wait(start_ms));
    server_.reset();
    return {};
}

Result<void> DemoWorld::kill_and_restart_server() {
    TRY_VOID(kill_server());
    return start_server();
}

Result<void> DemoWorld::start_phone() {
    card_->carrier = TRY(sim::SocketCarrier::listen(folder_ + "/card.sock"));
    customer_ = TRY(PinCustomer::make());
    return start_phone_programs();
}

Result<void> DemoWorld::start_phone_programs() {
    const std::string trusted_socket = folder_ + "/trusted.sock";
    std::vector<std::string> arguments{"--socket",       trusted_socket,
                                       "--state",        folder_ + "/trusted",
                                       "--platform-key", folder_ + "/server/permit.pub",
                                       "--pin-screen",   customer_->screen_path()};
    if (tpm_) {
        TRY_VOID(tpm_->await());
        arguments.insert(arguments.end(),
                         {"--tpm", tpm_->tcti(), "--tpm-authorities", tpm_->authorities_path()});
    }
    trusted_ = TRY(spawn("softpos-trusted", std::move(arguments), &gate_report_));
    return start_device();
}

Result<void> DemoWorld::start_device() {
    const std::string phone_socket = folder_ + "/phone.sock";
    std::string line;
    device_ = TRY(spawn("softpos-device",
                        {"--state", folder_ + "/phone", "--socket", phone_socket, "--trusted",
                         folder_ + "/trusted.sock", "--reader", "socket:" + folder_ + "/card.sock",
                         "--report-ms", std::to_string(options_.report_ms)},
                        &line));
    phone_ = TRY(JsonApi::make({.unix_path = phone_socket}));
    return {};
}

Result<void> DemoWorld::restart_phone() {
    for (auto* child : {&device_, &trusted_}) {
        (*child)->kill();
        TRY_VOID((*child)->wait(start_ms));
        child->reset();
    }
    return start_phone_programs();
}

Result<void> DemoWorld::kill_device() {
    device_->kill();
    TRY_VOID(device_->wait(start_ms));
    device_.reset();
    return {};
}

Result<JsonApi> DemoWorld::another_phone_api() const {
    return JsonApi::make({.unix_path = folder_ + "/phone.sock"});
}

std::string DemoWorld::enrolment(const std::string& activation_code) const {
    const std::string server = "https://127.0.0.1:" + std::to_string(phone_port_);
    return json_object({{"activation_code", std::string_view(activation_code)},
                        {"server", std::string_view(server)},
                        {"ca_pem", std::string_view(ca_pem_)}});
}

Result<JsonAnswer> DemoWorld::enrol_phone(const std::string& activation_code) {
    return ask(*phone_, "/v1/enrol", enrolment(activation_code));
}

Result<JsonAnswer> DemoWorld::try_to_enrol_phone(const std::string& activation_code) {
    return phone_->post("/v1/enrol", enrolment(activation_code));
}

// A refusal is shown as it came, then ends what was going on.
Result<JsonAnswer> DemoWorld::ask(JsonApi& api, const std::string& target,
                                  const std::string& body) {
    JsonAnswer answer = TRY(body.empty() ? api.get(target) : api.post(target, body));
    if (!answer.good()) {
        std::fprintf(stderr, "softpos: %s answered %u %s\n", target.c_str(), answer.status(),
                     answer.body().c_str());
        return fail(ErrorKind::denied, "a call was refused", answer.status());
    }
    return answer;
}

Result<std::string> DemoWorld::make_merchant(MerchantKind kind) {
    const bool micro = kind == MerchantKind::micro;
    // Made-up numbers with the check characters of GB 11643 and GB 32100.
    const std::string licence = micro ? "11010519491231002X" : company_code();
    const auto merchant =
        TRY(ask(*acquirer_, "/v1/merchants",
                json_object({{"name", "Noodle House Nanjing Road"},
                             {"licence_kind", micro ? "resident_id" : "social_credit_code"},
                             {"licence_number", std::string_view(licence)},
                             {"mcc", "5812"},
                             {"region", "2900"},
                             {"phone", "13800138000"},
                             {"bank_name", "Bank of Tests"},
                             {"account_holder", "Noodle House"},
                             {"bank_account", "6212345678900000003"},
                             {"address", "1 Nanjing Road, Shanghai"}})));
    const std::string number = merchant.text("merchant_id");
    TRY(ask(*acquirer_, "/v1/merchants/" + number + "/approve", "{}"));
    TRY(ask(*acquirer_, "/v1/merchants/" + number + "/activate", "{}"));
    return number;
}

Result<DemoWorld::NewTerminal> DemoWorld::make_terminal(const std::string& merchant) {
    const auto made = TRY(ask(*acquirer_, "/v1/merchants/" + merchant + "/terminals", "{}"));
    NewTerminal terminal{made.text("terminal_id"), made.text("activation_code")};
    TRY_VOID(tell_network(made, merchant));
    return terminal;
}

Result<void> DemoWorld::tell_network(const JsonAnswer& made, const std::string& merchant) {
    TRY(ask(
        *network_, "/v1/terminals",
        json_object({{"terminal_id", std::string_view(made.text("terminal_id"))},
                     {"merchant_id", std::string_view(merchant)},
                     {"master_key", std::string_view(made.text("network_key.master_key"))},
                     {"check_value", std::string_view(made.text("network_key.check_value"))}})));
    return {};
}

Result<sim::Fleet> DemoWorld::make_fleet(std::size_t count, Random& random) {
    const std::string merchant = TRY(make_merchant(MerchantKind::company));
    const sim::FleetPlatform platform{
        .phone_port = phone_port_,
        .ca_pem = ca_pem_,
        .signing_point = TRY(trust::read_platform_key(folder_ + "/server/permit.pub"))};
    sim::Fleet fleet;
    for (std::size_t i = 0; i < count; ++i) {
        auto phone = TRY(
            sim::FleetPhone::make(host::data_path("cards"), static_cast<std::uint32_t>(i), random));
        const NewTerminal terminal = TRY(make_terminal(merchant));
        TRY_VOID(phone->enrol(platform, terminal.activation_code));
        TRY(ask(*network_, "/v1/accounts",
                json_object({{"pan", phone->card_pan()}, {"balance_minor", fleet_balance_minor}})));
        fleet.push_back(std::move(phone));
    }
    return fleet;
}

Result<void> DemoWorld::hold_card(const std::string& name) {
    card_->finish();
    auto card =
        TRY(sim::load_card(host::data_path("cards"), name, folder_ + "/card-" + name + ".state"));
    card_->card.emplace(std::move(card));
    Card* const held = card_.get();
    held->tapped = false;
    card_->field = std::jthread([held] {
        const auto end = held->carrier->present(*held->card, sim::Presence::one_tap);
        held->tapped = true;
        if (!end) log(LogLevel::warning, "demo: card", end.error());
    });
    return {};
}

Result<std::unique_ptr<DemoWorld>> DemoWorld::start(const std::string& folder, Options options) {
    const Cast cast = options.cast;
    std::unique_ptr<DemoWorld> world(new DemoWorld(folder, std::move(options)));
    if (world->options_.tpm && DemoTpm::installed()) {
        world->tpm_ = TRY(DemoTpm::begin(folder + "/tpm"));
    }
    TRY_VOID(world->start_network());
    TRY_VOID(world->make_vault());
    TRY_VOID(world->start_vault());
    TRY_VOID(world->set_up_server());
    if (cast == Cast::everybody) TRY_VOID(world->start_phone());
    return world;
}

}  // namespace softpos::app
