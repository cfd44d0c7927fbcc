// For tests only: the whole road in one process. A key vault behind its real socket, the simulated
// network, the control service with both doors, and phones that call over mutual TLS.
#pragma once

#include "codec/json_document.h"
#include "crypto/drbg.h"
#include "host/scratch_directory.h"
#include "host/seqpacket.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_service.h"
#include "platform/server/control_service.h"
#include "world/sim/classic_pos.h"
#include "world/sim/fleet_phone.h"
#include "world/sim/sim_service.h"
#include "world/sim/wallet_service.h"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace softpos::sim::test {

// An HTTP answer; values are found by path.
class Reply : public codec::JsonDocument {
public:
    Reply() : JsonDocument("") {}
    Reply(unsigned status, std::string body)
        : JsonDocument(body), status_(status), body_(std::move(body)) {}

    unsigned status() const { return status_; }
    const std::string& body() const { return body_; }

    std::string refusal() const { return text("refusal.code"); }
    std::string result() const { return text("result"); }
    std::string id() const { return text("payment_id"); }

private:
    unsigned status_ = 0;  // 0: no answer.
    std::string body_;
};

class RoadWorld;

// The system's, and ahead of it as far as a test says.
class RoadClock final : public Clock {
public:
    Instant now() const override { return {system_.now().unix_ms + ahead_ms_.load()}; }
    Ticks ticks() const override { return system_.ticks(); }
    void set_ahead(std::chrono::milliseconds by) { ahead_ms_ = by.count(); }

private:
    SystemClock system_;
    std::atomic<std::int64_t> ahead_ms_{0};
};

// A phone and the card that is held to it.
class RoadPhone {
public:
    RoadPhone(RoadWorld& world, std::unique_ptr<FleetPhone> phone);

    FleetPhone& device() { return *phone_; }
    std::string terminal() const { return phone_->terminal(); }

    std::string tap(std::int64_t amount_minor);  // The body of a purchase, under a new key.
    Reply send(const std::string& purchase_body);
    void reconnect();
    Reply purchase(std::int64_t amount_minor) { return send(tap(amount_minor)); }
    // A payer's code is scanned, or a wallet's code shown; the bodies, under a new key.
    std::string scan_body(std::int64_t amount_minor, std::string_view payment_code);
    std::string show_body(std::int64_t amount_minor, std::string_view channel);
    Reply send_wallet(const std::string& body);
    Reply scan(std::int64_t amount_minor, std::string_view payment_code);
    Reply show(std::int64_t amount_minor, std::string_view channel);
    Reply give_up(const std::string& payment);
    Reply void_sale(const std::string& payment);
    Reply refund(const std::string& payment, std::int64_t amount_minor);
    Reply post(const std::string& target, const std::string& body);
    Reply get(const std::string& target);

private:
    RoadWorld& world_;
    std::unique_ptr<FleetPhone> phone_;
    std::unique_ptr<net::HttpClient> client_;
};

// One acquirer, one merchant. What cannot be set up ends the test program.
class RoadWorld {
public:
    static constexpr std::int64_t answer_ms = 400;
    static constexpr std::int64_t card_balance_minor = 10'000'000;

    RoadWorld();
    ~RoadWorld();

    RoadPhone& add_phone();
    // With a screen of the customer's, and a card that asks for that PIN.
    RoadPhone& add_pin_phone(const std::string& pin);
    // With a chip that vouches for it; enrolled like the others.
    RoadPhone& add_chip_phone(trust::HardwareAnchor& chip);
    // A traditional POS of the same merchant, with its key loaded; `body` is the policy. It talks
    // to the service over TCP under TLS, one connection each message. Cards: "credit" and "pin",
    // the latter with that PIN.
    static constexpr const char* classic_pin = "246810";
    std::unique_ptr<ClassicPos> add_classic(const std::string& policy, std::string* terminal);
    // Frames to the classic door and back, for whoever speaks for himself.
    std::optional<Buffer> classic_exchange(const Buffer& frame);
    std::uint16_t classic_port() const { return *config_.classic_port; }
    // Not enrolled.
    std::unique_ptr<FleetPhone> make_phone(const FleetPhone::Kind& kind);
    RoadPhone& add_company_phone();  // Of another merchant, who has no limit of a day.
    RoadPhone& phone() { return *phones_.front(); }
    FleetPlatform platform() const;
    // A phone that says it is there, for a terminal that is registered there.
    RoadPhone& add_phone_at(const protocol::Location& place);
    // For a terminal that nobody has taken yet; body of POST /v1/merchants/{}/terminals.
    std::string enrolment_code(const std::string& terminal = "{}");
    std::string new_key();

