// Builds the parts in the order in which they need each other, and takes them down in reverse.
#include "platform/server/control_service.h"

#include "base/hex.h"
#include "base/log.h"
#include "crypto/x509.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "net/frame_server.h"
#include "net/http_server.h"
#include "platform/server/acquirer_calls.h"
#include "platform/server/answers.h"
#include "platform/server/classic_door.h"
#include "platform/server/device_desk.h"
#include "platform/server/enrolment.h"
#include "platform/server/evidence_config.h"
#include "platform/server/payment_engine.h"
#include "platform/server/permit_desk.h"
#include "platform/server/phone_calls.h"
#include "platform/server/policy_shelf.h"
#include "platform/server/settlement_jobs.h"
#include "platform/server/spa_calls.h"
#include "platform/server/terminal_directory.h"
#include "platform/server/trial_desk.h"
#include "platform/server/trust_calls.h"
#include "platform/server/wallet_calls.h"
#include "platform/server/wallet_config.h"
#include "platform/server/wallet_engine.h"
#include "platform/server/webhooks.h"
#include "platform/store/sqlite_store.h"

#include <filesystem>
#include <optional>

namespace softpos::server {
namespace {

constexpr unsigned worker_threads = 8;   // They wait for the vault and the store, mostly.
constexpr unsigned wallet_threads = 16;  // Each waits for one wallet's answer.
constexpr std::size_t worker_queue_max = 4096;
constexpr std::uint32_t commit_slack_ms = 10'000;
constexpr std::size_t pem_bytes_max = 16 * 1024;
constexpr std::size_t early_sign_ins_max = 256;
constexpr std::size_t classic_connections_max = 4096;
constexpr std::size_t clearing_bytes_max = std::size_t{64} * 1024 * 1024;

// Whom https addresses are proven by: what Debian's ca-certificates brings, where it is there.
std::string usual_authorities() {
    constexpr char path[] = "/etc/ssl/certs/ca-certificates.crt";
    constexpr std::size_t bytes_max = std::size_t{4} * 1024 * 1024;
    const auto bundle = host::read_file(path, bytes_max);
    return bundle ? std::string(text_of(*bundle)) : std::string();
}

Result<std::string> read_text(const std::string& path) {
    const Buffer bytes = TRY(host::read_file(path, pem_bytes_max));
    return std::string(text_of(bytes));
}

// What the operator wrote, or one plain line. A file that is there and cannot be read stops the
// start.
Result<channel::SwitchPlan> read_plan(const ServerConfig& config) {
    const std::string path = config.folder + "/switch.conf";
    if (!std::filesystem::exists(path)) {
        return channel::SwitchPlan::of_one_line(config.network_host, config.network_port);
    }
    const Buffer text = TRY(host::read_file(path, channel::SwitchPlan::text_bytes_max));
    auto plan = TRY(channel::SwitchPlan::parse(text_of(text)));
    // Names of files are meant from the folder in which the table lies.
    TRY_VOID(plan.read_files([&](const std::string& name) {
        return read_text(std::filesystem::path(config.folder) / name);
    }));
    return plan;
}

// Those that took payments before.
Result<std::vector<TerminalRef>> working_terminals(store::Store& store) {
    std::vector<TerminalRef> found;
    TRY_VOID(store.read([&](store::Reader& reader) -> Result<void> {
        store::TextPage page{.after = {}, .rows_max = store::page_rows_max};
        for (bool more = true; more && found.size() < early_sign_ins_max;) {
            const auto merchants = TRY(reader.merchants(page));
            more = merchants.size() == page.rows_max;
            if (!merchants.empty()) page.after = merchants.back().number;
            for (const auto& merchant : merchants) {
                if (merchant.state != merchant::MerchantState::active) continue;
                for (const auto& terminal : TRY(reader.terminals_of(merchant.number))) {
                    if (terminal.state != merchant::TerminalState::active) continue;
                    if (found.size() == early_sign_ins_max) continue;
                    found.push_back({terminal.number, terminal.merchant});
                }
            }
        }
        return {};
    }));
    return found;
}

}  // namespace

struct ControlService::Impl {
    Impl(Outside stands_on, pay::FeeTable fee_table, merchant::LimitTable limit_table,
         pay::QrLimits qr_table)
        : outside(std::move(stands_on)),
          fees(std::move(fee_table)),
          limits(std::move(limit_table)),
          qr_limits(std::move(qr_table)) {}

