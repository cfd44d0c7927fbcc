// softpos demo: one tap becomes settled money, through every program, over real sockets.
#include "app/commands.h"
#include "app/console.h"
#include "app/demo_classic.h"
#include "app/demo_postures.h"
#include "app/demo_qr.h"
#include "app/demo_rooted.h"
#include "app/demo_world.h"
#include "app/story.h"
#include "crypto/drbg.h"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace softpos::app {
namespace {

constexpr std::int64_t answer_ms = 1500;  // Short, so that the lost answer is not waited for long.
constexpr std::int64_t card_balance_minor = 1'000'000;
constexpr std::string_view debit_card = "debit";
constexpr std::string_view pin_card = "pin-always";

// Prints numbered steps; the first that fails ends the story.
class SettledStory : private Story {
public:
    explicit SettledStory(DemoWorld& world) : world_(world) {}
    Result<void> tell();

private:
    Result<void> set_up();
    Result<void> show_trust(const std::string& terminal);
    Result<void> sales();
    Result<void> broken_network();
    Result<void> end_of_day();
    Result<void> next_day();
    Result<void> last_proof();

    struct Tap {
        std::int64_t amount_minor = 0;
        std::string_view what, expected;
        std::string_view card = debit_card;
    };
    Result<std::string> tap(const Tap& tap);
    Result<void> close_day(const std::string& date);

