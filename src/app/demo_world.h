// The cast of the demo: every program of the house as its own process, in a folder of its own, on
// loopback, and a card that can be held to the phone.
#pragma once

#include "app/demo_door.h"
#include "app/demo_tpm.h"
#include "app/json_api.h"
#include "app/pin_customer.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "host/child_process.h"
#include "world/sim/classic_pos.h"
#include "world/sim/load_run.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace softpos::app {

class DemoWorld {
public:
    enum class Cast : std::uint8_t { everybody, no_phone };
    struct Options {
        std::int64_t answer_ms = 1'500;  // How long the server waits for the network.
        Cast cast = Cast::everybody;
        // A library that vault and server load before all others, for measuring them.
        std::string preload = {};
        std::uint32_t report_ms = 15'000;    // How often the phone reports.
        std::string vault_keys = "softhsm";  // As softpos-vault init --keys.
        bool vault_door = false;             // The server calls the vault through its door.
        bool tpm = false;                    // For the phone, where there is one to be had.
    };
    // Starts network, vault, server and, for the phone, trusted core and services.
    static Result<std::unique_ptr<DemoWorld>> start(const std::string& folder, Options options);
    ~DemoWorld();

    // Fails where the API refuses.
    static Result<JsonAnswer> ask(JsonApi& api, const std::string& target, const std::string& body);

    JsonApi& network() { return *network_; }    // Control API of the simulated network.
    JsonApi& acquirer() { return *acquirer_; }  // Server, with the acquirer's API key.
    JsonApi& phone() { return *phone_; }        // Local API of the phone.

    std::uint16_t phone_port() const { return phone_port_; }
    // Where wallets tell of payments.
    std::string acquirer_url() const {
        return "https://127.0.0.1:" + std::to_string(acquirer_port_);
    }
    const std::string& ca_pem() const { return ca_pem_; }
    const std::string& folder() const { return folder_; }
    const std::string& gate_report() const { return gate_report_; }

    // Holds the card of that name to the phone's reader for one tap, in the background.
    Result<void> hold_card(const std::string& name);

    // Enrolled phones of one new merchant, with money on their cards.
    Result<sim::Fleet> make_fleet(std::size_t count, Random& random);

    // An active merchant; its number. A company has no daily limit, a micro-merchant has.
    enum class MerchantKind : std::uint8_t { micro, company };
    Result<std::string> make_merchant(MerchantKind kind);
    // A terminal of that merchant, known to the network; the activation code.
    struct NewTerminal {
        std::string number;
        std::string activation_code;
    };
    Result<NewTerminal> make_terminal(const std::string& merchant);

    // A traditional POS of that merchant with everything allowed, known to the network and loaded
    // with its key; the world must outlive it.
    Result<std::unique_ptr<sim::ClassicPos>> make_classic(const std::string& merchant);

    // SIGKILL, and back on the same files and ports. From the thread that called start(): the
    // programs end with it.
    Result<void> kill_server();
    Result<void> start_server();
    Result<void> kill_vault();
    Result<void> start_vault();
    Result<void> kill_and_restart_server();
    // Where there is one; its certificates are door()'s.
    Result<void> kill_door();
    Result<void> start_door();
    DemoDoor& door() { return *door_; }

    bool phone_has_tpm() const { return tpm_ != nullptr; }
    PinCustomer& customer() { return *customer_; }  // At the phone's own PIN screen.
    pid_t trusted_pid() const { return trusted_->pid(); }
    // The phone is switched off and on: core and services end and start on what they keep.
    Result<void> restart_phone();
    // The phone's services alone: SIGKILL, and back on the same journal. The core lives on.
    Result<void> kill_device();
    Result<void> start_device();
    // Another connection to the phone's API, for another thread.
    Result<JsonApi> another_phone_api() const;
    // Takes a code to the platform through the phone's API.
    Result<JsonAnswer> enrol_phone(const std::string& activation_code);
    Result<JsonAnswer> try_to_enrol_phone(const std::string& activation_code);  // Also a refusal.

private:
    DemoWorld(std::string folder, Options options);
    Result<void> start_network();
    Result<void> tell_network(const JsonAnswer& made, const std::string& merchant);
    Result<void> make_vault();
    Result<void> set_up_server();
    Result<void> believe_tpm(const std::string& server_folder);
    Result<void> start_phone();
    Result<void> start_phone_programs();
    std::string enrolment(const std::string& activation_code) const;
    Result<host::ChildProcess> spawn(const std::string& program, std::vector<std::string> arguments,
                                     std::string* first_line);
    // As spawn, with the preloaded library.
    Result<host::ChildProcess> spawn_measured(const std::string& program,
                                              std::vector<std::string> arguments,
                                              std::string* first_line);
    Result<host::ChildProcess> spawn(host::ChildOptions options, const std::string& program,
                                     std::string* first_line);

    struct Card;
    std::unique_ptr<PinCustomer> customer_;
    std::string folder_;
    Options options_;
    std::string gate_report_;
    std::string ca_pem_;
    std::string api_key_;
    std::uint16_t network_port_ = 0;
    std::uint16_t phone_port_ = 0;
    std::uint16_t acquirer_port_ = 0;
    std::uint16_t classic_port_ = 0;
    SecretBytes loader_key_;  // Under which classic terminals' keys leave.
    std::optional<codec::Dialect> dialect_;
    SystemClock clock_;
    SystemRandom random_;
    std::unique_ptr<DemoTpm> tpm_;
    std::optional<DemoDoor> door_;
    std::optional<host::ChildProcess> sim_, vault_, door_process_, server_, trusted_, device_;
    std::optional<JsonApi> network_, acquirer_, phone_;
    std::unique_ptr<Card> card_;
};

}  // namespace softpos::app
