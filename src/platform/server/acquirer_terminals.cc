// Terminals are made: a number, keys, and either a code for a phone or a policy for what is none.
#include "base/check.h"
#include "base/hex.h"
#include "base/log.h"
#include "codec/strict_json.h"
#include "crypto/hash.h"
#include "platform/merchant/application.h"
#include "platform/merchant/numbers.h"
#include "platform/pay/shard.h"
#include "platform/server/acquirer_answers.h"
#include "platform/server/acquirer_calls.h"

#include <boost/json.hpp>

#include <algorithm>
#include <tuple>
#include <utility>

namespace softpos::server {

namespace json = boost::json;
using codec::StrictJson;

namespace {

json::object key_object(const keys::MasterKeyExport& key) {
    return {{"master_key", to_hex(key.cryptogram)}, {"check_value", to_hex(key.check_value)}};
}

store::ClassicRow read_classic(StrictJson& json) {
    store::ClassicRow row;
    row.purchase = json.boolean("purchase");
    row.void_sale = json.boolean("void");
    row.refund = json.boolean("refund");
    row.amount_max_minor = json.integer("amount_max_minor", 0, amount_minor_max);
    return row;
}

}  // namespace

// Where the terminal will stand, and what it gets: numbers, keys, and a code for its phone.
struct AcquirerCalls::NewTerminal {
    merchant::Terminal terminal;
    std::optional<merchant::Merchant> merchant;
    std::string address;  // Empty: the merchant's.
    std::optional<std::int64_t> latitude_e6, longitude_e6;
    std::optional<store::ClassicRow> classic;  // Of a terminal that is no phone.
    Refusal refused = Refusal::none;
};

Result<void> AcquirerCalls::number_terminal(NewTerminal& made) {
    return parts_.store.run([&](store::Tx& tx) -> Result<void> {
        made.merchant = TRY(tx.merchant(made.terminal.merchant));
        if (!made.merchant) made.refused = Refusal::not_found;
        if (made.merchant && made.merchant->state != merchant::MerchantState::active) {
            made.refused = Refusal::merchant_not_active;
        }
        if (made.refused != Refusal::none) return {};
        const auto number = static_cast<std::uint64_t>(TRY(tx.next_number("terminal")));
        const auto serial = static_cast<std::uint64_t>(TRY(tx.next_number("serial")));
        made.terminal.number = TRY(merchant::terminal_number(number));
        if (made.terminal.serial.empty()) {
            made.terminal.serial = TRY(merchant::serial_number(parts_.maker_id, serial));
        }
        return {};
    });
}

// The terminal, its code or its policy, and its place in the register: the serial number bound to
// the elements.
Result<void> AcquirerCalls::keep_terminal(const NewTerminal& made,
                                          const merchant::ActivationCode* code) {
    const merchant::Merchant& merchant = *made.merchant;
    store::RegistryChange filed{.reason = "created", .row = {}};
    store::RegistryRow& row = filed.row;
    row.terminal = made.terminal.number;
    row.serial = made.terminal.serial;
    row.acquirer = parts_.acquirer_code;
    row.merchant = merchant.number;
    row.licence = merchant.licence.digest;
    row.account = merchant.bank_account.digest;
    row.address = made.address.empty() ? merchant.address : made.address;
    row.placed = made.latitude_e6 && made.longitude_e6;
    row.latitude_e6 = static_cast<std::int32_t>(made.latitude_e6.value_or(0));
    row.longitude_e6 = static_cast<std::int32_t>(made.longitude_e6.value_or(0));
    row.changed_at = made.terminal.created_at;
    return parts_.store.run([&](store::Tx& tx) -> Result<void> {
        TRY_VOID(tx.insert(made.terminal));
        TRY_VOID(tx.insert(filed));
        return code != nullptr ? tx.insert(*code) : tx.insert(*made.classic);
    });
}

net::HttpResponse AcquirerCalls::add_terminal(std::string_view number, const std::string& body) {
    constexpr std::int64_t latitude_e6_max = 90'000'000;
    constexpr std::int64_t longitude_e6_max = 180'000'000;
    StrictJson json(body.empty() ? "{}" : std::string_view(body));
    NewTerminal made;
    made.address = json.optional_text("address", merchant::text_bytes_max).value_or("");
    made.latitude_e6 = json.optional_integer("latitude_e6", -latitude_e6_max, latitude_e6_max);
    made.longitude_e6 = json.optional_integer("longitude_e6", -longitude_e6_max, longitude_e6_max);
    if (made.latitude_e6.has_value() != made.longitude_e6.has_value()) {
        json.fault(Refusal::missing_field, made.latitude_e6 ? "longitude_e6" : "latitude_e6");
    }
    if (json.has("classic")) {
        StrictJson classic = json.object("classic");
        made.terminal.serial =
            classic.optional_text("serial_number", protocol::terminal_serial_bytes_max)
                .value_or("");
        // It goes into field 59 of every sale: what does not fit there is no number.
        const auto printable = [](char c) { return c > ' ' && c <= '~'; };
        if (!std::ranges::all_of(made.terminal.serial, printable)) {
            classic.fault(Refusal::bad_value, "serial_number");
        }
        made.classic = read_classic(classic);
    }
    if (const auto fault = json.finish()) return refuse(*fault);
    const Instant now = parts_.clock.now();
    merchant::Terminal& terminal = made.terminal;
    terminal.id = pay::new_id(number, now, parts_.random);
    terminal.merchant = number;
    terminal.created_at = now;
    if (const auto done = number_terminal(made); !done) return refuse_error(done.error());
    if (made.refused != Refusal::none) return refuse(made.refused);

    const auto key =
        parts_.vault.create_terminal_master_key(master_key_alias(terminal.number), zone_key_alias);
    if (!key) {
        log(LogLevel::warning, "terminal: no key", key.error());
        return refuse(Refusal::vault_unavailable);
    }
    return made.classic ? finish_classic(made, *key) : finish_phone(made, *key);
}

net::HttpResponse AcquirerCalls::finish_phone(NewTerminal& made, const keys::MasterKeyExport& key) {
    const merchant::Terminal& terminal = made.terminal;
    const auto serial = parts_.vault.create_serial_key(serial_key_alias(terminal.number));
    if (!serial) {
        log(LogLevel::warning, "terminal: no serial key", serial.error());
        return refuse(Refusal::vault_unavailable);
    }
    const auto [code, activation] = new_code(terminal.id, terminal.merchant);
    if (const auto done = keep_terminal(made, &activation); !done) {
        return refuse_error(done.error());
    }
    return answer_json(json::object{{"terminal_id", terminal.number},
                                    {"merchant_id", terminal.merchant},
                                    {"serial_number", terminal.serial},
                                    {"activation_code", code},
                                    {"expires_at", china_time(activation.expires_at).iso()},
                                    {"network_key", key_object(key)}},
                       201);
}

// It is ready as it is made: whoever loads terminals puts its key into it.
net::HttpResponse AcquirerCalls::finish_classic(NewTerminal& made,
                                                const keys::MasterKeyExport& key) {
    merchant::Terminal& terminal = made.terminal;
    terminal.state = merchant::TerminalState::enrolled;
    made.classic->terminal = terminal.number;
    made.classic->merchant = terminal.merchant;
    const auto classic =
        parts_.vault.create_classic_key(classic_key_alias(terminal.number), classic_zone_key_alias);
    if (!classic) {
        log(LogLevel::warning, "terminal: no key for a classic one", classic.error());
        const bool none = classic.error().kind == ErrorKind::not_found;
        return none ? refuse(Refusal::bad_value, {}, "classic")
                    : refuse(Refusal::vault_unavailable);
    }
    if (const auto done = keep_terminal(made, nullptr); !done) return refuse_error(done.error());
    return answer_json(json::object{{"terminal_id", terminal.number},
                                    {"merchant_id", terminal.merchant},
                                    {"serial_number", terminal.serial},
                                    {"classic", classic_object(*made.classic)},
                                    {"terminal_key", key_object(*classic)},
                                    {"network_key", key_object(key)}},
                       201);
}

// From its next message on.
net::HttpResponse AcquirerCalls::change_classic(std::string_view number, const std::string& body) {
    StrictJson json(body);
    const store::ClassicRow wanted = read_classic(json);
    if (const auto fault = json.finish()) return refuse(*fault);
    std::optional<store::ClassicRow> row;
    const auto done = parts_.store.run([&](store::Tx& tx) -> Result<void> {
        row = TRY(tx.classic(number));
        if (!row) return {};
        row->purchase = wanted.purchase;
        row->void_sale = wanted.void_sale;
        row->refund = wanted.refund;
        row->amount_max_minor = wanted.amount_max_minor;
        return tx.update(*row);
    });
    if (!done) return refuse_error(done.error());
    if (!row) return refuse(Refusal::not_found);
    return answer_json(json::object{{"terminal_id", row->terminal},
                                    {"merchant_id", row->merchant},
                                    {"classic", classic_object(*row)}});
}

std::pair<std::string, merchant::ActivationCode> AcquirerCalls::new_code(
    const Id128& terminal, const std::string& merchant) {
    std::string code = merchant::make_activation_code(parts_.random);
    const auto normal = merchant::normal_activation_code(code);
    CHECK(normal.has_value());
    merchant::ActivationCode row{
        .digest = crypto::sha256(bytes_of(*normal)),
        .terminal = terminal,
        .merchant = merchant,
        .expires_at = {parts_.clock.now().unix_ms + merchant::activation_ms},
        .used_at = {}};
    return {std::move(code), std::move(row)};
}

// Another phone for a terminal, or the same one again.
net::HttpResponse AcquirerCalls::add_activation(std::string_view number, const std::string& body) {
    StrictJson json(body.empty() ? "{}" : std::string_view(body));
    if (const auto fault = json.finish()) return refuse(*fault);
    std::string code;
    merchant::ActivationCode row;
    std::optional<merchant::Terminal> terminal;
    const auto done = parts_.store.run([&](store::Tx& tx) -> Result<void> {
        terminal = TRY(tx.terminal_by_number(number));
        // A classic terminal has no phone that could be another one.
        if (terminal && TRY(tx.classic(number))) terminal.reset();
        if (!terminal) return {};
        std::tie(code, row) = new_code(terminal->id, terminal->merchant);
        return tx.insert(row);
    });
    if (!done) return refuse_error(done.error());
    if (!terminal) return refuse(Refusal::not_found);
    return answer_json(json::object{{"terminal_id", terminal->number},
                                    {"activation_code", code},
                                    {"expires_at", china_time(row.expires_at).iso()}},
                       201);
}

}  // namespace softpos::server
