// The end of a batch: its totals.
#include "platform/server/upstream_impl.h"

namespace softpos::server {

using channel::CupAnswer;
using codec::IsoMessage;

void Upstream::settle_batch(const TerminalRef& terminal, std::uint32_t batch,
                            const pay::BatchTotals& totals, Settled done) {
    const auto send = [&]() -> Result<void> {
        const std::uint32_t trace = TRY(impl_->management_trace(terminal.terminal));
        const channel::CupTerminal speaker{
            .terminal = terminal.terminal, .merchant = terminal.merchant, .batch = batch};
        codec::BatchTotals field48;
        field48.domestic.debit_amount_minor = totals.debit_minor;
        field48.domestic.debit_count = static_cast<unsigned>(totals.debit_count);
        field48.domestic.credit_amount_minor = totals.credit_minor;
        field48.domestic.credit_count = static_cast<unsigned>(totals.credit_count);
        IsoMessage message(impl_->dialect);
        TRY_VOID(channel::build_batch_settle(speaker, trace, field48, message));
        const auto answered = [done](const Result<CupAnswer>& answer) {
            if (!answer) return done(std::unexpected(answer.error()));
            if (answer->klass != channel::AnswerClass::approve) {
                return done(failure(SendFailure::network, ErrorKind::unavailable,
                                    "upstream: settlement refused"));
            }
            done(answer->totals &&
                 answer->totals->domestic.verdict == codec::BatchVerdict::balanced);
        };
        return impl_->transmit(message, {.request = {.purpose = Impl::Purpose::management,
                                                     .terminal = terminal,
                                                     .answered = answered},
                                         .timeout_ms = impl_->config.sign_in_ms});
    };
    if (const auto sent = send(); !sent) done(std::unexpected(sent.error()));
}

}  // namespace softpos::server