    DemoWorld& world_;
    std::string merchant_, date_, voided_, refunded_;
    std::int64_t issuer_total_at_start_ = 0;
};

Result<void> SettledStory::set_up() {
    title("An acquirer, a merchant, a phone");
    Stopwatch signup;
    merchant_ = TRY(world_.make_merchant(DemoWorld::MerchantKind::micro));
    line("micro-merchant signs up, is checked, approved, active: " + merchant_,
         "POST /v1/merchants", signup.ms());
    Stopwatch terminal_watch;
    const auto terminal = TRY(world_.make_terminal(merchant_));
    line("terminal " + terminal.number + ": its key to the network, under the zone key",
         "POST terminals", terminal_watch.ms());

    Stopwatch enrolment;
    const auto status = TRY(world_.enrol_phone(terminal.activation_code));
    line("phone enrolled, grade L" + std::to_string(status.number("grade")) +
             ": certificate, keys into the trusted core",
         "SPA/1 enrol", enrolment.ms());
    TRY_VOID(show_trust(terminal.number));

    TRY(DemoWorld::ask(world_.network(), "/v1/accounts",
                       json_object({{"card", debit_card}, {"balance_minor", card_balance_minor}})));
    TRY(DemoWorld::ask(
        world_.network(), "/v1/accounts",
        json_object({{"card", pin_card}, {"balance_minor", card_balance_minor}, {"pin", "2580"}})));
    issuer_total_at_start_ =
        TRY(DemoWorld::ask(world_.network(), "/v1/state", "")).number("accounts_total_minor");
    return {};
}

// What the platform knows of the phone's keys, and what that would be worth where money is real.
Result<void> SettledStory::show_trust(const std::string& terminal) {
    const auto device = TRY(DemoWorld::ask(world_.acquirer(), "/v1/terminals/" + terminal, ""));
    std::string findings;
    for (std::size_t i = 0; i < device.size("findings"); ++i) {
        const std::string code = device.text("findings." + std::to_string(i) + ".code");
        if (findings.find(code) == std::string::npos) {  // Core and platform may both say it.
            findings += (findings.empty() ? "" : " ") + code;
        }
    }
    detail("keys kept by: " + device.text("key_home") + ", by " + device.text("evidence_kind") +
           "; findings: " + (findings.empty() ? "none" : findings));
    if (!world_.phone_has_tpm()) {
        detail("no swtpm here: production gives a phone without a chip no card");
        return {};
    }
    // What kind of machine this is, is told as it is; that its keys are in a chip must be believed.
    if (device.text("key_home") != "TPM" || findings.contains("SOFTWARE_KEY")) {
        return fail(ErrorKind::denied, "demo: the phone's TPM was not believed");
    }
    detail("its TPM opened a credential that was made for it alone, and quotes the core that runs");
    crypto::KeyRandom random;
    const auto others = TRY(world_.make_fleet(1, random));
    const auto other =
        TRY(DemoWorld::ask(world_.acquirer(), "/v1/terminals/" + others.front()->terminal(), ""));
    detail("one without a chip: keys kept by " + other.text("key_home") + ", finding " +
           other.text("findings.0.code") + "; production gives it no card");
    return {};
}

// One tap; the id of the payment, if its result is the expected one.
Result<std::string> SettledStory::tap(const Tap& one) {
    const std::int64_t amount_minor = one.amount_minor;
    const std::string_view what = one.what;
    const std::string_view expected = one.expected;
    TRY_VOID(world_.hold_card(std::string(one.card)));
    Stopwatch watch;
    const JsonAnswer answer = TRY(world_.phone().post(
        "/v1/purchase", json_object({{"amount_minor", amount_minor}, {"reference", what}})));
    const std::string result = answer.text("result");
    const bool as_told = result == expected;
    const std::string shown =
        coloured(result == "approved" ? Colour::green : Colour::yellow, result);
    line(std::string(what) + ", " + yuan(amount_minor) + " yuan: " + result, "tap, 0200 -> 0210",
         watch.ms());
    std::string more = "card " + answer.text("masked_pan") + "  trace " + answer.text("trace");
    if (!answer.text("rrn").empty()) more += "  RRN " + answer.text("rrn");
    if (!answer.text("auth_code").empty()) more += "  auth " + answer.text("auth_code");
    if (!answer.text("response_code").empty()) more += "  F39 " + answer.text("response_code");
    if (!answer.text("refusal.code").empty()) more += "  " + answer.text("refusal.code");
    detail(more);
    if (!as_told) {
        std::fprintf(stderr, "softpos demo: expected %s: %s\n", std::string(expected).c_str(),
                     answer.body().c_str());
        return fail(ErrorKind::denied, "demo: a payment ended otherwise");
    }
    return answer.text("payment_id");
}

Result<void> SettledStory::sales() {
    title("Cards are tapped");
    const std::string first = TRY(tap({12'800, "dinner for four", "approved"}));
    detail("a permit for this one step; three commands to the card; the issuer recomputed its");
    detail("cryptogram; the terminal's serial number proved itself; MAC both ways");
    date_ = TRY(DemoWorld::ask(world_.acquirer(), "/v1/status", "")).text("business_date");
    const auto balance =
        TRY(DemoWorld::ask(world_.acquirer(), "/v1/merchants/" + merchant_ + "/balance", ""));
    line("merchant credited: " + yuan(balance.number("payable_minor")) + " yuan after the fee",
         "ledger", "");
    voided_ = TRY(tap({3'650, "wrong table", "approved"}));
    refunded_ = TRY(tap({8'800, "takeaway", "approved"}));
    TRY(tap({4'251, "no money left (xx.51)", "declined"}));
    world_.customer().will_type("2580");
    TRY(tap({6'000, "a card that always asks for its PIN", "approved", pin_card}));
    detail(
        "the pad was on the core's own screen, its digits shuffled; a second permit; PIN block to");
    detail("the vault, translated for the network, checked by the issuer");

    Stopwatch watch;
    const auto voiding = TRY(DemoWorld::ask(
        world_.phone(), "/v1/void", json_object({{"payment_id", std::string_view(voided_)}})));
    if (voiding.text("result") != "approved") {
        return fail(ErrorKind::denied, "demo: the void was not approved");
    }
    line("the wrong table is voided, same day, whole amount", "0200/200000 -> 0210", watch.ms());
    return {};
}

Result<void> SettledStory::broken_network() {
    title("The network is cut in the middle of a sale");
    TRY(DemoWorld::ask(world_.network(), "/v1/faults",
                       json_object({{"action", "cut"}, {"mti", "0200"}})));
    const std::string lost = TRY(tap({6'600, "answer lost on the wire", "declined"}));
    detail(
        "the issuer had approved and no answer came: reversed from what was written before it was "
        "sent");
    Stopwatch watch;
    std::string state;
    // The reversal runs by itself; its end is asked for until it is there.
    for (int attempt = 0; attempt < 400 && state != "reversed"; ++attempt) {
        state = TRY(DemoWorld::ask(world_.acquirer(), "/v1/payments/" + lost, ""))
                    .text("payment.state");
    }
    if (state != "reversed") return fail(ErrorKind::denied, "demo: not reversed in time");
    line("reversal answered: nobody paid", "0400 -> 0410", watch.ms());
    Stopwatch restart;
    TRY_VOID(world_.kill_and_restart_server());
    line("server killed with SIGKILL and started again", "", restart.ms());
    TRY(tap({1'000, "tea, after the restart", "approved"}));
    return {};
}

// Settle, cut over, take the file in, compare, pay.
Result<void> SettledStory::close_day(const std::string& date) {
    const std::string day = "/v1/days/" + date;
    Stopwatch settle_watch;
    const auto settled = TRY(DemoWorld::ask(world_.acquirer(), day + "/settle", "{}"));
    const bool balanced = settled.size("batches") > 0 && settled.flag("batches.0.balanced");
    line(std::string("batch reported; the network's totals are ") +
             (balanced ? "the same" : "different"),
         "0500 -> 0510", settle_watch.ms());
    if (!balanced) return fail(ErrorKind::denied, "demo: the batch does not balance");
    Stopwatch cut_watch;
    const auto file = TRY(world_.network().post("/v1/cut-over", "{}"));
    line("the network ends its day and writes the clearing file", "cut-over", cut_watch.ms());
    Stopwatch import_watch;
    const auto imported =
        TRY(world_.acquirer().post(day + "/clearing?file=ACOMN", file.body(), "text/plain"));
    if (!imported.good()) {
        std::fprintf(stderr, "softpos demo: %s\n", imported.body().c_str());
        return fail(ErrorKind::denied, "demo: the clearing file was refused");
    }
    line("clearing file: " + std::to_string(imported.number("lines")) + " lines, net " +
             yuan(imported.number("net_minor")) + " yuan",
         "ACOMN", import_watch.ms());
    Stopwatch reconcile_watch;
    const auto report = TRY(DemoWorld::ask(world_.acquirer(), day + "/reconcile", "{}"));
    line("ours, the message log and the file agree: " +
             std::to_string(report.number("matched_count")) + " matched, " +
             std::to_string(report.size("exceptions")) + " exceptions",
         "three-way", reconcile_watch.ms());
    if (!report.flag("proved") || report.size("exceptions") != 0) {
        std::fprintf(stderr, "softpos demo: %s\n", report.body().c_str());
        return fail(ErrorKind::denied, "demo: the day does not reconcile to zero");
    }
    Stopwatch pay_watch;
    const auto paid = TRY(DemoWorld::ask(world_.acquirer(), day + "/payouts", "{}"));
    line("merchants paid out: " + yuan(paid.number("total_minor")) + " yuan, file for the bank",
         "payout file", pay_watch.ms());
    return {};
}

Result<void> SettledStory::end_of_day() {
    title("The day " + date_ + " ends");
    return close_day(date_);
}

Result<void> SettledStory::next_day() {
    title("The next day");
    Stopwatch part_watch;
    const auto refund = [this](std::int64_t amount) {
        return DemoWorld::ask(
            world_.phone(), "/v1/refund",
            json_object({{"payment_id", std::string_view(refunded_)}, {"amount_minor", amount}}));
    };
    const auto part = TRY(refund(3'000));
    if (part.text("result") != "approved") {
        std::fprintf(stderr, "softpos demo: %s\n", part.body().c_str());
        return fail(ErrorKind::denied, "demo: the refund was not approved");
    }
    line("part of yesterday's takeaway is refunded, 30.00 yuan", "0220 -> 0230", part_watch.ms());
    Stopwatch over_watch;
    const auto over = TRY(world_.phone().post(
        "/v1/refund",
        json_object({{"payment_id", std::string_view(refunded_)}, {"amount_minor", 6'000}})));
    const std::string code = over.text("refusal.code");
    if (code != "REFUND_OVER_SALE") {
        std::fprintf(stderr, "softpos demo: %s\n", over.body().c_str());
        return fail(ErrorKind::denied, "demo: a refund above the sale was not refused");
    }
    line("60.00 more would be above the sale: " + code, "refused here", over_watch.ms());
    TRY(tap({20'000, "a banquet", "approved"}));
    const std::string tomorrow =
        TRY(DemoWorld::ask(world_.acquirer(), "/v1/status", "")).text("business_date");
    title("The day " + tomorrow + " ends");
    return close_day(tomorrow);
}

Result<void> SettledStory::last_proof() {
    title("What is left");
    const auto ledger = TRY(DemoWorld::ask(world_.acquirer(), "/v1/ledger", ""));
    std::int64_t outside = 0;
    for (std::size_t i = 0; i < ledger.size("accounts"); ++i) {
        const std::string row = "accounts." + std::to_string(i) + ".";
        const std::int64_t net =
            ledger.number(row + "debits_minor") - ledger.number(row + "credits_minor");
        detail("account " + ledger.text(row + "account") + " " + ledger.text(row + "owner") +
               std::string(17 - std::min<std::size_t>(17, ledger.text(row + "owner").size()), ' ') +
               yuan(net));
        outside += net;
    }
    const std::int64_t sum = ledger.number("sum_minor");
    line("the books sum to " + yuan(sum), "ledger", "");
    const auto state = TRY(DemoWorld::ask(world_.network(), "/v1/state", ""));
    const std::int64_t spent = issuer_total_at_start_ - state.number("accounts_total_minor");
    const std::int64_t expected = 12'800 + 8'800 + 6'000 + 1'000 - 3'000 + 20'000;
    line("cardholders paid " + yuan(spent) + " yuan, exactly what was sold and not returned",
         "issuers", "");
    if (sum != 0 || outside != 0 || spent != expected) {
        return fail(ErrorKind::internal, "demo: the money does not add up");
    }
    return {};
}

Result<void> SettledStory::tell() {
    TRY_VOID(set_up());
    TRY_VOID(sales());
    TRY_VOID(broken_network());
    TRY_VOID(end_of_day());
    TRY_VOID(next_day());
    return last_proof();
}

int run(const DemoFolder& where) {
    return run_demo(where, "OpenSoftPOS demo", [&where](const std::string& folder) -> Result<void> {
        Stopwatch whole;
        auto world = TRY(DemoWorld::start(
            folder, {.answer_ms = answer_ms, .vault_keys = where.vault_keys, .tpm = true}));
        std::printf("%s network, vault, server, trusted core, phone services: up in %s\n",
                    coloured(Colour::cyan, " *").c_str(), whole.ms().c_str());
        TRY_VOID(SettledStory(*world).tell());
        world.reset();
        std::printf(
            "\n%s in %s. These cards and this network are our own; nothing here is certified.\n",
            coloured(Colour::green, "Settled to the last fen").c_str(), whole.ms().c_str());
        return {};
    });
}

}  // namespace

void add_demo(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<DemoFolder>();
    CLI::App* demo = app.add_subcommand("demo", "watch one tap become settled money");
    demo->add_option("--dir", options->folder, "work there (default: a new folder below /tmp)");
    demo->add_flag("--keep", options->keep, "leave the folder behind, with logs and databases");
    demo->add_option("--vault-keys", options->vault_keys,
                     "softhsm, or software where SoftHSM is not installed")
        ->capture_default_str()
        ->check(CLI::IsMember({"software", "softhsm"}));
    CLI::App* rooted = demo->add_subcommand(
        "rooted", "watch phones be attacked while they collect, and what comes of it");
    rooted->fallthrough();
    CLI::App* postures = demo->add_subcommand(
        "postures", "phones that stand in every way there is a finding for, and what comes of it");
    postures->fallthrough();
    CLI::App* codes = demo->add_subcommand(
        "qr", "payments out of wallets: the phone scans a code, and shows one");
    codes->fallthrough();
    CLI::App* classic = demo->add_subcommand(
        "classic", "a traditional POS and a phone at one merchant, in one reconciled day");
    classic->fallthrough();
    const auto names = std::make_shared<std::vector<std::string>>();
    postures->add_option("findings", *names, "such as OVERLAY MOVED (default: all)");
    demo->callback([&chosen, options, rooted, postures, codes, classic, names] {
        const bool attacked = rooted->parsed();
        const bool standing = postures->parsed();
        const bool scanned = codes->parsed();
        const bool old = classic->parsed();
        chosen = [options, attacked, standing, scanned, old, names] {
            if (old) return run_demo_classic(*options);
            if (scanned) return run_demo_qr(*options);
            if (standing) return run_demo_postures(*options, *names);
            return attacked ? run_demo_rooted(*options) : run(*options);
        };
    });
}

}  // namespace softpos::app
