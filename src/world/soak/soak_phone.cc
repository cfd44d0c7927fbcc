// One deal after another; each is a chain of requests that are repeated until answered.
#include "world/soak/soak_phone.h"

#include "crypto/x509.h"
#include "protocol/spa.h"

#include <boost/json.hpp>

#include <utility>

namespace softpos::soak {
namespace {

namespace json = boost::json;

constexpr std::int64_t answer_ms = 60'000;
constexpr std::int64_t minute_ms = 60'000;
constexpr std::string_view alipay_code = "283456789012345678";
constexpr std::string_view unionpay_code = "6251000000000012345";
constexpr std::string_view wechat_code = "134567890123456789";

}  // namespace

Result<void> SoakPhone::enrolled() {
    fingerprint_ = TRY(crypto::certificate_fingerprint(phone_->certificate_pem()));
    name_ = TRY(crypto::certificate_common_name(phone_->certificate_pem()));
    return {};
}

void SoakPhone::open() {
    open_ = true;
    next_customer();
}

void SoakPhone::next_customer() {
    constexpr std::uint64_t minutes_max = 30;
    const auto ms = static_cast<std::int64_t>(parts_.scheduler.below(minutes_max * minute_ms));
    life_.after_us(ms * 1000, [this] {
        if (!open_) return;
        if (deal_ == nullptr) begin();
        next_customer();
    });
}

// One in four is about money that goes back.
void SoakPhone::begin() {
    Scheduler& scheduler = parts_.scheduler;
    const std::uint64_t choice = scheduler.below(8);
    if (choice >= 6 && !sales_.empty()) return follow_up(choice == 6 ? "void" : "refund");
    constexpr std::uint64_t fen_max = 30'000;
    deal_ = std::make_unique<Deal>();
    deal_->kind = "purchase";
    deal_->number = ++deals_;
    deal_->key = Id128::make(scheduler.random());
    deal_->amount_minor = static_cast<std::int64_t>(scheduler.below(fen_max)) + 1;
    deal_->target = "/v1/phone/payments";
    if (choice == 3 || choice == 4) {
        deal_->purpose = protocol::PermitPurpose::qr_scan;
        const std::array codes{alipay_code, wechat_code, unionpay_code};
        deal_->code = codes.at(scheduler.below(codes.size()));
    } else if (choice == 5) {
        deal_->purpose = protocol::PermitPurpose::qr_show;
        const std::array<std::string_view, 3> channels{"alipay", "wechat", "unionpay"};
        deal_->code = channels.at(scheduler.below(channels.size()));
    }
    if (choice >= 3) deal_->target += "/wallet";
    if (choice >= 3 && choice < 5 && parts_.faults.payers) {
        const std::uint64_t mood = scheduler.below(10);
        sim::WalletRule rule{.call = "pay", .action = "userpaying"};
        rule.delay_ms = static_cast<std::int64_t>(scheduler.below(40'000));
        if (mood == 0) rule.delay_ms = -1;
        if (mood == 1) rule.action = "system_error";
        if (mood == 2) rule.action = "refuse";
        if (mood < 5) parts_.network.wallets().add(rule);
    }
    scheduler.note(phone_->terminal() + " sells for " + std::to_string(deal_->amount_minor) + " " +
                   deal_->code);
    ask_permit();
}

void SoakPhone::follow_up(const std::string& kind) {
    Scheduler& scheduler = parts_.scheduler;
    Sale& sale = sales_[scheduler.below(sales_.size())];
    deal_ = std::make_unique<Deal>();
    deal_->kind = kind;
    deal_->number = ++deals_;
    deal_->key = Id128::make(scheduler.random());
    deal_->original = sale.payment;
    deal_->amount_minor = kind == "void" ? sale.amount_minor
                                         : 1 + static_cast<std::int64_t>(scheduler.below(
                                                   static_cast<std::uint64_t>(sale.amount_minor)));
    deal_->target = "/v1/phone/payments/" + sale.payment + "/" + kind;
    json::object body{{"idempotency_key", deal_->key.text()}};
    if (kind == "refund") body["amount_minor"] = deal_->amount_minor;
    deal_->body = json::serialize(body);
    scheduler.note(phone_->terminal() + " " + kind + " of " + sale.payment);
    post();
}

// Calls back once: with the answer, or with nothing where none came in time.
void SoakPhone::call(const net::HttpRequest& request,
                     std::function<void(const net::HttpResponse*)> then) {
    const auto once = std::make_shared<bool>(false);
    const auto take = [once, then = std::move(then)](const net::HttpResponse* response) {
        if (!std::exchange(*once, true)) then(response);
    };
    life_.after_us(answer_ms * 1000, [take] { take(nullptr); });
    net::HttpRequest named = request;
    named.peer_common_name = name_;
    named.peer_fingerprint = fingerprint_;
    named.peer_address = "192.0.2.7";
    parts_.network.travel(life_, "to the platform", [this, named, take] {
        parts_.to_service(named, [this, take](const net::HttpResponse& response) {
            parts_.network.travel(life_, "to the phone", [response, take] { take(&response); });
        });
    });
}

void SoakPhone::ask_permit() {
    const auto asked = phone_->prepare_permit(deal_->amount_minor, deal_->purpose);
    if (!asked) {
        parts_.scheduler.note(phone_->terminal() + " core refuses");
        return deal_.reset();
    }
    const net::HttpRequest request{.method = "POST",
                                   .target = "/v1/spa",
                                   .headers = {{"content-type", "application/cbor"}},
                                   .body = std::string(text_of(protocol::encode(*asked)))};
    call(request, [this](const net::HttpResponse* response) {
        if (response != nullptr) return on_permit(*response);
        constexpr unsigned tries_max = 5;
        if (++deal_->tries < tries_max && open_) return ask_permit();
        deal_.reset();
    });
}

void SoakPhone::on_permit(const net::HttpResponse& response) {
    Scheduler& scheduler = parts_.scheduler;
    const auto answer = protocol::decode_spa_answer(bytes_of(response.body));
    auto permit = answer ? phone_->take_permit(*answer) : std::unexpected(answer.error());
    if (!permit) {
        scheduler.note(phone_->terminal() + " gets no permit");
        return deal_.reset();
    }
    const bool taps = deal_->purpose == protocol::PermitPurpose::tap;
    auto body = taps ? phone_->tap_under(*std::move(permit), deal_->amount_minor, deal_->key,
                                         scheduler.now())
                     : sim::FleetPhone::wallet_body_under(
                           *permit, {deal_->amount_minor, deal_->key, deal_->purpose, deal_->code});
    if (!body) {
        scheduler.note(phone_->terminal() + " does not tap");
        return deal_.reset();
    }
    deal_->body = *std::move(body);
    deal_->tries = 0;
    post();
}

// The same body again and again: its key makes it the same payment.
void SoakPhone::post() {
    call({.method = "POST",
          .target = deal_->target,
          .headers = {{"content-type", "application/json"}},
          .body = deal_->body},
         [this](const net::HttpResponse* response) {
             if (response == nullptr) return post();
             on_answer(codec::JsonDocument(response->body), response->status);
         });
}

void SoakPhone::on_answer(const codec::JsonDocument& answer, unsigned status) {
    Scheduler& scheduler = parts_.scheduler;
    const std::string result = answer.text("result");
    if (!answer.text("payment_id").empty()) deal_->payment = answer.text("payment_id");
    if (result == "approved" || result == "declined") return ended(result == "approved");
    const std::string refusal = answer.text("refusal.code");
    if (result != "indeterminate") {
        scheduler.note(phone_->terminal() + " hears " + std::to_string(status) + " " + refusal);
        // What may pass is tried again; what is final ends it, with no payment.
        const bool passes = status >= 500 || refusal == "PAYMENT_IN_PROGRESS" || status == 429;
        if (!passes) return deal_.reset();
        life_.after_us(5'000'000, [this] { deal_->payment.empty() ? post() : ask_again(); });
        return;
    }
    const std::string code = answer.text("code");
    if (!code.empty() && deal_->tries++ == 0) {
        if (scheduler.below(4) == 0) {
            const std::string target = "/v1/phone/payments/" + deal_->payment + "/give-up";
            call({.method = "POST", .target = target, .body = "{}"},
                 [](const net::HttpResponse*) {});
        } else {
            const auto ms = static_cast<std::int64_t>(scheduler.below(60'000));
            life_.after_us(ms * 1000, [this, code] {
                const auto notice = parts_.network.wallets().scan(code, "payer-7");
                if (!notice) return;
                parts_.scheduler.note("a payer pays");
                const std::size_t path = notice->url.find("/v1/");
                net::HttpRequest told{.method = "POST",
                                      .target = notice->url.substr(path),
                                      .headers = notice->headers,
                                      .body = notice->body};
                told.headers.push_back({"content-type", notice->content_type});
                told.peer_address = "wallet";
                parts_.network.travel(life_, "of a notice", [this, told] {
                    parts_.to_service(told, [](const net::HttpResponse&) {});
                });
            });
        }
    }
    const auto ms = 2'000 + static_cast<std::int64_t>(scheduler.below(10'000));
    life_.after_us(ms * 1000, [this] { ask_again(); });
}

void SoakPhone::ask_again() {
    call({.method = "GET", .target = "/v1/phone/payments/" + deal_->payment},
         [this](const net::HttpResponse* response) {
             if (response == nullptr) return ask_again();
             on_answer(codec::JsonDocument(response->body), response->status);
         });
}

void SoakPhone::ended(bool approved) {
    const Deal deal = *deal_;
    deal_.reset();
    parts_.scheduler.note(phone_->terminal() + " " + deal.kind + " " + deal.payment +
                          (approved ? " approved" : " declined"));
    const auto [at, first] =
        told_.try_emplace(deal.payment, Told{approved, deal.kind, deal.amount_minor});
    if (!first && at->second.approved != approved) contradiction_ = deal.payment;
    if (!approved) return;
    constexpr std::size_t sales_max = 12;
    if (deal.kind == "purchase") {
        sales_.push_back({deal.payment, deal.amount_minor, deal.amount_minor});
        if (sales_.size() > sales_max) sales_.erase(sales_.begin());
    }
    if (deal.kind == "void") {
        std::erase_if(sales_, [&](const Sale& sale) { return sale.payment == deal.original; });
    }
}

}  // namespace softpos::soak
