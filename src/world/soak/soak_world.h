// One simulated acquirer and all around it. Internal to the soak.
#pragma once

#include "crypto/drbg.h"
#include "host/seqpacket.h"
#include "platform/keys/soft_vault.h"
#include "platform/keys/vault_service.h"
#include "platform/pay/fees.h"
#include "platform/server/control_service.h"
#include "world/soak/sim_network.h"
#include "world/soak/sim_outside.h"
#include "world/soak/soak.h"
#include "world/soak/soak_phone.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace softpos::soak {

// A folder where a disk sync costs nothing, if there is one; gone at the end.
class SoakFolder {
public:
    SoakFolder();
    ~SoakFolder();
    SoakFolder(const SoakFolder&) = delete;
    SoakFolder& operator=(const SoakFolder&) = delete;
    std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

class SoakWorld {
public:
    explicit SoakWorld(const SoakOptions& options);
    ~SoakWorld();
    SoakWorld(const SoakWorld&) = delete;
    SoakWorld& operator=(const SoakWorld&) = delete;

    Result<void> set_up();
    // False where something did not hold: report().failure says what.
    Result<bool> live_a_day(unsigned day);
    const SoakReport& report();

private:
    struct Answer {
        unsigned status = 0;
        codec::JsonDocument json{""};
        std::string body = {};
    };

    Result<void> start_vault();
    Result<void> set_up_service();
    Result<void> start_service();
    void crash();
    Result<std::string> make_merchant(std::string_view licence);
    Result<void> add_phone(const std::string& merchant, std::uint32_t number);
    Result<std::string> new_terminal(const std::string& merchant);
    Result<void> enrol(SoakPhone& phone, const std::string& code);
    Answer acquirer(const std::string& target, const std::string& body = {});
    void to_service(net::HttpRequest request,
                    std::function<void(const net::HttpResponse&)> answered);

    void plan_trouble();
    void sell_for_hours();
    Result<bool> settle_down();
    Result<bool> close_day();
    Result<bool> check_told();
    Result<bool> check_money();
    Result<bool> check_books();
    Result<std::int64_t> booked(const store::CounterpartyDay& day);
    bool hold(bool holds, const std::string& what);

    const SoakOptions options_;
    SoakFolder folder_;
    Scheduler scheduler_;
    Faults faults_ = Faults::none();
    crypto::KeyRandom key_random_;
    std::unique_ptr<keys::SoftVault> vault_;
    std::unique_ptr<keys::VaultService> vault_service_;
    std::unique_ptr<host::SeqpacketServer> vault_socket_;
    std::thread vault_thread_;
    std::unique_ptr<SimNetwork> network_;
    server::ServerConfig config_;
    pay::FeeTable fees_;
    std::string api_key_;
    SecretBytes zone_key_{16};
    sim::FleetPlatform platform_;
    store::Store* store_ = nullptr;  // Of the service that runs.
    std::unique_ptr<server::ControlService> service_;
    std::vector<std::unique_ptr<SoakPhone>> phones_;
    std::int64_t accounts_minor_ = 0, spent_minor_ = 0, taken_minor_ = 0;
    SoakReport report_;
};

}  // namespace softpos::soak
