// Both directions, a payer who hesitates, an answer that is lost, a liar, a crash, and the books.
#include "app/demo_qr.h"

#include "app/console.h"
#include "app/demo_world.h"
#include "app/json_api.h"
#include "base/clock.h"
#include "platform/pay/business_date.h"

#include <cstdio>
#include <string>
#include <vector>

namespace softpos::app {
namespace {

constexpr std::string_view alipay_code = "283456789012345678";
constexpr std::string_view wechat_code = "134567890123456789";

class QrStory : private Story {
public:
    explicit QrStory(DemoWorld& world) : world_(world) {}
    Result<void> tell();

private:
    Result<void> set_up();
    Result<void> scans();
    Result<void> shows();
    Result<void> trouble();
    Result<void> books();
    Result<void> bills();

    struct Expected {
        std::string_view what, result, message;
    };
    Result<JsonAnswer> scan(std::int64_t amount_minor, std::string_view code,
                            const Expected& expected);
    Result<JsonAnswer> show(std::int64_t amount_minor, std::string_view channel);
    Result<void> await(const std::string& payment, const Expected& expected);
    Result<void> rule(std::string_view call, std::string_view action, std::int64_t delay_ms = 0);
    static Result<void> hold(const JsonAnswer& answer, const Expected& expected);

