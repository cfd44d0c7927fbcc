// Three real attacks, by root, with a debugger: between the permit and the tap, while a sale waits
// for its answer, and between the permit and the PIN. Each time nothing is collected, and the
// acquirer knows which device of which merchant it was.
#include "app/demo_rooted.h"

#include "app/console.h"
#include "app/demo_world.h"
#include "app/json_api.h"
#include "net/http_server.h"

#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>
#include <string>
#include <sys/ptrace.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace softpos::app {
namespace {

// Long: what is shown is the reversal that the case asks for, not the one that time brings.
constexpr std::int64_t answer_ms = 20'000;
constexpr std::uint32_t report_ms = 400;
constexpr std::int64_t balance_minor = 1'000'000;
constexpr std::int64_t first_sale = 12'800;
constexpr std::int64_t attacked_sale = 66'600;
constexpr std::int64_t open_sale = 99'900;
constexpr std::string_view debit_card = "debit";
constexpr std::string_view pin_card = "pin-always";
constexpr std::int64_t wait_us_max = 15'000'000;  // Also on a busy machine; below answer_ms.

// Listens for the acquirer: what it was told, and when.
class Listener {
public:
    Result<std::string> listen() {
        server_ = TRY(net::HttpServer::listen(
            {}, [this](net::HttpRequest request, const net::Responder& respond) {
                {
                    const std::lock_guard lock(mutex_);
                    heard_.push_back({std::string(request.find_header("softpos-signature")),
                                      std::move(request.body)});
                }
                changed_.notify_all();
                respond({.body = "{}"});
            }));
        return "http://127.0.0.1:" + std::to_string(server_->port()) + "/events";
    }
    struct Event {
        std::string signature, body;
    };
    // The event of that number, from 1; nullopt where it does not come.
    std::optional<Event> wait_for(std::size_t number) {
        std::unique_lock lock(mutex_);
        const bool came = changed_.wait_for(lock, std::chrono::seconds(20),
                                            [&] { return heard_.size() >= number; });
        return came ? std::optional(heard_[number - 1]) : std::nullopt;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Event> heard_;
    std::unique_ptr<net::HttpServer> server_;
};

// It ends with the process, or with us.
Result<void> attach_debugger(pid_t victim) {
    if (::ptrace(PTRACE_SEIZE, victim, nullptr, nullptr) == 0) return {};
    return fail(ErrorKind::denied, "demo: root could not attach its debugger",
                static_cast<std::uint32_t>(errno));
}

// One purchase, waited for by a thread of its own, as an app would.
class Sale {
public:
    Sale(JsonApi api, std::int64_t amount_minor)
        : api_(std::move(api)), thread_([this, amount_minor] {
              answer_ = api_.post("/v1/purchase", json_object({{"amount_minor", amount_minor}}));
          }) {}
    Result<JsonAnswer> finish() {
        thread_.join();
        return std::move(answer_);
    }
    ~Sale() {
        if (thread_.joinable()) thread_.join();
    }
    Sale(const Sale&) = delete;
    Sale& operator=(const Sale&) = delete;

private:
    JsonApi api_;
    Result<JsonAnswer> answer_ = fail(ErrorKind::internal, "demo: no answer");
    std::thread thread_;
};

class RootedStory : private Story {
public:
    explicit RootedStory(DemoWorld& world) : world_(world) {}
    Result<void> tell();

private:
    Result<void> set_up();
    Result<void> before_the_tap();
    Result<void> back_again();
    Result<void> while_it_is_open();
    Result<void> before_the_pin();
    Result<void> let_in_again();
    Result<void> show_case(std::size_t number, std::string_view expected_payment_state);
    Result<void> await_event(std::string_view message);
    Result<JsonAnswer> ask(const std::string& target) {
        return DemoWorld::ask(world_.acquirer(), target, "");
    }
    Result<std::int64_t> spent();
    static std::unexpected<Error> otherwise(const JsonAnswer& answer, Literal what) {
        std::fprintf(stderr, "softpos demo: %s\n", answer.body().c_str());
        return fail(ErrorKind::denied, what);
    }

