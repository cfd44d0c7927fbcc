// What a control service stands on: threads, timers, lines, wallets, the store. The real ones,
// unless somebody simulates time: then a service runs on one thread, in an order that a seed
// decides, and is otherwise the same.
#pragma once

#include "net/http_client.h"
#include "net/timer.h"
#include "platform/server/line_set.h"
#include "platform/server/worker_pool.h"
#include "platform/store/store.h"

#include <functional>
#include <memory>

namespace softpos::server {

// One call of a wallet's, as net::HttpClient makes it.
using WalletAsk =
    std::function<Result<net::HttpResponse>(const net::HttpClientConfig&, const net::HttpCall&)>;

// Runs whatever is due until it holds, or so long.
using Meanwhile = std::function<void(const std::function<bool()>& holds, std::uint32_t ms_max)>;

struct Outside {
    std::function<std::unique_ptr<Workers>(unsigned threads, std::size_t queue_max)> workers;
    std::function<std::unique_ptr<net::Timers>(Workers& workers)> timers;
    std::function<std::unique_ptr<store::Store>(std::unique_ptr<store::Store>)> store;
    LineSet::Open open_line;
    WalletAsk ask_wallet;
    Meanwhile meanwhile;  // Empty: other threads do it, and who waits just waits.
    bool doors = true;    // False: calls come by ControlService::phone() and acquirer().
    bool webhooks = true;
    std::uint32_t sign_out_ms = 2'000;  // Of the farewell at the end; 0: none, as after a crash.
};

// Threads, clocks and sockets of this machine.
Outside real_outside();

}  // namespace softpos::server