    Outside outside;
    pay::FeeTable fees;
    merchant::LimitTable limits;
    pay::QrLimits qr_limits;
    std::string emv_parameters;
    crypto::CertAndKey ca;
    std::optional<NumberBox> numbers;
    std::unique_ptr<store::Store> store;
    std::unique_ptr<keys::CallingVault> vault;
    std::unique_ptr<Workers> workers;
    std::unique_ptr<net::Timers> timers;
    std::unique_ptr<PaymentEngine> engine;
    std::unique_ptr<Upstream> upstream;
    std::unique_ptr<Workers> wallet_workers;
    std::unique_ptr<WalletEngine> wallets;
    std::unique_ptr<WalletCalls> wallet_calls;
    std::unique_ptr<SettlementJobs> settlement;
    std::unique_ptr<DayCloser> closer;  // Where the service closes days by itself.
    std::optional<TerminalDirectory> terminals;
    std::unique_ptr<PolicyShelf> policies;
    attest::EvidenceTrust evidence;
    std::unique_ptr<PlatformSigner> signer;
    std::unique_ptr<Webhooks> webhooks;
    std::unique_ptr<TrialDesk> trials;
    std::unique_ptr<DeviceDesk> devices;
    std::unique_ptr<PermitDesk> permits;
    std::unique_ptr<Enrolment> enrolment;
    std::unique_ptr<SpaCalls> spa;
    std::unique_ptr<PhoneCalls> phones;
    std::unique_ptr<TrustCalls> trust;
    std::unique_ptr<AcquirerCalls> acquirer;
    std::unique_ptr<net::HttpServer> phone_door;
    std::unique_ptr<net::HttpServer> acquirer_door;
    std::unique_ptr<ClassicDoor> classic;
    std::unique_ptr<net::FrameServer> classic_line;

