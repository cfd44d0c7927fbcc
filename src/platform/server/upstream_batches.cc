// The end of a batch: its totals.
#include "platform/server/upstream_impl.h"

namespace softpos::server {

using channel::CupAnswer;
using codec::IsoMessage;

void Upstream::settle_batch(const TerminalRef& terminal, std::uint32_t batch,
                            const pay::BatchTotals& totals, Settled done) {
    // A network whose day has ended wants a new sign-in first, also for a batch of the old day.
    const auto again = [this, terminal, batch, totals, done] {
        forget_sign_in(terminal.terminal);
        prepare(terminal, [this, terminal, batch, totals, done](const Result<void>& ready) {
            if (!ready) return done(std::unexpected(ready.error()));
            impl_->report_batch({terminal, batch, totals}, done, {});
        });
    };
    impl_->report_batch({terminal, batch, totals}, std::move(done), again);
}

void Upstream::Impl::report_batch(const BatchReport& report, Settled done,
                                  std::function<void()> again) {
    const auto& [terminal, batch, totals] = report;
    const auto send = [&]() -> Result<void> {
        const std::uint32_t trace = TRY(management_trace(terminal.terminal));
        const channel::CupTerminal speaker{
            .terminal = terminal.terminal, .merchant = terminal.merchant, .batch = batch};
        codec::BatchTotals field48;
        field48.domestic.debit_amount_minor = totals.debit_minor;
        field48.domestic.debit_count = static_cast<unsigned>(totals.debit_count);
        field48.domestic.credit_amount_minor = totals.credit_minor;
        field48.domestic.credit_count = static_cast<unsigned>(totals.credit_count);
        IsoMessage message(dialect);
        TRY_VOID(channel::build_batch_settle(speaker, trace, field48, message));
        const auto answered = [done, again](const Result<CupAnswer>& answer) {
            if (!answer) return done(std::unexpected(answer.error()));
            if (answer->klass == channel::AnswerClass::re_sign_in && again) return again();
            if (answer->klass != channel::AnswerClass::approve) {
                return done(failure(SendFailure::network, ErrorKind::unavailable,
                                    "upstream: settlement refused"));
            }
            done(answer->totals &&
                 answer->totals->domestic.verdict == codec::BatchVerdict::balanced);
        };
        return transmit(message, {.request = {.purpose = Purpose::management,
                                              .terminal = terminal,
                                              .answered = answered},
                                  .timeout_ms = config.sign_in_ms});
    };
    if (const auto sent = send(); !sent) done(std::unexpected(sent.error()));
}

}  // namespace softpos::server
