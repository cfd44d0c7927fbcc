// Builds transfers for business events, and folds transfers into balances.
#include "platform/pay/ledger.h"

#include "base/check.h"
#include "base/money.h"

#include <algorithm>

namespace softpos::pay {
namespace {

using enum AccountCode;

struct Codes {
    TransferCode gross, fee, cost;
};
constexpr Codes sale_codes{TransferCode::sale, TransferCode::sale_fee, TransferCode::sale_cost};
constexpr Codes void_codes{TransferCode::void_sale, TransferCode::void_fee,
                           TransferCode::void_cost};
constexpr Codes refund_codes{TransferCode::refund, TransferCode::refund_fee,
                             TransferCode::refund_cost};
constexpr Codes reversal_codes{TransferCode::reversal, TransferCode::reversal_fee,
                               TransferCode::reversal_cost};

// Adds a transfer, turned round where the amount is negative; nothing where it is zero.
void add(std::vector<Transfer>& to, Transfer transfer) {
    if (transfer.amount_minor == 0) return;
    if (transfer.amount_minor < 0) {
        std::swap(transfer.debit, transfer.credit);
        transfer.amount_minor = -transfer.amount_minor;
    }
    to.push_back(transfer);
}

// What a sale does to the books; with every amount negative, what undoes it.
struct Movement {
    const Payment& payment;
    std::int64_t amount_minor;
    FeeSplit fee;
    Codes codes;
    std::int64_t sign;
};

std::vector<Transfer> post(const Movement& movement) {
    const Payment& payment = movement.payment;
    const Shard shard = shard_of(payment.merchant);
    const AccountId merchant = merchant_account(merchant_payable, payment.merchant);
    const AccountId income = shared_account(fee_income, shard);
    std::vector<Transfer> transfers;
    transfers.reserve(3);
    Transfer transfer{.source = payment.id,
                      .code = movement.codes.gross,
                      .debit = shared_account(network_receivable, shard),
                      .credit = merchant,
                      .amount_minor = movement.sign * movement.amount_minor,
                      .settlement_date = payment.settlement_date};
    add(transfers, transfer);
    transfer.code = movement.codes.fee;
    transfer.debit = merchant;
    transfer.credit = income;
    transfer.amount_minor = movement.sign * movement.fee.merchant_minor;
    add(transfers, transfer);
    transfer.code = movement.codes.cost;
    transfer.debit = income;
    transfer.credit = shared_account(upstream_fee_payable, shard);
    transfer.amount_minor =
        movement.sign * (movement.fee.issuer_minor + movement.fee.network_minor);
    add(transfers, transfer);
    return transfers;
}

}  // namespace

std::string_view AccountId::owner_text() const {
    const auto end = std::ranges::find(owner, '\0');
    return {owner.data(), static_cast<std::size_t>(end - owner.begin())};
}

AccountId merchant_account(AccountCode code, std::string_view merchant) {
    AccountId account{.code = code, .shard = shard_of(merchant)};
    CHECK(!merchant.empty() && merchant.size() <= account.owner.size());
    std::ranges::copy(merchant, account.owner.begin());
    return account;
}

AccountId shared_account(AccountCode code, Shard shard) {
    return {.code = code, .shard = shard};
}

Result<void> check(const Transfer& transfer) {
    if (transfer.amount_minor <= 0 || transfer.amount_minor > amount_minor_max) {
        return fail(ErrorKind::malformed, "transfer of an amount out of range");
    }
    if (transfer.debit == transfer.credit) {
        return fail(ErrorKind::malformed, "transfer between one account");
    }
    if (transfer.debit.shard != transfer.credit.shard) {
        return fail(ErrorKind::malformed, "transfer between shards");
    }
    if (!transfer.settlement_date.known()) {
        return fail(ErrorKind::malformed, "transfer without a date");
    }
    return {};
}

Result<void> fold(std::span<const Transfer> transfers, Balances& into) {
    for (const Transfer& transfer : transfers) {
        TRY_VOID(check(transfer));
        into[{transfer.debit, transfer.settlement_date}].debits_minor += transfer.amount_minor;
        into[{transfer.credit, transfer.settlement_date}].credits_minor += transfer.amount_minor;
    }
    return {};
}

std::int64_t trial_balance(const Balances& balances) {
    std::int64_t sum = 0;
    for (const auto& [key, balance] : balances) sum += balance.debit_net();
    return sum;
}

Balance total_of(const Balances& balances, AccountCode code) {
    Balance total;
    for (const auto& [key, balance] : balances) {
        if (key.account.code != code) continue;
        total.debits_minor += balance.debits_minor;
        total.credits_minor += balance.credits_minor;
    }
    return total;
}

std::vector<Transfer> post_sale(const Payment& sale) {
    return post({sale, sale.amount_minor, sale.fee, sale_codes, 1});
}

std::vector<Transfer> post_void(const Payment& voiding, const Payment& sale) {
    return post({voiding, sale.amount_minor, sale.fee, void_codes, -1});
}

std::vector<Transfer> post_refund(const Payment& refund) {
    return post({refund, refund.amount_minor, refund.fee, refund_codes, -1});
}

std::vector<Transfer> post_reversal(const Payment& sale) {
    return post({sale, sale.amount_minor, sale.fee, reversal_codes, -1});
}

AccountId receivable_account(std::string_view counterparty, Shard shard) {
    if (counterparty == card_network) return shared_account(network_receivable, shard);
    AccountId account = merchant_account(wallet_receivable, counterparty);
    account.shard = shard;
    return account;
}

std::vector<Transfer> post_clearing_difference(const ClearingDifference& of) {
    const Shard shard = shard_of(of.merchant);
    const bool is_long = (of.difference_minor > 0) != of.takes_back;
    std::vector<Transfer> transfers;
    add(transfers, {.source = of.source,
                    .code = TransferCode::clearing_difference,
                    .debit = receivable_account(of.counterparty, shard),
                    .credit = shared_account(is_long ? suspense_long : suspense_short, shard),
                    .amount_minor = of.difference_minor,
                    .settlement_date = of.date});
    return transfers;
}

std::vector<Transfer> post_clearing_money(const ClearingMoney& money) {
    const AccountId receivable = receivable_account(money.counterparty, money.shard);
    std::vector<Transfer> transfers;
    Transfer transfer{.source = money.source,
                      .code = TransferCode::clearing_money,
                      .debit = shared_account(bank, money.shard),
                      .credit = receivable,
                      .amount_minor = money.gross_minor - money.fees_minor,
                      .settlement_date = money.date};
    add(transfers, transfer);
    transfer.code = TransferCode::clearing_fee;
    transfer.debit = shared_account(upstream_fee_payable, money.shard);
    transfer.amount_minor = money.fees_minor;
    add(transfers, transfer);
    return transfers;
}

std::vector<Transfer> post_payout(const Id128& payout, std::string_view merchant, BusinessDate date,
                                  std::int64_t amount_minor) {
    std::vector<Transfer> transfers;
    add(transfers, {.source = payout,
                    .code = TransferCode::payout,
                    .debit = merchant_account(merchant_payable, merchant),
                    .credit = shared_account(bank, shard_of(merchant)),
                    .amount_minor = amount_minor,
                    .settlement_date = date});
    return transfers;
}

std::vector<Transfer> post_payout_returned(const Id128& payout, std::string_view merchant,
                                           BusinessDate date, std::int64_t amount_minor) {
    std::vector<Transfer> transfers = post_payout(payout, merchant, date, amount_minor);
    for (Transfer& transfer : transfers) {
        transfer.code = TransferCode::payout_returned;
        std::swap(transfer.debit, transfer.credit);
    }
    return transfers;
}

}  // namespace softpos::pay