    Result<void> start_core(const ServerConfig& config, const Clock& clock, Random& random);
    Result<void> start_wallets(const ServerConfig& config, const Clock& clock, Random& random);
    Result<void> start_trust(const ServerConfig& config, const Clock& clock, Random& random);
    Result<void> open_doors(const ServerConfig& config);
    void on_phone(net::HttpRequest request, net::Responder respond);
    void on_acquirer(net::HttpRequest request, net::Responder respond);
    ~Impl();
};

// Doors first. Then the two that call everybody: the workers finish what they hold, and the store's
// writer what they gave it, while timers and link are still there. Those only post to the workers,
// who do not take it any more.
ControlService::Impl::~Impl() {
    classic_line.reset();
    acquirer_door.reset();
    phone_door.reset();
    // While workers can hear the answers.
    if (upstream && outside.sign_out_ms > 0) upstream->sign_out_all(outside.sign_out_ms);
    if (trials && outside.sign_out_ms > 0) trials->look();  // Its counts are written down.
    if (webhooks) webhooks->stop();                         // Its rounds use the store.
    if (wallet_workers) wallet_workers->stop();
    if (workers) workers->stop();
    store.reset();
    timers.reset();
    upstream.reset();
    workers.reset();
}

Result<void> ControlService::Impl::start_core(const ServerConfig& config, const Clock& clock,
                                              Random& random) {
    const std::string& folder = config.folder;
    emv_parameters = TRY(host::read_data("emv/unionpay.params"));
    ca.cert_pem = TRY(read_text(folder + "/ca.pem"));
    ca.key_pem = TRY(read_text(folder + "/ca.key"));
    const SecretBytes number_key = TRY(host::read_secret_file(folder + "/number.key", 64));
    numbers = TRY(NumberBox::make(number_key.bytes()));
    store = outside.store(TRY(store::open_sqlite({.path = folder + "/platform.db"})));
    vault = TRY(door::connect_vault(config.vault_place(), worker_threads));
    workers = outside.workers(worker_threads, worker_queue_max);
    timers = outside.timers(*workers);
    engine = std::make_unique<PaymentEngine>(
        PaymentEngine::Parts{*store, *vault, *workers, *timers, clock, random, fees, limits},
        pay::PaymentRules{.answer_ms = config.answer_ms});
    UpstreamConfig network;
    network.open_line = outside.open_line;
    network.plan = TRY(read_plan(config));
    network.dialect_text = TRY(host::read_data("dialects/cup-pos.dialect"));
    network.response_codes_text = TRY(host::read_data("policy/response-codes.tsv"));
    PaymentEngine* const payments = engine.get();
    upstream = TRY(Upstream::start(
        std::move(network), Upstream::Parts{*store, *vault, *workers, *timers, clock, random},
        [payments](Incoming incoming) { payments->on_incoming(std::move(incoming)); },
        [payments] { payments->on_network_up(); }));
    TRY_VOID(start_trust(config, clock, random));
    engine->connect(*upstream, *devices);
    settlement = std::make_unique<SettlementJobs>(
        SettlementJobs::Parts{*store, *upstream, *numbers, clock, random, outside.meanwhile});
    if (const auto minute = close_minute(config.close_at)) {
        closer = std::make_unique<DayCloser>(DayCloser::Parts{
            *store, *settlement, *timers, clock, config.folder, *minute, config.round_ms});
        TRY_VOID(closer->load());
    }
    TRY_VOID(start_wallets(config, clock, random));
    phones = std::make_unique<PhoneCalls>(
        PhoneCalls::Parts{*store, *workers, *engine, *terminals, *wallet_calls});
    acquirer = std::make_unique<AcquirerCalls>(
        AcquirerCalls::Parts{*store, *vault, *workers, *upstream, *settlement, closer.get(), *trust,
                             clock, random, *numbers, config.acquirer_code, config.maker_id});
    classic = TRY(
        ClassicDoor::make(TRY(host::read_data("dialects/cup-pos.dialect")),
                          ClassicDoor::Parts{*store, *vault, *workers, *engine, *upstream, clock}));
    const std::size_t open = TRY(engine->recover());
    if (open != 0) {
        log(LogLevel::warning, "server: payments taken up after a restart",
            {{"count", static_cast<std::int64_t>(open)}});
    }
    devices->start_rounds();
    trials->start_rounds();
    if (closer) closer->start_rounds();
    upstream->sign_in_early(TRY(working_terminals(*store)));
    return {};
}

Result<void> ControlService::Impl::start_wallets(const ServerConfig& config, const Clock& clock,
                                                 Random& random) {
    auto lines = TRY(load_wallets(config.folder, usual_authorities()));
    wallet_workers = outside.workers(wallet_threads, worker_queue_max);
    wallets = std::make_unique<WalletEngine>(
        WalletEngine::Parts{*store, *wallet_workers, *timers, clock, random, fees, limits,
                            qr_limits, std::move(lines), outside.ask_wallet},
        config.wallet_rules);
    wallet_calls = std::make_unique<WalletCalls>(WalletCalls::Parts{*store, *workers, *wallets});
    WalletEngine* const trades = wallets.get();
    engine->also_abandon([trades](store::Tx& tx, std::string_view terminal) {
        return trades->abandon(tx, terminal);
    });
    const std::size_t open = TRY(wallets->recover());
    if (open != 0) {
        log(LogLevel::warning, "server: wallet trades taken up after a restart",
            {{"count", static_cast<std::int64_t>(open)}});
    }
    return {};
}

Result<void> ControlService::Impl::start_trust(const ServerConfig& config, const Clock& clock,
                                               Random& random) {
    terminals.emplace(*store);
    Buffer signer_point = TRY(from_hex(TRY(read_text(config.folder + "/policy.pub"))));
    policies = std::make_unique<PolicyShelf>(
        PolicyShelf::Parts{*store, clock, config.environment, std::move(signer_point)});
    TRY_VOID(policies->load());
    evidence = TRY(load_evidence_trust(config.folder));
    signer = std::make_unique<PlatformSigner>(*vault);
    webhooks = std::make_unique<Webhooks>(
        Webhooks::Parts{*store, *numbers, clock, random, usual_authorities(), outside.webhooks});
    devices = std::make_unique<DeviceDesk>(DeviceDesk::Parts{*store, *vault, *workers, *timers,
                                                             *engine, *webhooks, *policies, clock,
                                                             random, config.round_ms});
    trials = std::make_unique<TrialDesk>(
        TrialDesk::Parts{*store, *policies, *webhooks, *timers, clock, random, config.round_ms});
    TRY_VOID(trials->load());
    TrialDesk* const desk = trials.get();
    engine->on_purchase_end([desk](const pay::Payment& payment, bool approved) {
        desk->count_payment(payment.terminal, approved);
    });
    trust = std::make_unique<TrustCalls>(
        TrustCalls::Parts{*store, *devices, *policies, *trials, *webhooks, evidence, clock});
    permits = std::make_unique<PermitDesk>(PermitDesk::Parts{*store, *workers, *devices, *policies,
                                                             *trials, evidence, *signer, clock,
                                                             random, config.acquirer_code});
    enrolment = std::make_unique<Enrolment>(
        Enrolment::Parts{*store, *vault, *devices, *terminals, *policies, *trials, evidence,
                         *signer, clock, random, ca, emv_parameters, config.acquirer_code});
    spa = std::make_unique<SpaCalls>(
        SpaCalls::Parts{*workers, *enrolment, *permits, *terminals, clock});
    return {};
}

void ControlService::Impl::on_phone(net::HttpRequest request, net::Responder respond) {
    if (path_of(request.target) == "/v1/spa") {
        return spa->handle(std::move(request), std::move(respond));
    }
    phones->handle(std::move(request), std::move(respond));
}

void ControlService::Impl::on_acquirer(net::HttpRequest request, net::Responder respond) {
    if (request.target.starts_with(wallet_notify_path)) {
        return wallet_calls->notice(request, std::move(respond));
    }
    acquirer->handle(std::move(request), std::move(respond));
}

Result<void> ControlService::Impl::open_doors(const ServerConfig& config) {
    const net::ServerTls tls{.cert_pem = TRY(read_text(config.folder + "/server.pem")),
                             .key_pem = TRY(read_text(config.folder + "/server.key"))};
    net::HttpServerConfig phone_config;
    phone_config.address = config.address;
    phone_config.port = config.phone_port;
    phone_config.tls = tls;
    phone_config.tls->client_ca_pem = ca.cert_pem;
    // A payment is answered at the latest by its deadline and two commits.
    phone_config.limits.request_ms = static_cast<std::uint32_t>(config.answer_ms) + commit_slack_ms;
    phone_door = TRY(net::HttpServer::listen(
        std::move(phone_config), [this](net::HttpRequest request, net::Responder respond) {
            on_phone(std::move(request), std::move(respond));
        }));
    net::HttpServerConfig acquirer_config;
    acquirer_config.address = config.address;
    acquirer_config.port = config.acquirer_port;
    acquirer_config.tls = tls;
    acquirer_config.limits.body_bytes_max = clearing_bytes_max;
    acquirer_door = TRY(net::HttpServer::listen(
        std::move(acquirer_config), [this](net::HttpRequest request, net::Responder respond) {
            on_acquirer(std::move(request), std::move(respond));
        }));
    if (!config.classic_port) return {};
    net::FrameServerConfig line;
    line.address = config.address;
    line.port = *config.classic_port;
    line.connections_max = classic_connections_max;
    if (config.classic_tls) line.tls = tls;
    ClassicDoor* const door = classic.get();
    classic_line = TRY(
        net::FrameServer::listen(std::move(line), [door](net::FrameConnection from, Bytes frame) {
            door->arrived(frame, [from](const Buffer& answer) { from.send(answer); });
        }));
    return {};
}

ControlService::ControlService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ControlService::~ControlService() = default;

std::uint16_t ControlService::phone_port() const {
    return impl_->phone_door->port();
}
std::uint16_t ControlService::acquirer_port() const {
    return impl_->acquirer_door->port();
}

std::uint16_t ControlService::classic_port() const {
    return impl_->classic_line ? impl_->classic_line->port() : std::uint16_t{0};
}

void ControlService::phone(net::HttpRequest request, net::Responder respond) {
    impl_->on_phone(std::move(request), std::move(respond));
}
void ControlService::acquirer(net::HttpRequest request, net::Responder respond) {
    impl_->on_acquirer(std::move(request), std::move(respond));
}

Result<std::unique_ptr<ControlService>> ControlService::start(const ServerConfig& config,
                                                              const Clock& clock, Random& random) {
    return start(config, clock, random, real_outside());
}

Result<std::unique_ptr<ControlService>> ControlService::start(const ServerConfig& config,
                                                              const Clock& clock, Random& random,
                                                              Outside outside) {
    const bool doors = outside.doors;
    const std::string fee_text = TRY(host::read_data("fees/card.fees"));
    const std::string limit_text = TRY(host::read_data("policy/merchant.limits"));
    auto fees = TRY(pay::FeeTable::parse(fee_text));
    auto limits = TRY(merchant::LimitTable::parse(limit_text));
    auto qr_limits = TRY(pay::QrLimits::parse(TRY(host::read_data("policy/qr.limits"))));
    auto impl = std::make_unique<Impl>(std::move(outside), std::move(fees), std::move(limits),
                                       std::move(qr_limits));
    TRY_VOID(impl->start_core(config, clock, random));
    if (doors) TRY_VOID(impl->open_doors(config));
    return std::unique_ptr<ControlService>(new ControlService(std::move(impl)));
}

}  // namespace softpos::server
