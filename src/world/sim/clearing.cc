// One line a record.
#include "world/sim/clearing.h"

#include "platform/channel/clearing_file.h"

namespace softpos::sim {
namespace {

using channel::ClearingColumn;
using Kind = NetworkRecord::Kind;

Result<std::int64_t> fee_of(const NetworkRecord& sale, const pay::FeeTable& fees) {
    // Contactless and without PIN, by field 22.
    const bool small = sale.entry_mode == "072";
    const auto quote = TRY(fees.quote(
        {small ? pay::FeeProduct::small_contactless : pay::FeeProduct::card,
         sale.credit_card ? pay::CardClass::credit : pay::CardClass::debit, sale.amount_minor}));
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
        set(ClearingColumn::trace, record.trace);
        set(ClearingColumn::transmission_time, record.local_time);
        set(ClearingColumn::pan, record.pan);
        set(ClearingColumn::amount, channel::format_amount(record.amount_minor, 12));
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
            set(ClearingColumn::fee_payable, channel::format_fee(-TRY(fee_of(record, fees))));
        }
        if (record.kind == Kind::void_of_sale && record.original != 0) {
            const NetworkRecord& sale = host.records()[record.original - 1];
            set(ClearingColumn::fee_receivable, channel::format_fee(TRY(fee_of(sale, fees))));
        }
        file += TRY(channel::format_clearing_line(row)) + "\n";
    }
    return file;
}

}  // namespace softpos::sim
