// The simulated wallets on real sockets: their API over HTTP on loopback, and notices over HTTPS to
// whoever asked for them.
//
// Control API (JSON, loopback only), beside softpos-sim's own:
//   GET  /v1/wallets                          what payers have paid, and signatures refused
//   POST /v1/wallets/rules   {call?, action, times?, delay_ms?}      see WalletRule
//   POST /v1/wallets/scan    {code, payer?, notices?}                a payer pays what is shown
//   POST /v1/wallets/payer   {payer}                                 who holds payment codes now
//   GET  /v1/wallets/bill?wallet=NAME&date=YYYYMMDD                  the bill of that China date
//   POST /v1/wallets/config  {folder, notify_base, ca_pem?}          wallets.json for a platform
#pragma once

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "net/http_message.h"
#include "world/sim/wallet_host.h"

#include <cstdint>
#include <memory>
#include <string>

namespace softpos::sim {

class WalletService {
public:
    static Result<std::unique_ptr<WalletService>> start(const std::string& address,
                                                        const Clock& clock, Random& random);
    ~WalletService();

    WalletHost& host();
    std::string url() const;  // "http://127.0.0.1:PORT"

    // Whom https notices may go to.
    void trust(const std::string& ca_pem);
    // Posts it and gives the answer. unavailable where there is none.
    Result<net::HttpResponse> send(const SimNotice& notice);

    // Of the control API; nullopt where the path is none of these.
    std::optional<net::HttpResponse> control(const net::HttpRequest& request,
                                             const pay::FeeTable& fees);

private:
    struct Impl;
    explicit WalletService(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace softpos::sim
