// What the control service says in JSON: refusals from the one table, payments, and helpers that
// every call shares.
#pragma once

#include "base/refusal.h"
#include "base/result.h"
#include "codec/strict_json.h"
#include "net/http_message.h"
#include "platform/pay/payment.h"
#include "platform/pay/wallet_trade.h"

#include <optional>
#include <string>
#include <string_view>

namespace softpos::server {

// The refusal's HTTP status and words. `reference` finds the case again in our log.
net::HttpResponse refuse(Refusal refusal, std::string_view reference = {},
                         std::string_view field = {});
net::HttpResponse refuse(const codec::JsonFault& fault);

// A payment as the phone and the acquirer see it. Never a PAN, never a key.
std::string payment_json(const pay::Payment& payment);

// 200 with the payment; what it says about approval is inside, for a declined payment is an answer
// and not a failed request.
net::HttpResponse payment_answer(const pay::Payment& payment);

// The same of a payment out of a wallet, with the same words; `code` is what the payer scans.
std::string trade_json(const pay::WalletTrade& trade);
net::HttpResponse trade_answer(const pay::WalletTrade& trade);

// "yyyy-mm-dd", or empty where it is not known.
std::string date_text(pay::BusinessDate date);
std::optional<pay::BusinessDate> date_of(std::string_view text);

// The target's path, and the value of one query parameter (not decoded: ours need no escapes).
std::string_view path_of(std::string_view target);
std::optional<std::string_view> query_of(std::string_view target, std::string_view name);

// Splits "/v1/phone/payments/ab12/void" by "/v1/phone/payments/{}/void": what stands for {}.
std::optional<std::string_view> match_path(std::string_view path, std::string_view pattern);

}  // namespace softpos::server
