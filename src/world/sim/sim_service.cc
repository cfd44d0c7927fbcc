// Joins the pure network host with sockets. One mutex guards the host: the frame thread and the
// control thread take it for one message or one command at a time.
#include "world/sim/sim_service.h"

#include "base/hex.h"
#include "base/log.h"
#include "base/money.h"
#include "base/pan.h"
#include "codec/cup_frame.h"
#include "codec/strict_json.h"
#include "crypto/cipher.h"
#include "crypto/kcv.h"
#include "crypto/pin_block.h"
#include "host/durable_file.h"
#include "net/frame_server.h"
#include "net/http_server.h"
#include "net/timer.h"
#include "world/sim/card_folder.h"
#include "world/sim/clearing.h"
#include "world/sim/wallet_service.h"

#include <boost/json.hpp>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <mutex>

namespace softpos::sim {
namespace {

namespace json = boost::json;

constexpr std::size_t data_bytes_max = std::size_t{256} * 1024;

net::HttpResponse answer_json(const json::value& body) {
    return {.status = 200, .body = json::serialize(body)};
}

net::HttpResponse refuse(Refusal refusal, const std::string& field = {}) {
    const RefusalRow& row = row_of(refusal);
    json::object inside{{"code", row.code},
                        {"class", name_of(row.klass)},
                        {"message_en", row.en},
                        {"message_zh", row.zh}};
    if (!field.empty()) inside["field"] = field;
    return {.status = row.http_status, .body = json::serialize(json::object{{"refusal", inside}})};
}

std::uint32_t date_of(const std::string& target) {
    const std::size_t at = target.find("date=");
    std::uint32_t date = 0;
    if (at != std::string::npos) {
        const char* begin = target.data() + at + 5;
        std::from_chars(begin, target.data() + target.size(), date);
    }
    return date;
}

}  // namespace

struct SimService::Impl {
    Impl(codec::Dialect loaded, pay::FeeTable fee_table, const SimConfig& config,
         const Clock& clock_in, Random& random_in)
        : dialect(std::move(loaded)),
          fees(std::move(fee_table)),
          cards_folder(config.cards_folder),
          address(config.address),
          clock(clock_in),
          random(random_in),
          host(dialect, config.network, issuer, random_in) {}

    codec::Dialect dialect;
    pay::FeeTable fees;
    std::string cards_folder;
    std::string address;
    const Clock& clock;
    Random& random;
    std::mutex mutex;
    Issuer issuer;
    NetworkHost host;
    FaultScript faults;
    SecretBytes zone_key;
    std::atomic<bool> open = true;
    net::TimerQueue timers;
    std::unique_ptr<WalletService> wallets;
    std::unique_ptr<net::FrameServer> frames;
    std::unique_ptr<net::HttpServer> control;

    void on_frame(const net::FrameConnection& connection, Bytes frame);
    net::HttpResponse on_control(const net::HttpRequest& request);
    net::HttpResponse on_wallets(const net::HttpRequest& request);
    net::HttpResponse post(const net::HttpRequest& request, const std::string& path);
    net::HttpResponse state();
    net::HttpResponse set_zone_key(codec::StrictJson& body);
    net::HttpResponse add_terminal(codec::StrictJson& body);
    net::HttpResponse add_account(codec::StrictJson& body);
    net::HttpResponse add_fault(codec::StrictJson& body);
    net::HttpResponse clearing(std::uint32_t date);
    FaultRule rule_for(Bytes message);
};

// What the fault rules look at is read once more from the bytes: the host stays unaware of them.
FaultRule SimService::Impl::rule_for(Bytes message) {
    if (faults.size() == 0) return {};
    codec::IsoMessage parsed(dialect);
    if (!codec::unpack(message, parsed)) return {};
    const std::string_view digits = parsed.text(4).value_or("0");
    std::int64_t amount = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), amount);
    return faults.match(parsed.mti(), amount, parsed.text(41).value_or(""));
}

void SimService::Impl::on_frame(const net::FrameConnection& connection, Bytes frame) {
    const auto parsed = codec::parse_frame(frame);
    if (!parsed) {
        log(LogLevel::warning, "network: bad frame", parsed.error());
        connection.close();
        return;
    }
    const std::lock_guard lock(mutex);
    const FaultRule rule = rule_for(parsed->message);
    if (rule.action != FaultAction::none) {
        log(LogLevel::info, "network: fault", {{"action", LogId(name_of(rule.action))}});
    }
    if (rule.action == FaultAction::no_request) return;
    auto answer = host.handle(parsed->message, clock.now());
    if (!answer) return;  // As a real host: no sense in it, no answer to it.
    FaultOutcome outcome = FaultScript::apply(rule, *std::move(answer));
    for (Delivery& delivery : outcome.deliveries) {
        Buffer framed = codec::build_frame({.tpdu = codec::answer_tpdu(parsed->tpdu),
                                            .header = parsed->header,
                                            .message = delivery.message});
        if (delivery.delay_ms == 0) {
            connection.send(std::move(framed));
            continue;
        }
        timers.after(delivery.delay_ms,
                     [connection, framed = std::move(framed)] { connection.send(framed); });
    }
    if (outcome.close) connection.close();
}

