// One line a record.
#include "world/sim/clearing.h"

#include "platform/channel/clearing_file.h"

#include <cstdio>

namespace softpos::sim {
namespace {

using channel::ClearingColumn;
using Kind = NetworkRecord::Kind;

std::string fee_text(std::int64_t minor) {
    char text[32];
    const int size = std::snprintf(text, sizeof text, "%c%011lld", minor < 0 ? 'D' : 'C',
                                   static_cast<long long>(minor < 0 ? -minor : minor));
    return {text, static_cast<std::size_t>(size)};
}

Result<std::int64_t> fee_of(const NetworkRecord& sale, const pay::FeeTable& fees) {
    const auto quote = TRY(fees.quote(
        {pay::FeeProduct::card, sale.credit_card ? pay::CardClass::credit : pay::CardClass::debit,
         sale.amount_minor}));
    return quote.fee.issuer_minor + quote.fee.network_minor;
}

}  // namespace

Result<std::string> write_clearing(const NetworkHost& host, std::uint32_t date,
                                   const pay::FeeTable& fees) {
    std::string file;
    for (const NetworkRecord& record : host.records()) {
        if (record.settlement_date != date || record.reversed) continue;
        channel::ClearingRow row = channel::empty_clearing_row();
        const auto set = [&](ClearingColumn column, std::string value) {
            row.at(column) = std::move(value);
        };
        char amount[16];
        std::snprintf(amount, sizeof amount, "%012lld",
                      static_cast<long long>(record.amount_minor));
        set(ClearingColumn::trace, record.trace);
        set(ClearingColumn::transmission_time, record.local_time);
        set(ClearingColumn::pan, record.pan);
        set(ClearingColumn::amount, amount);
        set(ClearingColumn::mti, record.kind == Kind::refund ? "0220" : "0200");
        set(ClearingColumn::processing, record.kind == Kind::sale ? "000000" : "200000");
        set(ClearingColumn::terminal, record.terminal_id);
        set(ClearingColumn::merchant, record.merchant_id);
        set(ClearingColumn::reference, record.rrn);
        set(ClearingColumn::approval, record.auth_code);
        set(ClearingColumn::response, record.response_code);
        set(ClearingColumn::entry, record.entry_mode);
        if (!record.original_trace.empty()) {
            set(ClearingColumn::original_trace, record.original_trace);
        }
        if (record.kind == Kind::sale) {
            set(ClearingColumn::fee_payable, fee_text(-TRY(fee_of(record, fees))));
        }
        if (record.kind == Kind::void_of_sale && record.original != 0) {
            const NetworkRecord& sale = host.records()[record.original - 1];
            set(ClearingColumn::fee_receivable, fee_text(TRY(fee_of(sale, fees))));
        }
        file += TRY(channel::format_clearing_line(row)) + "\n";
    }
    return file;
}

}  // namespace softpos::sim
