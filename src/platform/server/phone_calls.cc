// Strict JSON in, the engine or the store asked, one answer out.
#include "platform/server/phone_calls.h"

#include "base/hex.h"
#include "base/log.h"
#include "codec/strict_json.h"
#include "crypto/hash.h"
#include "platform/server/answers.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cctype>
#include <utility>

namespace softpos::server {
namespace {

namespace json = boost::json;
using codec::StrictJson;

constexpr unsigned phone_certificate_days = 90;
constexpr std::size_t csr_bytes_max = 4096;
constexpr std::size_t code_size_max = 32;
// The first half of an initial key id names the base key, the second the terminal.
// Spec: [X9.24-3] 6.1.
constexpr std::array<std::uint8_t, 4> base_key_id = {0x53, 0x50, 0x4F, 0x53};

constexpr std::array<std::string_view, 4> card_methods = {"none", "online_pin", "confirmation_code",
                                                          "signature"};

bool same_fingerprint(std::string_view a, std::string_view b) {
    return std::ranges::equal(
        a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

struct EnrolRequest {
    std::string code, csr, model, os, app_version;
    Buffer trusted_point, measurement;
    crypto::Sha256Digest code_digest{};
};

// What an enrolment makes on its way.
struct Enrolment {
    Refusal refused = Refusal::none;
    merchant::Terminal terminal;
    std::string merchant_name;
    std::string certificate;
    Buffer envelope;
};

// Whether the code opens a terminal of an active merchant. Changes nothing but `into`.
Result<void> look_up(store::Tx& tx, const EnrolRequest& request, Instant now, Enrolment& into) {
    auto code = TRY(tx.activation_code(request.code_digest));
    into.refused = code ? redeem(*code, now) : Refusal::activation_code_invalid;
    if (into.refused != Refusal::none) return {};
    const auto terminal = TRY(tx.terminal(code->terminal));
    const auto merchant = TRY(tx.merchant(code->merchant));
    if (!terminal || !merchant || merchant->state != merchant::MerchantState::active) {
        into.refused = Refusal::merchant_not_active;
        return {};
    }
    into.terminal = *terminal;
    into.merchant_name = merchant->name;
    return {};
}

EnrolRequest read_enrol(StrictJson& body) {
    EnrolRequest request;
    request.code = body.text("activation_code", code_size_max);
    request.csr = body.lines("csr_pem", csr_bytes_max);
    request.trusted_point = body.hex("ta_public_point", 65, 65);
    request.measurement = body.hex("measurement", 32, 32);
    StrictJson device = body.object("device");
    request.model = device.text("model", merchant::device_text_bytes_max);
    request.os = device.text("os", merchant::device_text_bytes_max);
    request.app_version = device.text("app_version", merchant::device_text_bytes_max);
    return request;
}

// The certificate of the phone, and its initial key under the public key of its trusted core.
Result<void> make_keys(const PhoneCalls::Parts& parts, const EnrolRequest& request,
                       Enrolment& into) {
    into.certificate = TRY(crypto::sign_csr(parts.ca, request.csr,
                                            {.common_name = into.terminal.id.text(),
                                             .now = parts.clock.now(),
                                             .days = phone_certificate_days}));
    into.terminal.certificate_fingerprint = TRY(crypto::certificate_fingerprint(into.certificate));
    into.envelope = TRY(parts.vault.export_dukpt_initial_key(
        phone_bdk_alias, into.terminal.initial_key_id, request.trusted_point));
    return {};
}

// Uses the code up, and writes what the terminal is now.
Result<void> keep(const PhoneCalls::Parts& parts, const EnrolRequest& request, Enrolment& into) {
    return parts.store.run([&](store::Tx& tx) -> Result<void> {
        auto code = TRY(tx.activation_code(request.code_digest));
        into.refused = code ? redeem(*code, parts.clock.now()) : Refusal::activation_code_invalid;
        if (into.refused != Refusal::none) return {};
        merchant::Terminal& terminal = into.terminal;
        terminal.state = TRY(next_state(terminal.state, merchant::TerminalAction::enrol));
        terminal.device_model = request.model;
        terminal.device_os = request.os;
        terminal.app_version = request.app_version;
        terminal.trusted_point = request.trusted_point;
        terminal.measurement = request.measurement;
        terminal.enrolled_at = parts.clock.now();
        TRY_VOID(tx.update(*code));
        return tx.update(terminal);
    });
}

}  // namespace

void PhoneCalls::handle(net::HttpRequest request, net::Responder respond) {
    const std::string_view path = path_of(request.target);
    if (path == "/v1/phone/enrol") {
        if (request.method != "POST") return respond(refuse(Refusal::bad_method));
        return enrol(request, respond);
    }
    if (!path.starts_with("/v1/phone/payments")) return respond(refuse(Refusal::no_such_path));
    if (request.peer_common_name.empty()) return respond(refuse(Refusal::no_credentials));
    const auto queued = parts_.workers.post([this, request = std::move(request), respond] {
        const auto terminal = terminal_of(request);
        if (!terminal) return respond(refuse(Refusal::bad_credentials));
        payments(request, respond, *terminal);
    });
    if (!queued) respond(refuse(Refusal::too_many_requests));
}

// The certificate's name is the terminal's id, and its fingerprint the one of the last enrolment.
std::optional<merchant::Terminal> PhoneCalls::terminal_of(const net::HttpRequest& request) {
    const auto id = Id128::parse(request.peer_common_name);
    if (!id) return std::nullopt;
    std::optional<merchant::Terminal> terminal;
    {
        const std::lock_guard lock(mutex_);
        if (const auto known = known_.find(*id); known != known_.end()) terminal = known->second;
    }
    if (!terminal) {
        const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
            terminal = TRY(reader.terminal(*id));
            return {};
        });
        if (!read || !terminal) return std::nullopt;
        const std::lock_guard lock(mutex_);
        known_[*id] = *terminal;
    }
    if (!same_fingerprint(terminal->certificate_fingerprint, request.peer_fingerprint)) {
        return std::nullopt;
    }
    return terminal;
}

void PhoneCalls::forget(const Id128& terminal) {
    const std::lock_guard lock(mutex_);
    known_.erase(terminal);
}

// Whoever guesses codes is slowed down; whoever has good ones is not.
void PhoneCalls::enrol(const net::HttpRequest& request, const net::Responder& respond) {
    const std::uint64_t source = std::hash<std::string>()(request.peer_address);
    const bool queued = parts_.workers.post([this, source, body = request.body, respond] {
        {
            const std::lock_guard lock(mutex_);
            if (attempts_.blocked(source, parts_.clock.ticks())) {
                return respond(refuse(Refusal::too_many_requests));
            }
        }
        net::HttpResponse answer = enrol_now(body);
        if (answer.body.contains(row_of(Refusal::activation_code_invalid).code)) {
            const std::lock_guard lock(mutex_);
            attempts_.allow(source, parts_.clock.ticks());
        }
        respond(std::move(answer));
    });
    if (!queued) respond(refuse(Refusal::too_many_requests));
}

// Keys and certificate are made between two commits, so that the vault is never waited for inside
// one; the code counts as used only by the second.
net::HttpResponse PhoneCalls::enrol_now(const std::string& body) {
    StrictJson json(body);
    EnrolRequest request = read_enrol(json);
    if (const auto fault = json.finish()) return refuse(*fault);
    const auto code = merchant::normal_activation_code(request.code);
    if (!code) return refuse(Refusal::activation_code_invalid);
    request.code_digest = crypto::sha256(bytes_of(*code));

    Enrolment enrolment;
    auto done = parts_.store.run([&](store::Tx& tx) -> Result<void> {
        TRY_VOID(look_up(tx, request, parts_.clock.now(), enrolment));
        if (enrolment.refused != Refusal::none) return {};
        const auto number = TRY(tx.next_number("initial_key"));
        auto& key_id = enrolment.terminal.initial_key_id;
        std::ranges::copy(base_key_id, key_id.begin());
        for (unsigned i = 0; i < 4; ++i) {
            key_id[4 + i] = static_cast<std::uint8_t>(number >> (24 - 8 * i));
        }
        return {};
    });
    if (done && enrolment.refused == Refusal::none) done = make_keys(parts_, request, enrolment);
    if (done && enrolment.refused == Refusal::none) done = keep(parts_, request, enrolment);
    if (!done) {
        log(LogLevel::warning, "phone: enrolment failed", done.error());
        const bool away = done.error().kind == ErrorKind::unavailable;
        return refuse(away ? Refusal::vault_unavailable : refusal_of(done.error()));
    }
    if (enrolment.refused != Refusal::none) return refuse(enrolment.refused);
    const merchant::Terminal& terminal = enrolment.terminal;
    forget(terminal.id);
    log(LogLevel::info, "phone: enrolled",
        {{"terminal", LogId(terminal.number)}, {"merchant", LogId(terminal.merchant)}});
    return {
        .status = 200,
        .body = json::serialize(json::object{{"terminal_id", terminal.number},
                                             {"merchant_id", terminal.merchant},
                                             {"merchant_name", enrolment.merchant_name},
                                             {"certificate_pem", enrolment.certificate},
                                             {"ca_pem", parts_.ca.cert_pem},
                                             {"initial_key_id", to_hex(terminal.initial_key_id)},
                                             {"key_envelope", to_hex(enrolment.envelope)},
                                             {"emv_parameters", parts_.emv_parameters}})};
}

void PhoneCalls::payments(const net::HttpRequest& request, net::Responder respond,
                          const merchant::Terminal& terminal) {
    const std::string_view path = path_of(request.target);
    if (request.method == "GET") return find(request, std::move(respond), terminal);
    if (request.method != "POST") return respond(refuse(Refusal::bad_method));
    if (path == "/v1/phone/payments") return purchase(request, std::move(respond), terminal);
    if (const auto id = match_path(path, "/v1/phone/payments/{}/void")) {
        return follow_up(request, std::move(respond), terminal, *id, pay::PaymentKind::void_sale);
    }
    if (const auto id = match_path(path, "/v1/phone/payments/{}/refund")) {
        return follow_up(request, std::move(respond), terminal, *id, pay::PaymentKind::refund);
    }
    respond(refuse(Refusal::no_such_path));
}

void PhoneCalls::purchase(const net::HttpRequest& request, net::Responder respond,
                          const merchant::Terminal& terminal) {
    StrictJson body(request.body);
    PaymentOrder order;
    order.terminal = terminal;
    const auto key = Id128::parse(body.text("idempotency_key", 32));
    const std::string kind = body.text("kind", 16);
    order.amount_minor = body.integer("amount_minor", 1, amount_minor_max);
    const std::string currency = body.text("currency", 3);
    order.reference = body.optional_text("reference", pay::reference_bytes_max).value_or("");
    StrictJson card = body.object("card");
    const Buffer ksn = card.hex("ksn", 12, 12);
    order.card.ciphertext = card.hex("ciphertext", 17, protocol::sealed_card_bytes_max);
    order.card_method = card.text("cvm", 24);
    const std::string entry = card.text("entry", 16);
    if (!key) body.fault(Refusal::bad_value, "idempotency_key");
    if (kind != "purchase") body.fault(Refusal::bad_value, "kind");
    if (currency != "CNY") body.fault(Refusal::bad_value, "currency");
    if (entry != "contactless") card.fault(Refusal::bad_value, "entry");
    if (std::ranges::find(card_methods, order.card_method) == card_methods.end()) {
        card.fault(Refusal::bad_value, "cvm");
    }
    if (const auto fault = body.finish()) return respond(refuse(*fault));
    std::ranges::copy(ksn, order.card.ksn.begin());
    order.idempotency_key = *key;
    order.body_digest = crypto::sha256(bytes_of(request.body));
    submit(std::move(order), std::move(respond));
}

void PhoneCalls::follow_up(const net::HttpRequest& request, net::Responder respond,
                           const merchant::Terminal& terminal, std::string_view original,
                           pay::PaymentKind kind) {
    StrictJson body(request.body);
    PaymentOrder order;
    order.terminal = terminal;
    order.kind = kind;
    const auto key = Id128::parse(body.text("idempotency_key", 32));
    if (!key) body.fault(Refusal::bad_value, "idempotency_key");
    if (kind == pay::PaymentKind::refund) {
        order.amount_minor = body.integer("amount_minor", 1, amount_minor_max);
    }
    if (const auto fault = body.finish()) return respond(refuse(*fault));
    const auto id = Id128::parse(original);
    if (!id) return respond(refuse(Refusal::not_found));
    order.idempotency_key = *key;
    order.original = *id;
    Buffer digest_input(id->bytes.begin(), id->bytes.end());
    digest_input.push_back(static_cast<std::uint8_t>(kind));
    append(digest_input, bytes_of(request.body));
    order.body_digest = crypto::sha256(digest_input);
    submit(std::move(order), std::move(respond));
}

void PhoneCalls::submit(PaymentOrder order, net::Responder respond) {
    parts_.engine.submit(std::move(order), [respond](const PaymentReply& reply) {
        respond(reply.payment ? payment_answer(*reply.payment) : refuse(reply.refusal));
    });
}

void PhoneCalls::find(const net::HttpRequest& request, net::Responder respond,
                      const merchant::Terminal& terminal) {
    respond(find_now(request.target, terminal));
}

// By id, by idempotency key, or the last one; only of this terminal's merchant.
net::HttpResponse PhoneCalls::find_now(const std::string& target,
                                       const merchant::Terminal& terminal) {
    const std::string_view path = path_of(target);
    const auto by_path = match_path(path, "/v1/phone/payments/{}");
    const auto by_key = query_of(target, "idempotency_key");
    const bool last = query_of(target, "last") == "1";
    const auto id = Id128::parse(by_path.value_or(by_key.value_or("")));
    if (!id && (by_path || by_key)) return refuse(Refusal::not_found);
    if (!by_path && (path != "/v1/phone/payments" || (!by_key && !last))) {
        return refuse(Refusal::no_such_path);
    }
    std::optional<pay::Payment> payment;
    const auto read = parts_.store.read([&](store::Reader& reader) -> Result<void> {
        if (by_path) {
            payment = TRY(reader.payment(*id));
        } else if (by_key) {
            payment = TRY(reader.payment_by_key(terminal.merchant, *id));
        } else {
            payment = TRY(reader.last_payment(terminal.merchant, terminal.number));
        }
        return {};
    });
    if (!read) return refuse(Refusal::store_unavailable);
    if (!payment || payment->merchant != terminal.merchant) return refuse(Refusal::not_found);
    return payment_answer(*payment);
}

}  // namespace softpos::server
