// The end of a batch: its totals, and where the network has others, its payments one by one.
#include "base/log.h"
#include "platform/server/upstream_impl.h"

#include <algorithm>
#include <array>
#include <utility>

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

// One message after the other: the next leaves when the last was taken.
struct Upstream::Impl::Upload {
    TerminalRef terminal;
    std::uint32_t batch = 0;
    std::vector<BatchRecord> records;
    std::size_t next = 0;
    bool ended = false;
    std::function<void(Result<void>)> done;
};

Result<void> Upstream::Impl::send_upload(const std::shared_ptr<Upload>& upload) {
    const std::uint32_t trace = TRY(management_trace(upload->terminal.terminal));
    const channel::CupTerminal speaker{.terminal = upload->terminal.terminal,
                                       .merchant = upload->terminal.merchant,
                                       .batch = upload->batch};
    IsoMessage message(dialect);
    upload->ended = upload->next == upload->records.size();
    if (upload->ended) {
        TRY_VOID(channel::build_batch_upload_end(
            speaker, trace, static_cast<std::uint32_t>(upload->records.size()), message));
    } else {
        const std::size_t count =
            std::min(channel::batch_items_max, upload->records.size() - upload->next);
        std::vector<channel::CardData> cards;
        cards.reserve(count);
        std::vector<channel::CupBatchItem> items;
        for (std::size_t i = 0; i < count; ++i) {
            const BatchRecord& record = upload->records[upload->next + i];
            const SecretBytes opened = TRY(parts.vault.open_stored(record.stored_card));
            cards.push_back(TRY(channel::CardData::read(opened.bytes())));
            items.push_back({record.trace, cards.back(), record.amount_minor});
        }
        TRY_VOID(channel::build_batch_upload(speaker, trace, items, message));
        upload->next += count;
    }
    return transmit(message, {.request = {.purpose = Purpose::management,
                                          .terminal = upload->terminal,
                                          .answered =
                                              [this, upload](const Result<CupAnswer>& answer) {
                                                  if (!answer) {
                                                      return upload->done(
                                                          std::unexpected(answer.error()));
                                                  }
                                                  if (answer->klass !=
                                                      channel::AnswerClass::approve) {
                                                      return upload->done(
                                                          fail(ErrorKind::denied,
                                                               "upstream: upload refused"));
                                                  }
                                                  if (upload->ended) return upload->done({});
                                                  upload_next(upload);
                                              }},
                              .timeout_ms = config.sign_in_ms});
}

void Upstream::Impl::upload_next(const std::shared_ptr<Upload>& upload) {
    if (const auto sent = send_upload(upload); !sent) upload->done(std::unexpected(sent.error()));
}

void Upstream::upload_batch(const TerminalRef& terminal, std::uint32_t batch,
                            std::vector<BatchRecord> records,
                            std::function<void(Result<void>)> done) {
    const auto upload = std::make_shared<Impl::Upload>();
    upload->terminal = terminal;
    upload->batch = batch;
    upload->records = std::move(records);
    upload->done = std::move(done);
    impl_->upload_next(upload);
}

}  // namespace softpos::server