net::HttpResponse SimService::Impl::state() {
    const NetworkCounters& counters = host.counters();
    return answer_json(json::object{{"business_date", host.business_date()},
                                    {"messages", counters.messages},
                                    {"approved", counters.approved},
                                    {"declined", counters.declined},
                                    {"reversed", counters.reversed},
                                    {"repeated", counters.repeated},
                                    {"mac_failures", counters.mac_failures},
                                    {"malformed", counters.malformed},
                                    {"sign_ins", counters.sign_ins},
                                    {"sign_outs", counters.sign_outs},
                                    {"echoes", counters.echoes},
                                    {"fault_rules", faults.size()},
                                    {"accounts_total_minor", issuer.total_minor()}});
}

net::HttpResponse SimService::Impl::set_zone_key(codec::StrictJson& body) {
    auto components = body.objects("components", 3);
    SecretBytes key(16);
    if (components.size() < 2) body.fault(Refusal::bad_value, "components");
    for (codec::StrictJson& component : components) {
        Buffer part = component.hex("value", 16, 16);
        for (std::size_t i = 0; i < part.size(); ++i) key.writable()[i] ^= part[i];
        wipe(part);
    }
    if (const auto fault = body.finish()) return refuse(fault->refusal, fault->field);
    zone_key = std::move(key);
    const auto check = crypto::ecb_encrypt(crypto::Cipher::tdes, zone_key.bytes(), Buffer(8, 0));
    return answer_json(json::object{{"check_value", to_hex(Bytes(*check).first(3))}});
}

net::HttpResponse SimService::Impl::add_terminal(codec::StrictJson& body) {
    const std::string terminal = body.text("terminal_id", 8);
    const std::string merchant = body.text("merchant_id", 15);
    const Buffer cryptogram = body.hex("master_key", 16, 16);
    const Buffer check_value = body.hex("check_value", 3, 4);
    if (terminal.size() != 8) body.fault(Refusal::bad_value, "terminal_id");
    if (merchant.size() != 15) body.fault(Refusal::bad_value, "merchant_id");
    if (const auto fault = body.finish()) return refuse(fault->refusal, fault->field);
    if (zone_key.empty()) return refuse(Refusal::bad_value, "zone_key");
    auto key = crypto::ecb_decrypt_secret(crypto::Cipher::tdes, zone_key.bytes(), cryptogram);
    if (!key) return refuse(Refusal::bad_value, "master_key");
    const auto check = crypto::ecb_encrypt(crypto::Cipher::tdes, key->bytes(), Buffer(8, 0));
    if (!check || !std::ranges::equal(Bytes(*check).first(check_value.size()), check_value)) {
        return refuse(Refusal::bad_value, "check_value");
    }
    if (!host.register_terminal(terminal, merchant, *std::move(key))) {
        return refuse(Refusal::bad_value, "master_key");
    }
    return answer_json(json::object{{"terminal_id", terminal}});
}

// By number, or by the name of a card in the folder.
net::HttpResponse SimService::Impl::add_account(codec::StrictJson& body) {
    const std::string name = body.optional_text("card", 64).value_or("");
    std::string pan = body.optional_text("pan", 19).value_or("");
    const std::int64_t balance = body.integer("balance_minor", 0, amount_minor_max);
    const std::string pin = body.optional_text("pin", 12).value_or("");
    if (!pin.empty() && !crypto::Pin::parse(bytes_of(pin))) body.fault(Refusal::bad_value, "pin");
    if (pan.empty() && !name.empty()) {
        const auto card = load_card(cards_folder, name);
        if (card) pan = card->profile().pan.clear_digits();
    }
    if (!Pan::parse(pan)) body.fault(Refusal::bad_value, name.empty() ? "pan" : "card");
    if (const auto fault = body.finish()) return refuse(fault->refusal, fault->field);
    issuer.open_account(pan, balance, pin);
    return answer_json(json::object{{"card", mask_pan(pan)}, {"balance_minor", balance}});
}

