// The machine that we run on.
#include "platform/server/outside.h"

#include "net/frame_link.h"

#include <utility>

namespace softpos::server {

Outside real_outside() {
    return {.workers =
                [](unsigned threads, std::size_t queue_max) {
                    return std::make_unique<WorkerPool>(threads, queue_max);
                },
            .timers =
                [](Workers& workers) {
                    return std::make_unique<net::TimerQueue>(
                        [pool = &workers](net::TimerQueue::Callback due) {
                            pool->post_always(std::move(due));
                        });
                },
            .store = [](std::unique_ptr<store::Store> store) { return store; },
            .open_line = [](net::FrameLinkConfig config, net::Link::OnFrame on_frame,
                            net::Link::OnState on_state) -> Result<std::unique_ptr<net::Link>> {
                return TRY(net::FrameLink::start(std::move(config), std::move(on_frame),
                                                 std::move(on_state)));
            },
            .ask_wallet = [](const net::HttpClientConfig& config,
                             const net::HttpCall& call) -> Result<net::HttpResponse> {
                const auto client = TRY(net::HttpClient::make(config));
                return client->request(call);
            },
            .meanwhile = {}};
}

}  // namespace softpos::server
