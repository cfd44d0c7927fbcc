// The other side of every wire of the service, and the wires: lines to the card network, wallets.
#pragma once

#include "codec/dialect.h"
#include "net/frame_link.h"
#include "net/http_client.h"
#include "platform/server/outside.h"
#include "world/sim/issuer.h"
#include "world/sim/network_host.h"
#include "world/sim/wallet_host.h"
#include "world/soak/faults.h"
#include "world/soak/scheduler.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace softpos::soak {

class SimNetwork {
public:
    static Result<std::unique_ptr<SimNetwork>> make(Scheduler& scheduler, const Faults& faults);

    sim::NetworkHost& host() { return *host_; }
    sim::Issuer& issuer() { return issuer_; }
    sim::WalletHost& wallets() { return *wallets_; }

    // For server::Outside.
    Result<std::unique_ptr<net::Link>> open(const net::FrameLinkConfig& config,
                                            net::Link::OnFrame on_frame,
                                            net::Link::OnState on_state);
    Result<net::HttpResponse> ask_wallet(const net::HttpCall& call);

    // Every line that is up goes down for a while.
    void cut(std::int64_t ms);

    // How something travels: `arrive` is called once, late, twice or not at all. `what` is for the
    // notes.
    void travel(Life& life, const std::string& what, const std::function<void()>& arrive);

private:
    class Wire;
    SimNetwork(Scheduler& scheduler, const Faults& faults)
        : scheduler_(scheduler), faults_(faults) {}

    Scheduler& scheduler_;
    const Faults& faults_;
    std::string name_of(Bytes packed) const;

    std::optional<codec::Dialect> dialect_;
    sim::Issuer issuer_;
    std::unique_ptr<sim::NetworkHost> host_;
    std::unique_ptr<sim::WalletHost> wallets_;
    std::set<Wire*> wires_;
};

}  // namespace softpos::soak
