// What the platform does for one permit, without HTTPS: signature and evidence checked, the phone
// judged and written durably, the permit signed in the vault over its socket. The parts are those
// of the service, joined as it joins them.
// links: server benchmark
#include "base/check.h"
#include "crypto/drbg.h"
#include "crypto/hash.h"
#include "crypto/p256.h"
#include "host/data_files.h"
#include "host/scratch_directory.h"
#include "host/seqpacket.h"
#include "platform/keys/remote_vault.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_service.h"
#include "platform/pay/shard.h"
#include "platform/server/device_codec.h"
#include "platform/server/permit_desk.h"
#include "platform/store/sqlite_store.h"
#include "protocol/evidence_forms.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace softpos;
using namespace softpos::server;

constexpr std::size_t terminal_count = 10'000;
constexpr std::size_t permit_count = 5'000;
constexpr unsigned worker_threads = 8;  // As many as the service has.
constexpr std::size_t worker_queue_max = 4096;
constexpr std::string_view merchant_number = "898310058120001";

struct Vault {
    Vault() {
        auto opened = keys::SoftVault::open(scratch.file("vault"), random);
        CHECK(opened.has_value());
        core = std::move(*opened);
        CHECK(core->create_signing_key(permit_key_alias).has_value());
        service = std::make_unique<keys::VaultService>(core->core());
        auto listening = host::SeqpacketServer::listen(
            {.path = scratch.file("s"), .connections_max = worker_threads});
        CHECK(listening.has_value());
        socket = std::move(*listening);
        thread = std::thread([this] {
            CHECK(socket
                      ->serve([this](Bytes request, const host::PeerId& peer) {
                          return service->handle(request, keys::Caller::of_uid(peer.uid));
                      })
                      .has_value());
        });
        auto connected = keys::RemoteVault::connect(
            {.path = scratch.file("s"), .connections_max = worker_threads});
        CHECK(connected.has_value());
        remote = std::move(*connected);
    }
    ~Vault() {
        remote.reset();
        socket->stop();
        thread.join();
    }
    Vault(const Vault&) = delete;
    Vault& operator=(const Vault&) = delete;

    host::ScratchDirectory scratch;
    crypto::KeyRandom random;
    std::unique_ptr<keys::SoftVault> core;
    std::unique_ptr<keys::VaultService> service;
    std::unique_ptr<host::SeqpacketServer> socket;
    std::thread thread;
    std::unique_ptr<keys::RemoteVault> remote;
};

store::PolicyRow first_policy(const crypto::P256Key& signer, Instant now) {
    const std::string text = host::read_data("policy/trust-sandbox.policy.json").value();
    const auto policy = monitor::parse_policy(text);
    CHECK(policy.has_value());
    return {.version = policy->version,
            .text = text,
            .signature = signer.sign(monitor::canonical_bytes(*policy)),
            .uploaded_at = now,
            .activated_at = now};
}

// One enrolled phone and what it asks for.
struct Phone {
    merchant::Terminal terminal;
    store::DeviceRow row;
    protocol::PermitAsk ask;
};

protocol::PermitAsk signed_ask(const crypto::P256Key& key, const protocol::PermitRequest& request,
                               const monitor::Pins& pins) {
    protocol::PermitAsk ask;
    ask.request.body = protocol::encode(protocol::SpaBody(request));
    ask.request.signature = key.sign(protocol::core_signed_message(ask.request.body));
    protocol::DevProcessForm form;
    form.statement = protocol::encode(protocol::DevProcessStatement{
        .challenge = crypto::sha256(protocol::permit_evidence_message(ask.request.body)),
        .measurement = pins.measurement,
        .core_sign_point = pins.core_sign_point,
        .app_version = request.claims.app_version});
    form.signature = key.sign(protocol::dev_process_signed_message(form.statement));
    ask.evidences.push_back({protocol::EvidenceKind::dev_process, protocol::encode(form)});
    return ask;
}

