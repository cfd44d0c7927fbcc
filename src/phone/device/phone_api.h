// The local API that an acquirer's app calls: HTTP/1.1 and JSON over a unix-domain socket whose
// file mode says who may. Requests are read strictly; every refusal is a row of the one table.
//
//   GET  /v1/status                                    this phone, its core and its reader
//   GET  /v1/readers                                   readers that a driver of ours sees
//   GET  /v1/events?after=N[&wait_ms=M]                what to show, behind number N
//   GET  /v1/last    GET /v1/payments/{id or key}      one payment
//   POST /v1/purchase {amount_minor, currency?, reference?, idempotency_key?}
//   POST /v1/void     {payment_id | sale_idempotency_key, idempotency_key?}
//   POST /v1/refund   {payment_id, amount_minor, idempotency_key?}
//   POST /v1/preflight {}                              can it take cards, and if not, why
//   POST /v1/posture  {claims, hardware, findings, location?}  what the app sees of its phone
//   POST /v1/cancel   {}                               {"cancelled": true where it came in time}
//   POST /v1/enrol    {activation_code, server, ca_pem, device_name?}
#pragma once

#include "net/http_server.h"
#include "net/timer.h"
#include "phone/device/phone_service.h"
#include "phone/posture/app_posture.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace softpos::device {

struct PhoneApiConfig {
    std::string socket_path;
    unsigned socket_mode = 0660;
    std::string server_default;  // Where an enrolment names no server; may be empty.
};

constexpr unsigned api_version = 1;

// Needs the service and the feed to outlive it; the destructor waits for calls under way, so cancel
// a tap first.
class PhoneApi {
public:
    static constexpr std::size_t body_bytes_max = 32 * 1024;
    static constexpr std::size_t workers = 4;  // A tap, and status calls beside it.
    static constexpr std::size_t queue_max = 32;
    static constexpr std::uint32_t events_wait_ms_max = 25'000;

    using ListReaders = std::function<Result<std::vector<std::string>>()>;

    static Result<std::unique_ptr<PhoneApi>> listen(const PhoneApiConfig& config,
                                                    PhoneService& service, EventFeed& feed,
                                                    ListReaders list_readers,
                                                    posture::AppPosture* app_posture = nullptr);
    ~PhoneApi();
    PhoneApi(const PhoneApi&) = delete;
    PhoneApi& operator=(const PhoneApi&) = delete;

private:
    using Work = std::function<void()>;

    PhoneApi(const PhoneApiConfig& config, PhoneService& service, EventFeed& feed,
             ListReaders list_readers, posture::AppPosture* app_posture);
    void take(net::HttpRequest request, net::Responder respond);
    bool queue(Work work);
    void work();
    void answer_events(std::uint64_t after, std::uint32_t wait_ms, const net::Responder& respond);

    net::HttpResponse answer(const net::HttpRequest& request);
    net::HttpResponse purchase(const std::string& body);
    net::HttpResponse wallet(const std::string& body, bool scans);
    net::HttpResponse give_up(const std::string& body);
    net::HttpResponse void_sale(const std::string& body);
    net::HttpResponse refund(const std::string& body);
    net::HttpResponse enrol(const std::string& body);
    net::HttpResponse cancel(const std::string& body);
    net::HttpResponse preflight(const std::string& body);
    net::HttpResponse take_posture(const std::string& body);
    net::HttpResponse readers();

    PhoneApiConfig config_;
    PhoneService& service_;
    EventFeed& feed_;
    ListReaders list_readers_;
    posture::AppPosture* app_posture_;  // Borrowed; null where no app may tell anything.

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<Work> queue_;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
    std::shared_ptr<net::TimerQueue> timers_;
    std::unique_ptr<net::HttpServer> server_;
};

}  // namespace softpos::device