net::HttpResponse SimService::Impl::add_fault(codec::StrictJson& body) {
    const auto action = fault_action_of(body.text("action", 16));
    if (!action) body.fault(Refusal::bad_value, "action");
    FaultRule rule;
    rule.action = action.value_or(FaultAction::none);
    rule.mti = body.optional_text("mti", 4).value_or("");
    rule.amount_minor = body.optional_integer("amount_minor", 0, amount_minor_max);
    rule.terminal_id = body.optional_text("terminal_id", 8).value_or("");
    rule.skip = static_cast<std::uint32_t>(body.optional_integer("skip", 0, 1'000'000).value_or(0));
    rule.times =
        static_cast<std::uint32_t>(body.optional_integer("times", 0, 1'000'000).value_or(1));
    rule.delay_ms =
        static_cast<std::uint32_t>(body.optional_integer("delay_ms", 0, 600'000).value_or(0));
    if (const auto fault = body.finish()) return refuse(fault->refusal, fault->field);
    if (!faults.add(std::move(rule))) return refuse(Refusal::too_many_requests);
    return answer_json(json::object{{"fault_rules", faults.size()}});
}

net::HttpResponse SimService::Impl::clearing(std::uint32_t date) {
    const auto file = write_clearing(host, date, fees);
    if (!file) return refuse(Refusal::bad_value, "date");
    return {.status = 200, .content_type = "text/plain", .body = *file};
}

net::HttpResponse SimService::Impl::post(const net::HttpRequest& request, const std::string& path) {
    codec::StrictJson body(request.body);
    if (path == "/v1/zone-key") return set_zone_key(body);
    if (path == "/v1/terminals") return add_terminal(body);
    if (path == "/v1/accounts") return add_account(body);
    if (path == "/v1/faults") return add_fault(body);
    const bool clear = path == "/v1/faults/clear";
    const bool cut_over = path == "/v1/cut-over";
    if (!clear && !cut_over) return refuse(Refusal::no_such_path);
    if (const auto fault = body.finish()) return refuse(fault->refusal, fault->field);
    if (clear) {
        faults.clear();
        return answer_json(json::object{{"fault_rules", 0}});
    }
    const std::uint32_t ended = host.business_date();
    host.cut_over();
    log(LogLevel::info, "network: cut-over", {{"ended", std::int64_t{ended}}});
    return clearing(ended);
}

// The wallets stand up when they are first spoken of: their keys take a moment. Without the mutex
// of the network: a notice waits for the platform.
net::HttpResponse SimService::Impl::on_wallets(const net::HttpRequest& request) {
    {
        const std::lock_guard lock(mutex);
        if (!wallets) {
            auto started = WalletService::start(address, clock, random);
            if (!started) return refuse(Refusal::internal);
            wallets = *std::move(started);
        }
    }
    return wallets->control(request, fees).value_or(refuse(Refusal::no_such_path));
}

net::HttpResponse SimService::Impl::on_control(const net::HttpRequest& request) {
    if (request.target.starts_with("/v1/wallets")) return on_wallets(request);
    const std::lock_guard lock(mutex);
    const std::string path = request.target.substr(0, request.target.find('?'));
    if (request.method == "POST") return post(request, path);
    if (request.method != "GET") return refuse(Refusal::bad_method);
    if (path == "/v1/state") return state();
    if (path == "/v1/clearing") return clearing(date_of(request.target));
    return refuse(Refusal::no_such_path);
}

SimService::SimService(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

SimService::~SimService() {
    // Both servers join before what they call goes away.
    impl_->control.reset();
    impl_->frames.reset();
}

std::uint16_t SimService::network_port() const {
    return impl_->frames->port();
}
std::uint16_t SimService::control_port() const {
    return impl_->control->port();
}

Result<std::unique_ptr<SimService>> SimService::start(const SimConfig& config, const Clock& clock,
                                                      Random& random) {
    const Buffer dialect_text = TRY(host::read_file(config.dialect_path, data_bytes_max));
    auto dialect = TRY(codec::Dialect::parse(text_of(dialect_text)));
    const Buffer fee_text = TRY(host::read_file(config.fees_path, data_bytes_max));
    auto fees = TRY(pay::FeeTable::parse(text_of(fee_text)));
    auto impl = std::make_unique<Impl>(std::move(dialect), std::move(fees), config, clock, random);
    TRY_VOID(load_issuers(config.cards_folder, impl->issuer));
    Impl* const self = impl.get();
    impl->frames = TRY(net::FrameServer::listen(
        {.address = config.address, .port = config.network_port},
        [self](net::FrameConnection from, Bytes frame) { self->on_frame(from, frame); }));
    net::HttpServerConfig control;
    control.address = config.address;
    control.port = config.control_port;
    impl->control = TRY(
        net::HttpServer::listen(control, [self](net::HttpRequest request, net::Responder respond) {
            respond(self->on_control(request));
        }));
    return std::unique_ptr<SimService>(new SimService(std::move(impl)));
}

}  // namespace softpos::sim
