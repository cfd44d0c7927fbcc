// A merchant's phone in a simulated world: sells, voids, refunds, and does not let go of a payment
// before it knows what became of it. It remembers what it was told.
#pragma once

#include "codec/json_document.h"
#include "net/http_message.h"
#include "world/sim/fleet_phone.h"
#include "world/soak/sim_network.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace softpos::soak {

// Takes a request to the service, if there is one just now. The answer comes later or never.
using ToService = std::function<void(net::HttpRequest request,
                                     std::function<void(const net::HttpResponse&)> answered)>;

class SoakPhone {
public:
    struct Parts {
        Scheduler& scheduler;
        SimNetwork& network;
        const Faults& faults;
        ToService to_service;
    };
    SoakPhone(Parts parts, std::unique_ptr<sim::FleetPhone> phone)
        : parts_(std::move(parts)), phone_(std::move(phone)), life_(parts_.scheduler) {}

    sim::FleetPhone& phone() { return *phone_; }
    // A certificate lasts for a while, then the phone enrols again.
    Result<void> enrolled();

    // From now on somebody sells with it; once closed, nothing new begins.
    void open();
    void close() { open_ = false; }
    bool busy() const { return deal_ != nullptr; }

    // What it was told of each payment, once and for all.
    struct Told {
        bool approved = false;
        std::string kind;  // purchase, void, refund
        std::int64_t amount_minor = 0;
    };
    const std::map<std::string, Told>& told() const { return told_; }
    void forget_told() { told_.clear(); }
    // Whether it was told two different things about one payment.
    const std::string& contradiction() const { return contradiction_; }

private:
    struct Deal {
        std::string kind, target, body, payment, original, code;
        Id128 key;
        std::int64_t amount_minor = 0;
        protocol::PermitPurpose purpose = protocol::PermitPurpose::tap;
        std::uint64_t number = 0;
        unsigned tries = 0;
    };
    struct Sale {
        std::string payment;
        std::int64_t amount_minor = 0, left_minor = 0;
    };
    void next_customer();
    void begin();
    void follow_up(const std::string& kind);
    void ask_permit();
    void on_permit(const net::HttpResponse& response);
    void post();
    void on_answer(const codec::JsonDocument& answer, unsigned status);
    void ask_again();
    void ended(bool approved);
    void call(const net::HttpRequest& request, std::function<void(const net::HttpResponse*)> then);

    Parts parts_;
    std::unique_ptr<sim::FleetPhone> phone_;
    std::string fingerprint_, name_;
    bool open_ = false;
    std::uint64_t deals_ = 0;
    std::unique_ptr<Deal> deal_;
    std::vector<Sale> sales_;
    std::map<std::string, Told> told_;
    std::string contradiction_;
    Life life_;
};

}  // namespace softpos::soak