Phone make_phone(std::size_t number, Instant now, Random& random) {
    const auto key = crypto::P256Key::generate();
    CHECK(key.has_value());
    const auto point = key->public_point();
    Phone phone;
    monitor::DeviceRecord record;
    record.terminal = std::to_string(10'000'000 + number);
    record.state = monitor::DeviceState::active;
    record.grade = 4;
    record.hardware = 0x0F;
    std::ranges::copy(point, record.pins.core_sign_point.begin());
    std::ranges::copy(point, record.pins.core_seal_point.begin());
    record.pins.measurement = {1, 2, 3};
    record.pins.kind = protocol::EvidenceKind::dev_process;
    record.pins.device_key = Buffer(point.begin(), point.end());
    const auto id = crypto::sha256(record.pins.core_sign_point);
    record.pins.device_id = Buffer(id.begin(), id.end());
    record.pins.model = "model";
    record.pins.app_package = "cn.example.spos";
    record.pins.at = record.last_seen = record.last_evidence = now;

    phone.terminal.id = pay::new_id(merchant_number, now, random);
    phone.terminal.number = record.terminal;
    phone.terminal.merchant = std::string(merchant_number);
    phone.terminal.trusted_point = record.pins.device_key;
    phone.terminal.measurement =
        Buffer(record.pins.measurement.begin(), record.pins.measurement.end());
    phone.terminal.state = merchant::TerminalState::active;
    phone.terminal.certificate_fingerprint = phone.terminal.id.text();
    phone.row.merchant = phone.terminal.merchant;
    put_record(record, 0, now, phone.row);

    protocol::PermitRequest request;
    request.terminal_id = record.terminal;
    random.fill(request.nonce);
    request.sequence = 1;
    request.purpose = protocol::PermitPurpose::tap;
    request.amount_minor = 1000;
    request.claims = {.platform = "linux",
                      .model = record.pins.model,
                      .os_version = "1",
                      .app_package = record.pins.app_package,
                      .app_version = 1,
                      .sdk_version = 1};
    request.hardware = record.hardware;
    phone.ask = signed_ask(*key, request, record.pins);
    return phone;
}

class Platform {
public:
    Platform() {
        const Instant now = clock_.now();
        auto opened = store::open_sqlite({.path = scratch_.file("platform.db")});
        CHECK(opened.has_value());
        store_ = std::move(*opened);
        for (std::size_t i = 0; i < terminal_count; ++i) {
            phones_.push_back(make_phone(i, now, random_));
        }
        const auto signer = crypto::P256Key::generate();
        CHECK(signer.has_value());
        CHECK(store_->run([&](store::Tx& tx) { return fill(tx, first_policy(*signer, now)); })
                  .has_value());
        const auto point = signer->public_point();
        policies_ = std::make_unique<PolicyShelf>(PolicyShelf::Parts{
            *store_, clock_, monitor::Environment::sandbox, Buffer(point.begin(), point.end())});
        CHECK(policies_->load().has_value());
        join();
    }
    ~Platform() {
        webhooks_->stop();
        workers_.stop();
        store_.reset();
    }
    Platform(const Platform&) = delete;
    Platform& operator=(const Platform&) = delete;