    DemoWorld& world_;
    std::string merchant_;
};

Result<void> QrStory::set_up() {
    title("An acquirer that takes wallets");
    merchant_ = TRY(world_.make_merchant(DemoWorld::MerchantKind::micro));
    const auto terminal = TRY(world_.make_terminal(merchant_));
    TRY(world_.enrol_phone(terminal.activation_code));
    line("micro-merchant active, phone enrolled", "SPA/1 enrol", "");
    Stopwatch watch;
    TRY(DemoWorld::ask(world_.network(), "/v1/wallets/config",
                       json_object({{"folder", std::string_view(world_.folder() + "/server")},
                                    {"notify_base", std::string_view(world_.acquirer_url())},
                                    {"ca_pem", std::string_view(world_.ca_pem())}})));
    TRY_VOID(world_.kill_and_restart_server());
    line("Alipay and WeChat Pay: keys changed both ways, wallets.json", "", watch.ms());
    return {};
}

Result<void> QrStory::hold(const JsonAnswer& answer, const Expected& expected) {
    if (answer.text("result") == expected.result) return {};
    std::fprintf(stderr, "softpos demo: expected %s: %s\n", std::string(expected.result).c_str(),
                 answer.body().c_str());
    return fail(ErrorKind::denied, "demo: a payment ended otherwise");
}

Result<JsonAnswer> QrStory::scan(std::int64_t amount_minor, std::string_view code,
                                 const Expected& expected) {
    Stopwatch watch;
    JsonAnswer answer =
        TRY(world_.phone().post("/v1/scan", json_object({{"amount_minor", amount_minor},
                                                         {"payment_code", code},
                                                         {"reference", expected.what}})));
    line(std::string(expected.what) + ", " + yuan(amount_minor) + " yuan: " + answer.text("result"),
         expected.message, watch.ms());
    std::string more = answer.text("channel");
    if (!answer.text("wallet_code").empty()) more += "  " + answer.text("wallet_code");
    if (!answer.text("refusal.code").empty()) more += "  " + answer.text("refusal.code");
    detail(more);
    TRY_VOID(hold(answer, expected));
    return answer;
}

Result<JsonAnswer> QrStory::show(std::int64_t amount_minor, std::string_view channel) {
    Stopwatch watch;
    JsonAnswer answer =
        TRY(DemoWorld::ask(world_.phone(), "/v1/show",
                           json_object({{"amount_minor", amount_minor}, {"channel", channel}})));
    if (answer.text("code").empty()) return fail(ErrorKind::denied, "demo: no code to show");
    line("the phone shows a code for " + yuan(amount_minor) + " yuan, once, for two minutes",
         channel == "alipay" ? "alipay.trade.precreate" : "/v3/pay/transactions/native",
         watch.ms());
    detail(answer.text("code"));
    return answer;
}

// Asks the phone until the payment is over.
Result<void> QrStory::await(const std::string& payment, const Expected& expected) {
    Stopwatch watch;
    constexpr std::int64_t us_max = 90'000'000;
    while (watch.us() < us_max) {
        const auto now =
            TRY(DemoWorld::ask(world_.phone(), "/v1/payments/" + payment, std::string()));
        if (now.text("result") == "indeterminate") continue;
        line(std::string(expected.what) + ": " + now.text("state"), expected.message, watch.ms());
        return hold(now, expected);
    }
    return fail(ErrorKind::unavailable, "demo: a payment does not end");
}

Result<void> QrStory::rule(std::string_view call, std::string_view action, std::int64_t delay_ms) {
    TRY(DemoWorld::ask(world_.network(), "/v1/wallets/rules",
                       json_object({{"call", call}, {"action", action}, {"delay_ms", delay_ms}})));
    return {};
}

Result<void> QrStory::scans() {
    title("The phone scans the payer's code");
    const auto first = TRY(scan(1'880, alipay_code, {"noodles", "approved", "alipay.trade.pay"}));
    detail("a permit for scanning; RSA2 both ways; whose code it is the code itself says");
    TRY(scan(3'200, wechat_code, {"dumplings", "approved", "codepay"}));
    TRY_VOID(rule("pay", "userpaying", 3'000));
    TRY(scan(6'600, wechat_code,
             {"the payer types a password, 3 s", "approved", "codepay, query"}));
    TRY_VOID(rule("pay", "refuse"));
    TRY(scan(9'900, alipay_code, {"no money in the wallet", "declined", "alipay.trade.pay"}));
    Stopwatch watch;
    const std::string payment = first.text("payment_id");
    const auto voided = TRY(DemoWorld::ask(
        world_.phone(), "/v1/void", json_object({{"payment_id", std::string_view(payment)}})));
    TRY_VOID(hold(voided, {"", "approved", ""}));
    line("the noodles are voided, same day", "alipay.trade.cancel", watch.ms());
    return {};
}

Result<void> QrStory::shows() {
    title("The phone shows a code");
    for (const std::string_view channel : {"alipay", "wechat"}) {
        const auto shown = TRY(show(4'500, channel));
        const std::string code = shown.text("code");
        const auto told =
            TRY(DemoWorld::ask(world_.network(), "/v1/wallets/scan",
                               json_object({{"code", std::string_view(code)}, {"notices", 3}})));
        detail("the payer scans it; the wallet tells us three times, taken " +
               std::to_string(told.number("notices_taken")) + " times, booked once");
        TRY_VOID(await(shown.text("payment_id"), {"paid by the payer", "approved", "notice"}));
    }
    return {};
}

Result<void> QrStory::trouble() {
    title("What can go wrong");
    TRY_VOID(rule("pay", "no_answer"));
    TRY(scan(2'000, alipay_code, {"the answer is lost on the wire", "approved", "pay, query"}));
    detail("unknown is not no: the wallet was asked");
    const auto shown = TRY(show(700, "wechat"));
    TRY_VOID(world_.kill_and_restart_server());
    line("server killed with SIGKILL while the code is shown", "", "");
    const std::string code = shown.text("code");
    TRY(DemoWorld::ask(world_.network(), "/v1/wallets/scan",
                       json_object({{"code", std::string_view(code)}, {"notices", 0}})));
    TRY_VOID(await(shown.text("payment_id"),
                   {"paid meanwhile, and nobody told us", "approved", "query"}));
    const auto other = TRY(show(800, "alipay"));
    const std::string payment = other.text("payment_id");
    TRY(DemoWorld::ask(world_.phone(), "/v1/give-up",
                       json_object({{"payment_id", std::string_view(payment)}})));
    TRY_VOID(await(payment, {"the customer walks away", "declined", "query, cancel"}));
    detail("asked once more and cancelled in the same step");
    return {};
}

Result<void> QrStory::books() {
    title("The books");
    const auto wallets = TRY(DemoWorld::ask(world_.network(), "/v1/wallets", ""));
    const auto ledger = TRY(DemoWorld::ask(world_.acquirer(), "/v1/ledger", ""));
    constexpr std::int64_t wallet_receivable = 1110;
    std::int64_t owed = 0;
    for (std::size_t i = 0; i < ledger.size("accounts"); ++i) {
        const std::string at = "accounts." + std::to_string(i) + ".";
        if (ledger.number(at + "account") != wallet_receivable) continue;
        owed += ledger.number(at + "debits_minor") - ledger.number(at + "credits_minor");
    }
    const std::int64_t taken = wallets.number("taken_minor");
    line("payers have paid " + yuan(taken) + " yuan, the wallets owe us " + yuan(owed), "ledger",
         "");
    if (taken != owed || ledger.number("sum_minor") != 0) {
        return fail(ErrorKind::denied, "demo: wallets and books differ");
    }
    if (wallets.number("refused_signatures") != 0) {
        return fail(ErrorKind::denied, "demo: a wallet refused a signature of ours");
    }
    detail("both sides say the same, and the ledger adds up to zero");
    return {};
}

// Each wallet's bill, in its own form and encoding, against the books; then the merchant's money.
Result<void> QrStory::bills() {
    title("The day is over");
    const SystemClock clock;
    const auto date = pay::china_date(clock.now());
    const std::string digits = std::to_string(date.yyyymmdd);
    const std::string day = "/v1/days/" + std::string(digits).insert(6, "-").insert(4, "-");
    for (const std::string_view wallet : {"alipay", "wechat"}) {
        const std::string query = "?wallet=" + std::string(wallet);
        const auto bill = TRY(world_.network().get("/v1/wallets/bill" + query + "&date=" + digits));
        Stopwatch watch;
        const auto taken =
            TRY(world_.acquirer().post(day + "/bills" + query, bill.body(), "text/csv"));
        const auto report =
            TRY(DemoWorld::ask(world_.acquirer(), day + "/reconcile" + query, "{}"));
        line("bill of " + std::string(wallet) + ": " + std::to_string(taken.number("lines")) +
                 " lines, net " + yuan(taken.number("net_minor")) + " yuan",
             "compared", watch.ms());
        detail("matched " + std::to_string(report.number("matched_count")) + ", exceptions " +
               std::to_string(report.size("exceptions")) + "; the wallet keeps " +
               yuan(taken.number("fee_minor")) + " yuan");
        if (!report.flag("proved") || report.size("exceptions") != 0) {
            return fail(ErrorKind::denied, "demo: a wallet's bill and the books differ");
        }
    }
    const auto paid = TRY(DemoWorld::ask(world_.acquirer(), day + "/payouts", "{}"));
    line("paid out to the merchant: " + yuan(paid.number("total_minor")) + " yuan", "payout", "");
    return {};
}

Result<void> QrStory::tell() {
    TRY_VOID(set_up());
    TRY_VOID(scans());
    TRY_VOID(shows());
    TRY_VOID(trouble());
    TRY_VOID(books());
    return bills();
}

}  // namespace

int run_demo_qr(const DemoFolder& where) {
    return run_demo(where, "OpenSoftPOS demo qr", [&where](const std::string& folder) {
        auto world = DemoWorld::start(folder, {.vault_keys = where.vault_keys});
        if (!world) return Result<void>(std::unexpected(world.error()));
        return QrStory(**world).tell();
    });
}

}  // namespace softpos::app