    DemoWorld& world_;
    Listener listener_;
    std::string merchant_, terminal_;
    std::int64_t issuer_at_start_ = 0;
    std::int64_t events_seen_ = 0;
};

Result<std::int64_t> RootedStory::spent() {
    const auto state = TRY(DemoWorld::ask(world_.network(), "/v1/state", ""));
    return issuer_at_start_ - state.number("accounts_total_minor");
}

Result<void> RootedStory::set_up() {
    title("A merchant, a phone that is as it should be");
    merchant_ = TRY(world_.make_merchant(DemoWorld::MerchantKind::company));
    const auto terminal = TRY(world_.make_terminal(merchant_));
    terminal_ = terminal.number;
    const std::string url = TRY(listener_.listen());
    TRY(DemoWorld::ask(
        world_.acquirer(), "/v1/webhooks",
        json_object({{"url", std::string_view(url)}, {"topics", "incident.opened"}})));
    TRY(DemoWorld::ask(world_.network(), "/v1/accounts",
                       json_object({{"card", debit_card}, {"balance_minor", balance_minor}})));
    issuer_at_start_ =
        TRY(DemoWorld::ask(world_.network(), "/v1/state", "")).number("accounts_total_minor");
    Stopwatch enrolment;
    const auto status = TRY(world_.enrol_phone(terminal.activation_code));
    line("terminal " + terminal_ + " of merchant " + merchant_ + " enrolled, grade L" +
             std::to_string(status.number("grade")),
         "SPA/1 enrol", enrolment.ms());
    TRY_VOID(world_.hold_card(std::string(debit_card)));
    Stopwatch sale;
    const auto sold = TRY(DemoWorld::ask(world_.phone(), "/v1/purchase",
                                         json_object({{"amount_minor", first_sale}})));
    line("a sale, " + yuan(first_sale) + " yuan: " + sold.text("result"), "permit, tap, 0200",
         sale.ms());
    if (sold.text("result") != "approved") return otherwise(sold, "demo: the first sale");
    return {};
}

// Until the phone shows that message.
Result<void> RootedStory::await_event(std::string_view message) {
    auto api = TRY(world_.another_phone_api());
    for (const Stopwatch waited; waited.us() < wait_us_max;) {
        const auto events =
            TRY(api.get("/v1/events?wait_ms=1000&after=" + std::to_string(events_seen_)));
        for (std::size_t n = 0; n < events.size("events"); ++n) {
            const std::string row = "events." + std::to_string(n) + ".";
            events_seen_ = events.number(row + "number");
            if (events.text(row + "message") == message) return {};
        }
    }
    return fail(ErrorKind::unavailable, "demo: the phone did not get so far");
}

Result<void> RootedStory::show_case(std::size_t number, std::string_view expected_payment_state) {
    const auto event = listener_.wait_for(number);
    if (!event) return fail(ErrorKind::unavailable, "demo: the acquirer was not told");
    const auto incidents = TRY(ask("/v1/incidents"));
    const std::string at = "/v1/incidents/" + incidents.text("incidents.0.incident_id");
    auto told = TRY(ask(at));
    // The acquirer is told first; the vault answers a moment later.
    for (const Stopwatch waited;
         waited.us() < wait_us_max && told.text("keys") == "revocation_due";) {
        told = TRY(ask(at));
    }
    detail("case " + told.text("incident_id"));
    detail("  " + told.text("finding.code") + ", said by the " + told.text("finding.origin") +
           " over its own signature; device " + told.text("facts.device.model") + ", terminal " +
           told.text("terminal_id") + ", merchant " + told.text("merchant_id"));
    detail("  keys " + told.text("keys") + "; " + std::to_string(told.size("facts.last_evidence")) +
           " last entries of its chain of evidence");
    const bool right = told.text("terminal_id") == terminal_ &&
                       told.text("merchant_id") == merchant_ &&
                       told.text("finding.code") == "DEBUGGER" &&
                       told.text("finding.origin") == "core" && told.text("keys") == "revoked";
    if (!right) return otherwise(told, "demo: the case is not what it should be");
    const std::string payment = told.text("payment_id");
    if (payment.empty() != expected_payment_state.empty()) {
        return otherwise(told, "demo: the case names another payment");
    }
    const auto terminal = TRY(ask("/v1/terminals/" + terminal_));
    line("terminal " + terminal.text("state") + ", filing " + terminal.text("filing.status") +
             "; the acquirer was told",
         "webhook, HMAC", "");
    if (terminal.text("state") != "SUSPENDED") return otherwise(terminal, "demo: not suspended");
    if (payment.empty()) return {};
    Stopwatch watch;
    std::string state;
    while (watch.us() < wait_us_max && state != expected_payment_state) {
        state = TRY(ask("/v1/payments/" + payment)).text("payment.state");
    }
    line("the sale that was under way: " + state, "0400 -> 0410", watch.ms());
    if (state != expected_payment_state) {
        return fail(ErrorKind::denied, "demo: the open sale was not reversed");
    }
    return {};
}

Result<void> RootedStory::before_the_tap() {
    title("Root attacks between permit and tap");
    Sale sale(TRY(world_.another_phone_api()), attacked_sale);
    TRY_VOID(await_event("present_card"));
    line("the platform gave its permit; the phone asks for a card, " + yuan(attacked_sale), "SPA/1",
         "");
    TRY_VOID(attach_debugger(world_.trusted_pid()));
    line("root attaches a debugger to the trusted core", "PTRACE_SEIZE", "");
    TRY_VOID(world_.hold_card(std::string(debit_card)));
    Stopwatch watch;
    const auto answer = TRY(sale.finish());
    line("the customer holds the card: " + answer.text("result") + ", " +
             answer.text("refusal.code"),
         "no APDU was sent", watch.ms());
    detail("the merchant reads: " + answer.text("refusal.message_zh") + " " +
           answer.text("refusal.reference"));
    if (answer.text("refusal.code") != "DEVICE_NOT_TRUSTED" ||
        answer.text("refusal.reference").empty()) {
        return otherwise(answer, "demo: the sale was not refused");
    }
    TRY_VOID(show_case(1, ""));
    const auto status = TRY(DemoWorld::ask(world_.phone(), "/v1/status", ""));
    line("the trusted core has wiped its keys: " + status.text("trusted.mode"), "command", "");
    const auto again =
        TRY(world_.phone().post("/v1/purchase", json_object({{"amount_minor", attacked_sale}})));
    line("another try: " + again.text("refusal.code") + ", no card is asked for", "no permit", "");
    const std::int64_t paid = TRY(spent());
    line("cardholders paid " + yuan(paid) + " yuan: the sale before, and nothing since", "issuers",
         "");
    if (status.text("trusted.mode") != "wiped" || again.text("result") == "approved" ||
        paid != first_sale) {
        return otherwise(status, "demo: something was collected");
    }
    return {};
}

Result<void> RootedStory::let_in_again() {
    TRY_VOID(world_.restart_phone());
    const std::string at = "/v1/terminals/" + terminal_;
    TRY(DemoWorld::ask(world_.acquirer(), at + "/release", "{}"));
    const auto code = TRY(DemoWorld::ask(world_.acquirer(), at + "/activation", "{}"));
    TRY(world_.enrol_phone(code.text("activation_code")));
    line("cleaned, released by a person, enrolled again with new keys", "POST release", "");
    return {};
}

// The customer has been asked, and the debugger is there before the first key.
Result<void> RootedStory::before_the_pin() {
    title("Root attacks between permit and PIN");
    TRY_VOID(let_in_again());
    const std::int64_t before = TRY(spent());
    TRY(DemoWorld::ask(
        world_.network(), "/v1/accounts",
        json_object({{"card", pin_card}, {"balance_minor", balance_minor}, {"pin", "2580"}})));
    issuer_at_start_ += balance_minor;
    std::mutex mutex;
    bool asked = false;
    std::condition_variable changed;
    // A tracer is a thread: ours, because it must stay.
    bool attacked = false;
    world_.customer().will_type("2580", [&] {
        std::unique_lock lock(mutex);
        asked = true;
        changed.notify_all();
        changed.wait(lock, [&] { return attacked; });
    });
    TRY_VOID(world_.hold_card(std::string(pin_card)));
    Sale sale(TRY(world_.another_phone_api()), attacked_sale);
    Result<void> attack;
    {
        std::unique_lock lock(mutex);
        const bool shown = changed.wait_for(lock, std::chrono::seconds(20), [&] { return asked; });
        if (shown) attack = attach_debugger(world_.trusted_pid());
        attacked = true;
        changed.notify_all();
        if (!shown) return fail(ErrorKind::unavailable, "demo: no PIN pad was shown");
    }
    TRY_VOID(attack);
    line("the card asks for its PIN; a second permit; the pad is shown", "SPA/1", "");
    line("root attaches a debugger before the first key", "PTRACE_SEIZE", "");
    const auto answer = TRY(sale.finish());
    line("the PIN is typed: " + answer.text("result") + ", " + answer.text("refusal.code"),
         "no PIN block", "");
    if (answer.text("refusal.code") != "DEVICE_NOT_TRUSTED") {
        return otherwise(answer, "demo: the sale was not refused");
    }
    TRY_VOID(show_case(3, ""));
    const std::int64_t paid = TRY(spent());
    line("cardholders paid " + yuan(paid) + " yuan, as before the attack", "issuers", "");
    if (paid != before) return otherwise(answer, "demo: something was collected");
    return {};
}

Result<void> RootedStory::back_again() {
    title("The phone is cleaned, and a person lets it in again");
    TRY_VOID(world_.restart_phone());
    const std::string at = "/v1/terminals/" + terminal_;
    const auto code = TRY(DemoWorld::ask(world_.acquirer(), at + "/activation", "{}"));
    const auto alone = TRY(world_.try_to_enrol_phone(code.text("activation_code")));
    line("enrolling alone does not do: " + alone.text("refusal.code"), "SPA/1 enrol", "");
    if (alone.good()) return fail(ErrorKind::denied, "demo: the latch did not hold");
    TRY(DemoWorld::ask(world_.acquirer(), at + "/release", "{}"));
    const auto next = TRY(DemoWorld::ask(world_.acquirer(), at + "/activation", "{}"));
    TRY(world_.enrol_phone(next.text("activation_code")));
    line("released by a person, enrolled again with new keys", "POST release", "");
    return {};
}

// The answer of the network is on its way for a long time; the phone reports meanwhile.
Result<void> RootedStory::while_it_is_open() {
    title("Root attacks while a sale waits for its answer");
    TRY(DemoWorld::ask(world_.network(), "/v1/faults",
                       json_object({{"action", "no_answer"}, {"mti", "0200"}})));
    TRY_VOID(world_.hold_card(std::string(debit_card)));
    const std::int64_t before = TRY(spent());
    Sale sale(TRY(world_.another_phone_api()), open_sale);
    for (const Stopwatch waited; TRY(spent()) == before;) {
        if (waited.us() > wait_us_max) {
            return fail(ErrorKind::unavailable, "demo: the sale does not reach the issuer");
        }
    }
    line("the issuer has approved " + yuan(open_sale) + "; its answer is lost", "0200 -> ...", "");
    TRY_VOID(attach_debugger(world_.trusted_pid()));
    Stopwatch watch;
    line("root attaches a debugger to the trusted core", "PTRACE_SEIZE", "");
    if (!listener_.wait_for(2)) return fail(ErrorKind::unavailable, "demo: nothing was reported");
    line("the phone's own report suspends it", "SPA/1 report", watch.ms());
    TRY_VOID(show_case(2, "reversed"));
    const auto answer = TRY(sale.finish());
    line("the phone hears: " + answer.text("result") + " " + answer.text("refusal.code"), "", "");
    const std::int64_t paid = TRY(spent());
    line("cardholders paid " + yuan(paid) + " yuan, as before the attack", "issuers", "");
    if (paid != before || answer.text("result") == "approved") {
        return otherwise(answer, "demo: something was collected");
    }
    return {};
}

Result<void> RootedStory::tell() {
    TRY_VOID(set_up());
    TRY_VOID(before_the_tap());
    TRY_VOID(back_again());
    TRY_VOID(while_it_is_open());
    return before_the_pin();
}

}  // namespace

int run_demo_rooted(const DemoFolder& where) {
    if (::geteuid() != 0) return report("the attacks of this demo need root");
    return run_demo(
        where, "OpenSoftPOS demo rooted", [&where](const std::string& folder) -> Result<void> {
            Stopwatch whole;
            auto world = TRY(DemoWorld::start(
                folder,
                {.answer_ms = answer_ms, .report_ms = report_ms, .vault_keys = where.vault_keys}));
            TRY_VOID(RootedStory(*world).tell());
            world.reset();
            std::printf(
                "\n%s in %s. Root that does more than attach a debugger can still read the core\n"
                "of a Linux machine: docs/trust.md says what this protects from, and what not.\n",
                coloured(Colour::green, "Nothing was collected").c_str(), whole.ms().c_str());
            return {};
        });
}

}  // namespace softpos::app
