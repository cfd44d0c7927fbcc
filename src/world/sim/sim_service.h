// The simulated network on real sockets: cup-pos frames over TCP, and a control API over HTTP by
// which a test or a person registers terminals, opens accounts, breaks things and ends the day.
//
// Control API (JSON, loopback only):
//   GET  /v1/state                         counters, business date, rules, accounts
//   POST /v1/zone-key    {components:[{value}...]}   the zone master key, by components
//   POST /v1/terminals   {terminal_id, merchant_id, master_key, check_value}   under the zone key
//   POST /v1/accounts    {pan, balance_minor}
//   POST /v1/faults      {action, mti?, amount_minor?, terminal_id?, skip?, times?, delay_ms?}
//   POST /v1/faults/clear {}
//   POST /v1/cut-over    {}                ends the day; answers the clearing file of that day
//   GET  /v1/clearing?date=YYYYMMDD
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "world/sim/faults.h"
#include "world/sim/network_host.h"

#include <cstdint>
#include <memory>
#include <string>

namespace softpos::sim {

struct SimConfig {
    std::string address = "127.0.0.1";
    std::uint16_t network_port = 0;  // 0 takes any free one.
    std::uint16_t control_port = 0;
    std::string dialect_path;  // cup-pos.dialect
    std::string cards_folder;  // Issuer ranges and their keys.
    std::string fees_path;     // *.fees: what network and issuers keep.
    NetworkHost::Config network = {};
};

class SimService {
public:
    static Result<std::unique_ptr<SimService>> start(const SimConfig& config, const Clock& clock,
                                                     Random& random);
    ~SimService();

    std::uint16_t network_port() const;
    std::uint16_t control_port() const;

private:
    struct Impl;
    explicit SimService(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::sim
