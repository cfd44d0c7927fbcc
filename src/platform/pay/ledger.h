// Double entry by immutable transfers. A balance is nothing but the fold of its transfers.
//
// The account plan (D: grows by debits, C: grows by credits):
//   network_receivable    D  what the card network owes us; one sub-account a shard
//   merchant_payable      C  what we owe a merchant; one a merchant
//   fee_income            C  merchant fees less what others take of them: the acquirer's margin
//   upstream_fee_payable  C  interchange and network fee
//   wallet_receivable     D  what a wallet owes us; one sub-account a shard and wallet
//   suspense_long         C  the network paid what we do not know of
//   suspense_short        D  we booked what the network did not pay
//   bank                  D  our account at the settlement bank
//   reserve               C  held back from merchants
#pragma once

#include "base/ids.h"
#include "base/result.h"
#include "platform/pay/business_date.h"
#include "platform/pay/fees.h"
#include "platform/pay/payment.h"
#include "platform/pay/shard.h"

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::pay {

// Numbers are stored: never renumber.
enum class AccountCode : std::uint16_t {
    network_receivable = 1100,
    wallet_receivable = 1110,
    bank = 1200,
    suspense_short = 1900,
    merchant_payable = 2100,
    upstream_fee_payable = 2200,
    reserve = 2300,
    suspense_long = 2900,
    fee_income = 4100,
};

// An account and who it is about: a merchant number, or nobody. Every account lives in a shard;
// one that is nobody's is split into one sub-account a shard.
struct AccountId {
    AccountCode code{};
    Shard shard = 0;
    std::array<char, 15> owner{};  // Padded with NUL.

    std::string_view owner_text() const;
    friend auto operator<=>(const AccountId&, const AccountId&) = default;
};
AccountId merchant_account(AccountCode code, std::string_view merchant);
AccountId shared_account(AccountCode code, Shard shard);

// Who owes us what merchants sold: the card network, which has no name here, or a wallet by its.
constexpr std::string_view card_network = "";
AccountId receivable_account(std::string_view counterparty, Shard shard);

// What a transfer is for. With its source it is the transfer's identity: each happens once.
// Numbers are stored: never renumber.
enum class TransferCode : std::uint16_t {
    sale = 1,
    sale_fee = 2,   // Merchant pays the fee.
    sale_cost = 3,  // Interchange and network fee out of it.
    void_sale = 11,
    void_fee = 12,
    void_cost = 13,
    refund = 21,
    refund_fee = 22,
    refund_cost = 23,
    reversal = 31,  // Of a sale that had been approved.
    reversal_fee = 32,
    reversal_cost = 33,
    wallet_sale = 24,  // Paid out of a wallet.
    wallet_fee = 25,
    wallet_cost = 26,
    wallet_refund = 27,  // Given back into it, a void also.
    wallet_refund_fee = 28,
    wallet_refund_cost = 29,
    clearing_difference = 41,
    clearing_money = 42,  // The network's money at the bank.
    clearing_fee = 43,    // The network kept its fees out of it.
    payout = 51,
    payout_returned = 52,
    reserve_hold = 61,
    reserve_release = 62,
};

struct Transfer {
    Id128 source = {};  // The payment, clearing line or payout that it is about.
    TransferCode code{};
    AccountId debit = {};
    AccountId credit = {};
    std::int64_t amount_minor = 0;  // Always above zero.
    BusinessDate settlement_date = {};

    friend bool operator==(const Transfer&, const Transfer&) = default;
};

// Sums of one account on one settlement date; the whole account is the sum over its dates.
struct Balance {
    std::int64_t debits_minor = 0;
    std::int64_t credits_minor = 0;

    std::int64_t debit_net() const { return debits_minor - credits_minor; }
    std::int64_t credit_net() const { return credits_minor - debits_minor; }
    friend bool operator==(const Balance&, const Balance&) = default;
};
struct BalanceKey {
    AccountId account = {};
    BusinessDate date = {};
    friend auto operator<=>(const BalanceKey&, const BalanceKey&) = default;
};
using Balances = std::map<BalanceKey, Balance>;

// malformed where a transfer could not stand in the books: amount, equal accounts, no date.
Result<void> check(const Transfer& transfer);
Result<void> fold(std::span<const Transfer> transfers, Balances& into);
// Debits less credits over everything. Zero, or the books are broken.
std::int64_t trial_balance(const Balances& balances);
// All dates and sub-accounts of one account code together.
Balance total_of(const Balances& balances, AccountCode code);

// The transfers of each business event. Parts of zero are left out.
std::vector<Transfer> post_sale(const Payment& sale);
std::vector<Transfer> post_void(const Payment& voiding, const Payment& sale);
std::vector<Transfer> post_refund(const Payment& refund);  // refund.fee: what is given back.
std::vector<Transfer> post_reversal(const Payment& sale);

// The counterparty's file has more (or, below zero, less) than we do on that date.
struct ClearingDifference {
    Id128 source = {};
    std::string_view counterparty = card_network;
    std::string_view merchant = {};
    BusinessDate date = {};
    std::int64_t difference_minor = 0;
    bool takes_back = false;  // What was booked before, with the other sign.
};
std::vector<Transfer> post_clearing_difference(const ClearingDifference& of);

// A counterparty's money for a date arrived in the bank: net = gross - fees that it kept.
struct ClearingMoney {
    Id128 source = {};
    std::string_view counterparty = card_network;
    Shard shard = 0;
    BusinessDate date = {};
    std::int64_t gross_minor = 0;
    std::int64_t fees_minor = 0;
};
std::vector<Transfer> post_clearing_money(const ClearingMoney& money);

std::vector<Transfer> post_payout(const Id128& payout, std::string_view merchant, BusinessDate date,
                                  std::int64_t amount_minor);
std::vector<Transfer> post_payout_returned(const Id128& payout, std::string_view merchant,
                                           BusinessDate date, std::int64_t amount_minor);

}  // namespace softpos::pay
