// Two counters of one shop: one with a terminal of the old kind, one with a phone.
#include "app/demo_classic.h"

#include "app/console.h"
#include "app/demo_world.h"
#include "app/json_api.h"
#include "base/clock.h"
#include "platform/pay/business_date.h"

#include <cstdio>
#include <string>

namespace softpos::app {
namespace {

constexpr std::int64_t card_balance_minor = 1'000'000;
constexpr std::string_view pos_pin = "246810";

class ClassicStory : private Story {
public:
    explicit ClassicStory(DemoWorld& world) : world_(world) {}
    Result<void> tell();

private:
    struct Step {
        std::string_view what, message, expected;
    };
    Result<void> set_up();
    Result<void> sell();
    Result<void> settle();
    Result<void> close_day();
    Result<void> pos(const Step& step, const Result<sim::PosAnswer>& answer,
                     const Stopwatch& watch);
    Result<void> tap(std::int64_t amount_minor, std::string_view what);

    DemoWorld& world_;
    std::unique_ptr<sim::ClassicPos> pos_;
    std::string merchant_;
    std::int64_t issuer_total_at_start_ = 0;
};

Result<void> ClassicStory::pos(const Step& step, const Result<sim::PosAnswer>& answer,
                               const Stopwatch& watch) {
    if (!answer) return std::unexpected(answer.error());
    line(std::string(step.what) + ": " + answer->code,
         std::string(step.message) + " -> " + answer->text, watch.ms());
    if (answer->code == step.expected) return {};
    return fail(ErrorKind::denied, "demo: the terminal was answered otherwise");
}

Result<void> ClassicStory::tap(std::int64_t amount_minor, std::string_view what) {
    Stopwatch watch;
    TRY_VOID(world_.hold_card("debit"));
    const auto answer = TRY(world_.phone().post(
        "/v1/purchase", json_object({{"amount_minor", amount_minor}, {"reference", what}})));
    line(std::string(what) + ", " + yuan(amount_minor) +
             " yuan, card on the phone: " + answer.text("result"),
         "0200 -> 0210", watch.ms());
    if (answer.text("result") == "approved") return {};
    std::fprintf(stderr, "softpos demo: %s\n", answer.body().c_str());
    return fail(ErrorKind::denied, "demo: the phone's sale ended otherwise");
}

Result<void> ClassicStory::set_up() {
    title("One merchant, a phone and a traditional POS");
    merchant_ = TRY(world_.make_merchant(DemoWorld::MerchantKind::micro));
    const auto terminal = TRY(world_.make_terminal(merchant_));
    TRY(world_.enrol_phone(terminal.activation_code));
    line("phone enrolled as terminal " + terminal.number, "SPA/1 enrol", "");
    Stopwatch watch;
    pos_ = TRY(world_.make_classic(merchant_));
    line("POS made and loaded: its master key came under the loader's key", "POST terminals",
         watch.ms());
    for (const std::string_view card : {"debit", "credit"}) {
        TRY(DemoWorld::ask(world_.network(), "/v1/accounts",
                           json_object({{"card", card}, {"balance_minor", card_balance_minor}})));
    }
    TRY(DemoWorld::ask(
        world_.network(), "/v1/accounts",
        json_object({{"card", "pin"}, {"balance_minor", card_balance_minor}, {"pin", pos_pin}})));
    issuer_total_at_start_ =
        TRY(DemoWorld::ask(world_.network(), "/v1/state", "")).number("accounts_total_minor");
    Stopwatch sign_in;
    TRY_VOID(
        pos({"POS signs in: working keys and a batch", "0800", "00"}, pos_->sign_in(), sign_in));
    return {};
}

Result<void> ClassicStory::sell() {
    title("Sales at both");
    TRY_VOID(tap(12'800, "noodles"));
    Stopwatch chip;
    TRY_VOID(pos({"POS sells by chip, 88.00 yuan", "0200", "00"},
                 pos_->sell({.card = "credit", .amount_minor = 8'800}), chip));
    Stopwatch stripe;
    TRY_VOID(pos({"POS sells by stripe and PIN, 60.00 yuan", "0200", "00"},
                 pos_->sell({.card = "pin",
                             .amount_minor = 6'000,
                             .entry = sim::PosEntry::stripe,
                             .pin = std::string(pos_pin)}),
                 stripe));
    detail("the PIN went from the POS's key to the network's inside the vault");
    Stopwatch voided;
    TRY_VOID(pos({"that one is voided", "0200", "00"}, pos_->void_sale(pos_->memory().slips.back()),
                 voided));
    TRY(DemoWorld::ask(world_.network(), "/v1/faults", R"({"action":"no_answer","mti":"0200"})"));
    Stopwatch lost;
    TRY_VOID(pos({"an answer is lost between us and the network", "0200", "A2"},
                 pos_->sell({.card = "credit", .amount_minor = 700}), lost));
    Stopwatch reversal;
    TRY_VOID(pos({"the POS takes it back", "0400", "00"}, pos_->reverse(), reversal));
    pos_->damage_next_mac();
    Stopwatch forged;
    TRY_VOID(pos({"a message with a wrong MAC is believed by nobody", "0200", "A0"},
                 pos_->sell({.card = "credit", .amount_minor = 900}), forged));
    return {};
}

Result<void> ClassicStory::settle() {
    title("The POS settles its batch");
    Stopwatch watch;
    const auto settled = TRY(pos_->settle());
    if (!settled.totals) return fail(ErrorKind::denied, "demo: no totals");
    const auto& side = settled.totals->domestic;
    line("sales " + yuan(side.debit_amount_minor) + ", voids " + yuan(side.credit_amount_minor) +
             (side.verdict == codec::BatchVerdict::balanced ? ": the platform has the same"
                                                            : ": the platform differs"),
         "0500 -> " + settled.text, watch.ms());
    if (side.verdict == codec::BatchVerdict::balanced) return {};
    return fail(ErrorKind::denied, "demo: the batch differs");
}

Result<void> ClassicStory::close_day() {
    title("The day of both");
    const std::string date =
        TRY(DemoWorld::ask(world_.acquirer(), "/v1/status", "")).text("business_date");
    const std::string day = "/v1/days/" + date;
    const auto batches = TRY(DemoWorld::ask(world_.acquirer(), day + "/settle", "{}"));
    for (std::size_t i = 0; i < batches.size("batches"); ++i) {
        const std::string at = "batches." + std::to_string(i) + ".";
        if (batches.flag(at + "balanced")) continue;
        return fail(ErrorKind::denied, "demo: a batch differs from the network's");
    }
    line(std::to_string(batches.size("batches")) + " terminals' batches agree with the network",
         "0500 -> 0510", "");
    const auto file = TRY(DemoWorld::ask(world_.network(), "/v1/cut-over", "{}"));
    TRY(world_.acquirer().post(day + "/clearing?file=ACOMN", file.body(), "text/plain"));
    const auto report = TRY(DemoWorld::ask(world_.acquirer(), day + "/reconcile", "{}"));
    line("books, messages and the network's file: matched " +
             std::to_string(report.number("matched_count")) + ", exceptions " +
             std::to_string(report.size("exceptions")),
         "reconcile", "");
    if (!report.flag("proved") || report.size("exceptions") != 0) {
        return fail(ErrorKind::denied, "demo: the day does not reconcile to zero");
    }
    const auto paid = TRY(DemoWorld::ask(world_.acquirer(), day + "/payouts", "{}"));
    line("one payout to the merchant: " + yuan(paid.number("total_minor")) + " yuan", "payout", "");
    const auto state = TRY(DemoWorld::ask(world_.network(), "/v1/state", ""));
    const std::int64_t spent = issuer_total_at_start_ - state.number("accounts_total_minor");
    line("cardholders paid " + yuan(spent) + " yuan, exactly what was sold and not given back",
         "issuers", "");
    if (spent == 12'800 + 8'800) return {};
    return fail(ErrorKind::internal, "demo: the money does not add up");
}

Result<void> ClassicStory::tell() {
    TRY_VOID(set_up());
    TRY_VOID(sell());
    TRY_VOID(settle());
    return close_day();
}

}  // namespace

int run_demo_classic(const DemoFolder& where) {
    return run_demo(where, "OpenSoftPOS demo classic", [&where](const std::string& folder) {
        auto world = DemoWorld::start(folder, {.vault_keys = where.vault_keys});
        if (!world) return Result<void>(std::unexpected(world.error()));
        return ClassicStory(**world).tell();
    });
}

}  // namespace softpos::app