    // As a worker of the service takes it up. Every answer must be a permit.
    void ask(const Phone& phone, std::function<void()> answered) {
        workers_.post_always([this, &phone, answered = std::move(answered)] {
            permits_->ask(phone.ask, {.terminal = phone.terminal, .peer_address = "127.0.0.1"},
                          [answered](const protocol::SpaAnswer& answer) {
                              CHECK(std::holds_alternative<protocol::PermitGiven>(answer));
                              answered();
                          });
        });
    }
    const Phone& phone(std::size_t at) const { return phones_[at]; }

private:
    Result<void> fill(store::Tx& tx, const store::PolicyRow& policy) {
        TRY_VOID(tx.insert(policy));
        merchant::Merchant merchant;
        merchant.number = std::string(merchant_number);
        merchant.state = merchant::MerchantState::active;
        TRY_VOID(tx.insert(merchant));
        for (const Phone& phone : phones_) {
            TRY_VOID(tx.insert(phone.terminal));
            TRY_VOID(tx.insert(phone.row));
        }
        return {};
    }
    void join() {
        fees_ = pay::FeeTable::parse(host::read_data("fees/card.fees").value()).value();
        limits_ =
            merchant::LimitTable::parse(host::read_data("policy/merchant.limits").value()).value();
        numbers_ = NumberBox::make(Buffer(32, 1)).value();
        engine_ = std::make_unique<PaymentEngine>(
            PaymentEngine::Parts{*store_, *vault_.remote, workers_, timers_, clock_, random_,
                                 *fees_, *limits_},
            pay::PaymentRules{});
        webhooks_ =
            std::make_unique<Webhooks>(Webhooks::Parts{*store_, *numbers_, clock_, random_, ""});
        devices_ = std::make_unique<DeviceDesk>(
            DeviceDesk::Parts{*store_, *vault_.remote, workers_, timers_, *engine_, *webhooks_,
                              *policies_, clock_, random_, 15'000});
        trials_ = std::make_unique<TrialDesk>(
            TrialDesk::Parts{*store_, *policies_, *webhooks_, timers_, clock_, random_, 15'000});
        signer_ = std::make_unique<PlatformSigner>(*vault_.remote);
        permits_ = std::make_unique<PermitDesk>(
            PermitDesk::Parts{*store_, workers_, *devices_, *policies_, *trials_, evidence_,
                              *signer_, clock_, random_, "001"});
    }

    host::ScratchDirectory scratch_;
    SystemClock clock_;
    crypto::KeyRandom random_;
    Vault vault_;
    std::vector<Phone> phones_;
    attest::EvidenceTrust evidence_;
    std::optional<pay::FeeTable> fees_;
    std::optional<merchant::LimitTable> limits_;
    std::optional<NumberBox> numbers_;
    std::unique_ptr<store::SqliteStore> store_;
    WorkerPool workers_{worker_threads, worker_queue_max};
    net::TimerQueue timers_;
    std::unique_ptr<PolicyShelf> policies_;
    std::unique_ptr<PaymentEngine> engine_;
    std::unique_ptr<Webhooks> webhooks_;
    std::unique_ptr<DeviceDesk> devices_;
    std::unique_ptr<TrialDesk> trials_;
    std::unique_ptr<PlatformSigner> signer_;
    std::unique_ptr<PermitDesk> permits_;
};

// Each of so many phones at a time waits for its permit; then the next one asks. Phones come in an
// order that has nothing to do with that of their rows.
void durable_permits(benchmark::State& state) {
    using Time = std::chrono::steady_clock;
    constexpr std::size_t stride = 7919;
    Platform platform;
    std::vector<std::int64_t> waited_us(permit_count);
    std::atomic<std::int64_t> under_way{0};
    std::size_t next = 0;
    for (auto _ : state) {
        for (auto now = under_way.load(); now >= state.range(0); now = under_way.load()) {
            under_way.wait(now);
        }
        ++under_way;
        const std::size_t at = next++;
        const auto start = Time::now();
        platform.ask(platform.phone(at * stride % terminal_count), [&, at, start] {
            waited_us[at] =
                std::chrono::duration_cast<std::chrono::microseconds>(Time::now() - start).count();
            --under_way;
            under_way.notify_one();
        });
    }
    for (auto left = under_way.load(); left > 0; left = under_way.load()) under_way.wait(left);
    std::ranges::sort(waited_us);
    state.SetItemsProcessed(state.iterations());
    state.counters["p50_us"] = static_cast<double>(waited_us[permit_count / 2]);
    state.counters["p99_us"] = static_cast<double>(waited_us[permit_count * 99 / 100]);
}

// Phones ask when they like: so many a second, at random moments, whether others are answered or
// not. Time runs from the moment at which a phone meant to ask, so that nobody who had to wait for
// the asking is left out.
void permits_at_a_rate(benchmark::State& state) {
    using Time = std::chrono::steady_clock;
    constexpr std::size_t stride = 7919;
    Platform platform;
    std::vector<std::int64_t> waited_us(permit_count);
    std::atomic<std::int64_t> under_way{0};
    std::exponential_distribution<double> pause(static_cast<double>(state.range(0)));
    std::mt19937_64 moods(1);
    std::size_t next = 0;
    auto due = Time::now();
    for (auto _ : state) {
        due +=
            std::chrono::duration_cast<Time::duration>(std::chrono::duration<double>(pause(moods)));
        std::this_thread::sleep_until(due);
        ++under_way;
        const std::size_t at = next++;
        platform.ask(platform.phone(at * stride % terminal_count), [&, at, due] {
            waited_us[at] =
                std::chrono::duration_cast<std::chrono::microseconds>(Time::now() - due).count();
            --under_way;
            under_way.notify_one();
        });
    }
    for (auto left = under_way.load(); left > 0; left = under_way.load()) under_way.wait(left);
    std::ranges::sort(waited_us);
    state.SetItemsProcessed(state.iterations());
    state.counters["p50_us"] = static_cast<double>(waited_us[permit_count / 2]);
    state.counters["p99_us"] = static_cast<double>(waited_us[permit_count * 99 / 100]);
}
// Shows: A33
BENCHMARK(permits_at_a_rate)
    ->Arg(500)
    ->Arg(1000)
    ->Arg(1500)
    ->Iterations(permit_count)
    ->UseRealTime();

// Shows: A33
BENCHMARK(durable_permits)->Arg(1)->Arg(8)->Arg(64)->Iterations(permit_count)->UseRealTime();

}  // namespace