    Reply network(const std::string& target, const std::string& body = {});  // POST with a body.
    Reply acquirer(const std::string& target, const std::string& body = {});
    Reply call(net::HttpClient& client, net::HttpCall request);
    std::unique_ptr<net::HttpClient> client(const net::HttpClientConfig& config) const;
    net::HttpClientConfig door(std::uint16_t port) const;  // TLS without a certificate of ours.

    void fault(const std::string& rule);  // JSON of POST /v1/faults.
    // From now on the service takes wallets, by these rules.
    WalletService& take_wallets(const pay::TradeRules& rules);
    // From now on the service closes days by itself, at that time of the China day.
    void close_days_at(const std::string& hhmm);
    void stop_vault();
    void start_vault();
    void stop_network();
    void start_service();
    void stop_service();
    // Whom the service believes from its next start on: a file of its folder.
    void write_server_file(const std::string& name, const std::string& text) const;

    // Asks until it holds; false after some seconds.
    static bool wait_until(const std::function<bool()>& holds);
    Reply payment(const std::string& id) { return acquirer("/v1/payments/" + id); }
    std::string final_state(const std::string& id);
    void wait_until_nothing_is_open();

    std::int64_t spent();            // What the cardholders have paid so far.
    std::int64_t sold();             // What the merchant's payments say.
    std::int64_t account(int code);  // Debits less credits of that account code.
    void expect_consistent();        // Issuers, payments and books say the same.

    const std::string& merchant() const { return merchant_; }
    const std::string& api_key() const { return api_key_; }
    const std::string& ca_pem() const { return ca_pem_; }
    std::string folder() const { return folder_.path(); }
    std::string business_date();  // YYYY-MM-DD
    std::uint16_t network_port() const { return network_->network_port(); }
    std::uint16_t phone_port() const { return config_.phone_port; }
    std::uint16_t acquirer_port() const { return config_.acquirer_port; }
    const std::vector<std::string>& answers() const { return answers_; }
    const Clock& clock() const { return clock_; }
    // The platform's clock, which looks for silent phones several times a second.
    void set_ahead(std::chrono::milliseconds by) { clock_.set_ahead(by); }
    Random& random() { return random_; }

private:
    RoadPhone& add(Result<std::unique_ptr<FleetPhone>> phone, const std::string& pin,
                   const std::string& terminal_body = "{}");
    void start_network();
    void set_up_service();
    void open_account(const std::string& pan, const std::string& pin);
    void make_merchant(std::string_view kind, std::string_view number);

    host::ScratchDirectory folder_;
    RoadClock clock_;
    crypto::KeyRandom random_;
    std::unique_ptr<keys::SoftVault> vault_;
    std::unique_ptr<keys::VaultService> vault_service_;
    std::unique_ptr<host::SeqpacketServer> vault_socket_;
    std::thread vault_thread_;
    std::unique_ptr<SimService> network_;
    std::unique_ptr<WalletService> wallets_;
    std::unique_ptr<server::ControlService> service_;
    server::ServerConfig config_;
    std::string api_key_, ca_pem_, merchant_;
    std::optional<codec::Dialect> dialect_;
    SecretBytes loader_key_;  // Under which classic terminals' keys leave.
    std::set<std::string> accounts_;
    std::int64_t balances_minor_ = 0;
    std::unique_ptr<net::HttpClient> network_client_, acquirer_client_;
    std::vector<std::unique_ptr<RoadPhone>> phones_;
    std::vector<std::string> answers_;
};

}  // namespace softpos::sim::test
