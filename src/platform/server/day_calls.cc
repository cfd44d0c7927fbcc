// Each runs its job and shows what came of it.
#include "platform/server/day_calls.h"

#include "base/log.h"
#include "platform/server/acquirer_answers.h"

#include <boost/json.hpp>

namespace softpos::server {
namespace {

namespace json = boost::json;

net::HttpResponse refuse_job(const Error& error) {
    if (error.kind == ErrorKind::conflict) return refuse(Refusal::day_not_ready);
    const bool network = error.detail == detail_of(SendFailure::network);
    if (error.kind == ErrorKind::unavailable && network) {
        return refuse(Refusal::network_unavailable);
    }
    return refuse_error(error);
}

net::HttpResponse settle(SettlementJobs& jobs, pay::BusinessDate date) {
    const auto batches = jobs.settle(date);
    if (!batches) return refuse_job(batches.error());
    json::array rows;
    for (const BatchOutcome& batch : *batches) {
        rows.push_back(json::object{{"terminal_id", batch.terminal},
                                    {"batch", batch.batch},
                                    {"debit_minor", batch.debit_minor},
                                    {"debit_count", batch.debit_count},
                                    {"credit_minor", batch.credit_minor},
                                    {"credit_count", batch.credit_count},
                                    {"balanced", batch.balanced}});
    }
    return answer_json(json::object{{"batches", rows}});
}

// A file says which of its columns was wrong where, or which line is there twice.
net::HttpResponse answer_import(const Result<ClearingImport>& imported) {
    if (!imported) {
        const Error& error = imported.error();
        log(LogLevel::warning, "file refused", error);
        const bool twice = error.kind == ErrorKind::conflict && error.detail != 0;
        if (error.kind != ErrorKind::malformed && !twice) return refuse_job(error);
        return refuse(
            Refusal::bad_value, {},
            "line " + std::to_string(error.detail) + ", column " + std::to_string(error.at));
    }
    return answer_json(json::object{{"lines", imported->lines},
                                    {"undone", imported->undone},
                                    {"net_minor", imported->net_minor},
                                    {"fee_minor", imported->fee_minor}});
}

net::HttpResponse import_file(SettlementJobs& jobs, pay::BusinessDate date,
                              const net::HttpRequest& request) {
    const std::string_view name = query_of(request.target, "file").value_or("ACOMN");
    return answer_import(jobs.import_clearing(date, name, request.body));
}

// nullopt where it names a wallet that there is not.
std::optional<store::CounterpartyDay> day_of(pay::BusinessDate date,
                                             const net::HttpRequest& request) {
    const auto wallet = query_of(request.target, "wallet");
    if (!wallet) return store::CounterpartyDay{.date = date};
    if (!pay::wallet_channel(*wallet)) return std::nullopt;
    return store::CounterpartyDay{date, std::string(*wallet)};
}

net::HttpResponse import_bill(SettlementJobs& jobs, pay::BusinessDate date,
                              const net::HttpRequest& request) {
    const auto day = day_of(date, request);
    if (!day || day->counterparty == pay::card_network) {
        return refuse(Refusal::bad_value, {}, "wallet");
    }
    return answer_import(jobs.import_bill(*day, bytes_of(request.body)));
}

net::HttpResponse reconcile(SettlementJobs& jobs, pay::BusinessDate date,
                            const net::HttpRequest& request) {
    const auto day = day_of(date, request);
    if (!day) return refuse(Refusal::bad_value, {}, "wallet");
    const auto outcome = jobs.reconcile(*day);
    if (!outcome) return refuse_job(outcome.error());
    const pay::ReconciliationReport& report = outcome->report;
    json::array exceptions;
    for (const store::ReconciliationException& exception : outcome->exceptions) {
        exceptions.push_back(json::object{{"kind", name_of(exception.item.kind)},
                                          {"terminal_id", exception.item.key.terminal},
                                          {"trace", exception.item.key.stan},
                                          {"rrn", exception.item.key.rrn},
                                          {"open", exception.open},
                                          {"ours_minor", exception.item.ours_minor},
                                          {"file_minor", exception.item.file_minor}});
    }
    return answer_json(json::object{{"date", date_text(report.date)},
                                    {"ours_count", report.ours_count},
                                    {"ours_minor", report.ours_minor},
                                    {"log_count", report.log_count},
                                    {"log_minor", report.log_minor},
                                    {"file_count", report.file_count},
                                    {"file_minor", report.file_minor},
                                    {"file_fee_minor", report.file_fee_minor},
                                    {"matched_count", report.matched_count},
                                    {"long_count", report.long_count},
                                    {"short_count", report.short_count},
                                    {"differing_count", report.differing_count},
                                    {"cross_day_count", report.cross_day_count},
                                    {"carried_count", report.carried_count},
                                    {"adds_up", report.adds_up()},
                                    {"receivable_minor", outcome->receivable_minor},
                                    {"proved", outcome->proved},
                                    {"exceptions", exceptions}});
}

net::HttpResponse pay_out(SettlementJobs& jobs, pay::BusinessDate date) {
    const auto run = jobs.pay_out(date);
    if (!run) return refuse_job(run.error());
    json::array rows;
    for (const pay::Payout& payout : run->payouts) {
        rows.push_back(json::object{{"payout_id", payout.id.text()},
                                    {"merchant_id", payout.merchant},
                                    {"amount_minor", payout.amount_minor},
                                    {"state", name_of(payout.state)}});
    }
    return answer_json(
        json::object{{"payouts", rows}, {"total_minor", run->total_minor}, {"file", run->file}});
}

}  // namespace

net::HttpResponse answer_day_call(SettlementJobs& jobs, std::string_view path,
                                  const net::HttpRequest& request) {
    for (const std::string_view job : {"settle", "clearing", "bills", "reconcile", "payouts"}) {
        const auto text = match_path(path, "/v1/days/{}/" + std::string(job));
        if (!text) continue;
        const auto date = date_of(*text);
        if (!date) return refuse(Refusal::bad_value, {}, "date");
        if (job == "settle") return settle(jobs, *date);
        if (job == "clearing") return import_file(jobs, *date, request);
        if (job == "bills") return import_bill(jobs, *date, request);
        if (job == "reconcile") return reconcile(jobs, *date, request);
        return pay_out(jobs, *date);
    }
    return refuse(Refusal::no_such_path);
}

}  // namespace softpos::server
