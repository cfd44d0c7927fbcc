// The life of a payment on the phone. Between two steps stands the journal: started is on disk
// before the card is asked for, sent before the first byte goes out, answered before the app hears.
#include "phone/device/phone_service.h"

#include "base/check.h"
#include "base/log.h"
#include "base/money.h"
#include "crypto/hash.h"

#include <cstdio>

namespace softpos::device {
namespace {

constexpr std::uint8_t transaction_type_purchase = 0x00;  // Tag 9C: goods and services.
constexpr std::uint32_t pin_poll_ms = 40;                 // Between looks at the customer's keys.

std::unexpected<RefusalText> refused(Refusal refusal, std::string_view field = {}) {
    return std::unexpected(words_of(refusal, field));
}

// Everything that makes a request this request. Lengths keep the parts apart.
std::array<std::uint8_t, 32> digest_of(const JournalRequest& request) {
    std::string text(name_of(request.kind));
    text += "/" + std::to_string(request.amount_minor) + "/CNY/";
    text += std::to_string(request.reference.size()) + ":" + request.reference + "/";
    text += request.original_payment_id;
    return crypto::sha256(bytes_of(text));
}

std::string six_digits(std::uint32_t number) {
    char text[16];
    const int size = std::snprintf(text, sizeof text, "%06u", number);
    return {text, static_cast<std::size_t>(size)};
}

PollRequest poll_of(const JournalEntry& entry) {
    return {.key = entry.request.key,
            .expected = {entry.request.kind, entry.request.amount_minor},
            .sent_at = entry.sent_at};
}

}  // namespace

// Taken by the one payment that runs. Empty where another has it.
class PhoneService::Slot {
public:
    Slot(PhoneService& service, const Id128* key) : service_(service) {
        const std::lock_guard lock(service.mutex_);
        taken_ = !service.busy_;
        if (!taken_) return;
        service.busy_ = true;
        service.cancel_wanted_ = false;
        if (key != nullptr) service.running_ = *key;
    }
    ~Slot() {
        if (!taken_) return;
        const std::lock_guard lock(service_.mutex_);
        service_.busy_ = false;
        service_.phase_ = Phase::idle;
        service_.running_.reset();
    }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    explicit operator bool() const { return taken_; }

private:
    PhoneService& service_;
    bool taken_ = false;
};

Result<std::unique_ptr<PhoneService>> PhoneService::open(const ServiceConfig& config,
                                                         const ServiceParts& parts) {
    auto state = TRY(host::Directory::make(config.state_dir));
    auto service = std::unique_ptr<PhoneService>(new PhoneService(config, parts, std::move(state)));
    TRY_VOID(service->start());
    return service;
}

Result<void> PhoneService::start() {
    journal_ =
        TRY(IdempotencyJournal::open(config_.state_dir + "/payments.journal", config_.journal));
    for (const JournalEntry& entry : journal_->in_state(EntryState::started)) {
        const Refusal why = entry.request.kind == PaymentKind::purchase
                                ? Refusal::no_card_presented
                                : Refusal::server_unavailable;
        decline(entry, words_of(why), "interrupted");
    }
    enrolment_ = TRY(load_enrolment(state_));
    if (!enrolment_) return {};
    if (!enrolment_->core_has_it && !finish_enrolment(state_, parts_.core, *enrolment_)) {
        log(LogLevel::warning, "enrolment is not finished");
        return {};
    }
    const PlatformIdentity identity = TRY(identity_of(*enrolment_));
    platform_ = TRY(PlatformClient::make(identity, config_.platform));
    return {};
}

std::shared_ptr<PlatformClient> PhoneService::platform() const {
    const std::lock_guard lock(mutex_);
    return platform_;
}

bool PhoneService::is_running(const Id128& key) const {
    const std::lock_guard lock(mutex_);
    return running_ == key;
}

void PhoneService::show(std::uint8_t message, const JournalEntry& entry) {
    parts_.feed.publish({.at = parts_.clock.now(),
                         .message = message,
                         .idempotency_key = entry.request.key.text()});
}

// The caller holds reader_mutex_.
bool PhoneService::ensure_reader() {
    if (reader_) return true;
    auto opened = parts_.open_reader();
    if (opened) reader_ = std::move(*opened);
    return reader_ != nullptr;
}

PaymentOutcome PhoneService::purchase(const PurchaseOrder& order) {
    if (!platform()) return refused(Refusal::terminal_not_active);
    JournalRequest request;
    request.key = order.key ? *order.key : Id128::make(parts_.random);
    request.amount_minor = order.amount_minor;
    request.reference = order.reference;
    request.digest = digest_of(request);
    const auto known = journal_->find(request.key);
    if (known && known->request.digest != request.digest) {
        return refused(Refusal::idempotency_conflict);
    }
    if (known && known->state != EntryState::started) return view(*known);
    const Slot slot(*this, &request.key);
    if (!slot) return refused(Refusal::payment_in_progress);
    const auto entry = begin(request);
    if (!entry) return std::unexpected(entry.error());
    if (entry->state != EntryState::started) return view(*entry);

    RelayResult result = tap(*entry);
    const auto pin = take_pin(*entry, result);
    close_tap(result);
    if (result.cancelled) return decline(*entry, words_of(result.refusal), "cancelled");
    if (result.refusal == Refusal::device_not_trusted && result.reference.empty()) {
        result.reference = reference_from_platform(order.amount_minor);
    }
    if (result.refusal != Refusal::none) {
        Payment payment = base_payment(*entry);
        payment.masked_pan = result.outcome.masked_pan;
        payment.result = PaymentResult::declined;
        payment.state = "declined";
        payment.refusal = words_of(result.refusal);
        payment.refusal->reference = std::move(result.reference);
        show(ui_message::not_authorised, *entry);
        return conclude(*entry, std::move(payment));
    }
    CHECK(result.outcome.card);
    const PurchaseCall call{.key = entry->request.key,
                            .amount_minor = order.amount_minor,
                            .reference = order.reference,
                            .card = std::move(*result.outcome.card),
                            .cvm = result.outcome.cvm,
                            .permit = result.outcome.permit,
                            .pin = pin};
    return send(*entry, [&call](PlatformClient& to) { return to.purchase(call); });
}

// The core let go by itself. What it saw goes to the platform at once: in a request for a permit,
// which is answered with the number of the case.
std::string PhoneService::reference_from_platform(std::int64_t amount_minor) {
    const auto line = platform();
    if (!line) return {};
    const auto asked = trust_.permit(*line, {.amount_minor = amount_minor});
    return asked ? std::string() : asked.error().reference;
}

std::expected<JournalEntry, RefusalText> PhoneService::begin(const JournalRequest& request) {
    auto entry = journal_->begin(request, parts_.clock.now());
    if (entry) return std::move(*entry);
    switch (entry.error().kind) {
        case ErrorKind::conflict:
            return refused(Refusal::idempotency_conflict);
        case ErrorKind::denied:  // Too many of unknown outcome.
            return refused(Refusal::server_unavailable);
        case ErrorKind::malformed:
            return refused(Refusal::bad_value);
        default:
            log(LogLevel::error, "journal cannot be written", entry.error());
            return refused(Refusal::store_unavailable);
    }
}

RelayResult PhoneService::tap(const JournalEntry& entry) {
    {
        const std::lock_guard lock(mutex_);
        phase_ = Phase::tapping;
    }
    const std::lock_guard reader(reader_mutex_);
    RelayResult result{.refusal = Refusal::reader_unavailable};
    const auto line = platform();
    if (line && ensure_reader()) {
        const std::string key = entry.request.key.text();
        Relay relay(
            parts_.core,
            [&] { return trust_.permit(*line, {.amount_minor = entry.request.amount_minor}); },
            [&](const protocol::TapUi& ui) {
                parts_.feed.publish({.at = parts_.clock.now(),
                                     .message = ui.message,
                                     .hold_ms = ui.hold_ms,
                                     .idempotency_key = key});
            },
            config_.relay);
        {
            const std::lock_guard lock(mutex_);
            relay_ = &relay;
            if (cancel_wanted_) relay.cancel(*reader_);
        }
        const LocalTime time = china_time(parts_.clock.now());
        result = relay.run(*reader_, {.amount_minor = entry.request.amount_minor,
                                      .transaction_type = transaction_type_purchase,
                                      .date = time.yymmdd(),
                                      .time = time.hhmmss(),
                                      .trace = entry.trace,
                                      .permit = {}});
        const std::lock_guard lock(mutex_);
        relay_ = nullptr;
    }
    if (result.refusal == Refusal::reader_unavailable) reader_.reset();
    return result;
}

// From here on a cancel comes too late; one that came before counts.
void PhoneService::close_tap(RelayResult& result) {
    const std::lock_guard lock(mutex_);
    phase_ = Phase::sending;
    if (cancel_wanted_ && !result.cancelled) {
        result = {.refusal = Refusal::no_card_presented, .cancelled = true};
    }
}

// Under a permit of its own, which the core asks for in the name of the tap.
std::optional<PinCall> PhoneService::take_pin(const JournalEntry& entry, RelayResult& result) {
    const bool asked = result.refusal == Refusal::none && !result.cancelled &&
                       result.outcome.cvm == protocol::TapCvm::online_pin;
    const auto line = platform();
    if (!asked || !line) return std::nullopt;
    auto permit = trust_.permit(*line, {.purpose = protocol::PermitPurpose::pin,
                                        .amount_minor = entry.request.amount_minor});
    if (!permit) {
        result.refusal = permit.error().refusal;
        result.reference = std::move(permit.error().reference);
        return std::nullopt;
    }
    show(ui_message::enter_pin, entry);
    const auto begun = parts_.core.pin_begin(permit->permit);
    if (!begun) {
        log(LogLevel::warning, "no PIN entry", begun.error());
        result.refusal = trusted_refusal_of(begun.error());
        return std::nullopt;
    }
    const auto pin = await_pin(result);
    return pin ? std::optional(PinCall{*pin, permit->id}) : std::nullopt;
}

std::optional<protocol::SealedPin> PhoneService::await_pin(RelayResult& result) {
    for (;;) {
        bool cancelled = !parts_.pauses.pause(pin_poll_ms);
        {
            const std::lock_guard lock(mutex_);
            cancelled = cancelled || cancel_wanted_;
        }
        if (cancelled) {
            (void)parts_.core.pin_abort();
            result.refusal = Refusal::pin_required;
            return std::nullopt;
        }
        const auto state = parts_.core.pin_poll();
        if (!state) {
            log(LogLevel::warning, "PIN entry ended", state.error());
            result.refusal = trusted_refusal_of(state.error());
            return std::nullopt;
        }
        if (state->progress == protocol::PinProgress::entered) return state->pin;
        if (state->progress != protocol::PinProgress::waiting) {
            result.refusal = Refusal::pin_required;
            return std::nullopt;
        }
    }
}

bool PhoneService::cancel() {
    const std::lock_guard lock(mutex_);
    if (phase_ != Phase::tapping) return false;
    cancel_wanted_ = true;
    if (relay_ != nullptr) relay_->cancel(*reader_);
    return true;
}

PaymentOutcome PhoneService::run_without_card(JournalRequest request, const Send& send_it) {
    if (!platform()) return refused(Refusal::terminal_not_active);
    if (request.digest == JournalRequest{}.digest) request.digest = digest_of(request);
    const auto known = journal_->find(request.key);
    if (known && known->request.digest != request.digest) {
        return refused(Refusal::idempotency_conflict);
    }
    if (known && known->state != EntryState::started) return view(*known);
    const Slot slot(*this, &request.key);
    if (!slot) return refused(Refusal::payment_in_progress);
    const auto entry = begin(request);
    if (!entry) return std::unexpected(entry.error());
    if (entry->state != EntryState::started) return view(*entry);
    return send(*entry, send_it);
}

PaymentOutcome PhoneService::void_sale(const VoidOrder& order) {
    std::string payment_id = order.payment_id;
    if (order.sale_key) {
        const auto sale = journal_->find(*order.sale_key);
        if (!sale) return refused(Refusal::not_found);
        payment_id = view(*sale).payment_id;
    }
    if (!is_identifier(payment_id)) return refused(Refusal::not_found);
    const Id128 key = order.key ? *order.key : Id128::make(parts_.random);
    return run_without_card({.key = key,
                             .kind = PaymentKind::void_sale,
                             .reference = {},
                             .original_payment_id = payment_id},
                            [&](PlatformClient& to) { return to.void_sale(payment_id, key); });
}

PaymentOutcome PhoneService::refund(const RefundOrder& order) {
    if (!is_identifier(order.payment_id)) return refused(Refusal::not_found);
    const Id128 key = order.key ? *order.key : Id128::make(parts_.random);
    return run_without_card(
        {.key = key,
         .kind = PaymentKind::refund,
         .amount_minor = order.amount_minor,
         .reference = {},
         .original_payment_id = order.payment_id},
        [&](PlatformClient& to) { return to.refund(order.payment_id, key, order.amount_minor); });
}

Payment PhoneService::send(const JournalEntry& entry, const Send& send_it) {
    const auto line = platform();
    const auto noted = journal_->mark_sent(entry.request.key, parts_.clock.now());
    if (!noted || !line) {
        if (!noted) log(LogLevel::error, "journal cannot be written", noted.error());
        return decline(entry, words_of(Refusal::store_unavailable), "not_sent");
    }
    show(ui_message::authorising, entry);
    Payment payment = settle(journal_->find(entry.request.key).value_or(entry), send_it(*line));
    if (!payment.code.empty()) return payment;  // The app shows it.
    show(payment.result == PaymentResult::approved   ? ui_message::approved
         : payment.result == PaymentResult::declined ? ui_message::not_authorised
                                                     : ui_message::processing_error,
         entry);
    return payment;
}

Payment PhoneService::settle(const JournalEntry& entry, PlatformAnswer answer) {
    switch (answer.kind) {
        case AnswerKind::refused:
            return decline(entry, std::move(answer.refusal), "declined");
        case AnswerKind::not_sent:
            return decline(entry, std::move(answer.refusal), "not_sent");
        case AnswerKind::payment:
            if (answer.payment.result != PaymentResult::indeterminate) {
                return conclude(entry, std::move(answer.payment));
            }
            if (!answer.payment.code.empty()) {  // To be shown now, and paid in a while.
                answer.payment.idempotency_key = entry.request.key.text();
                return std::move(answer.payment);
            }
            break;
        case AnswerKind::unknown:
        case AnswerKind::not_found:
            break;
    }
    const auto line = platform();
    return settle_poll(entry, poll_until_known(*line, poll_of(entry), parts_.clock, parts_.pauses));
}

Payment PhoneService::settle_poll(const JournalEntry& entry, PollResult result) {
    if (result.settled == Settled::known) return conclude(entry, std::move(result.payment));
    if (result.settled == Settled::never_taken) {
        return decline(entry, words_of(Refusal::server_unavailable), "not_sent");
    }
    Payment payment = base_payment(entry);
    if (!result.payment.payment_id.empty()) {
        payment = std::move(result.payment);
        payment.idempotency_key = entry.request.key.text();
    }
    payment.result = PaymentResult::indeterminate;
    if (payment.state.empty()) payment.state = "indeterminate";
    if (!payment.refusal) payment.refusal = words_of(Refusal::server_unavailable);
    return payment;
}

Payment PhoneService::decline(const JournalEntry& entry, RefusalText refusal, std::string state) {
    Payment payment = base_payment(entry);
    payment.result = PaymentResult::declined;
    payment.state = std::move(state);
    payment.refusal = std::move(refusal);
    return conclude(entry, std::move(payment));
}

// The result goes to disk before anybody hears of it. Where that fails it is told all the same: the
// entry stays open, and the platform is asked again after a restart.
Payment PhoneService::conclude(const JournalEntry& entry, Payment payment) {
    payment.idempotency_key = entry.request.key.text();
    if (payment.reference.empty()) payment.reference = entry.request.reference;
    const auto written = journal_->mark_answered(entry.request.key, payment);
    if (written) return payment;
    if (written.error().kind == ErrorKind::conflict) {  // A status query was faster.
        if (const auto now = journal_->find(entry.request.key)) {
            if (auto earlier = stored(*now)) return std::move(*earlier);
        }
    }
    log(LogLevel::error, "result cannot be written", written.error());
    return payment;
}

Payment PhoneService::base_payment(const JournalEntry& entry) const {
    Payment payment;
    payment.payment_id = entry.payment_id;
    payment.idempotency_key = entry.request.key.text();
    payment.kind = entry.request.kind;
    payment.amount_minor = entry.request.amount_minor;
    payment.reference = entry.request.reference;
    payment.original_payment_id = entry.request.original_payment_id;
    payment.trace = six_digits(entry.trace);
    payment.created_at = china_time(entry.started_at).iso();
    return payment;
}

std::optional<Payment> PhoneService::stored(const JournalEntry& entry) const {
    if (entry.state != EntryState::answered) return std::nullopt;
    auto payment = read_payment(entry.result_json);
    return payment ? std::optional(std::move(*payment)) : std::nullopt;
}

// What can be said now about a payment of ours, with one question to the platform where its outcome
// is not known.
Payment PhoneService::view(const JournalEntry& entry) {
    if (auto known = stored(entry)) return std::move(*known);
    const auto line = platform();
    if (entry.state == EntryState::sent && line) {
        return settle_poll(entry, ask_once(*line, poll_of(entry), parts_.clock.now()));
    }
    Payment payment = base_payment(entry);
    payment.result = PaymentResult::indeterminate;
    payment.state = "in_progress";
    payment.refusal = words_of(Refusal::payment_in_progress);
    return payment;
}

PaymentOutcome PhoneService::payment(const std::string& id_or_key) {
    std::optional<JournalEntry> entry;
    if (const auto key = Id128::parse(id_or_key)) entry = journal_->find(*key);
    if (entry && (entry->payment_id.empty() || entry->state != EntryState::answered)) {
        return view(*entry);
    }
    if (!entry) entry = journal_->find_payment(id_or_key);
    const std::string payment_id = entry ? entry->payment_id : id_or_key;
    const auto line = platform();
    if (!is_identifier(payment_id)) return refused(Refusal::not_found);
    if (!line) return entry ? PaymentOutcome(view(*entry)) : refused(Refusal::terminal_not_active);
    // The platform knows what happened since, such as a refund from elsewhere.
    PlatformAnswer answer = line->status(payment_id);
    if (answer.kind == AnswerKind::payment) {
        if (entry) answer.payment.idempotency_key = entry->request.key.text();
        return std::move(answer.payment);
    }
    if (entry) return view(*entry);
    return std::unexpected(std::move(answer.refusal));
}

PaymentOutcome PhoneService::last() {
    const auto entry = journal_->last();
    if (!entry) return refused(Refusal::not_found);
    return view(*entry);
}

std::size_t PhoneService::resolve_open() {
    const auto line = platform();
    if (!line) return journal_->open_count();
    for (const JournalEntry& entry : journal_->in_state(EntryState::sent)) {
        if (!is_running(entry.request.key)) (void)view(entry);
    }
    return journal_->in_state(EntryState::sent).size();
}

Result<void> PhoneService::report() {
    const auto line = platform();
    if (!line) return {};
    return trust_.report(*line);
}

std::expected<ServiceStatus, RefusalText> PhoneService::enrol(const EnrolOrder& order) {
    {
        const Slot slot(*this, nullptr);
        if (!slot) return refused(Refusal::payment_in_progress);
        auto enrolment = device::enrol({.state = state_,
                                        .core = parts_.core,
                                        .posture = trust_.posture(),
                                        .limits = config_.platform},
                                       order);
        if (!enrolment) return std::unexpected(std::move(enrolment.error()));
        const auto identity = identity_of(*enrolment);
        if (!identity) return refused(Refusal::internal);
        auto line = PlatformClient::make(*identity, config_.platform);
        if (!line) return refused(Refusal::internal);
        const std::lock_guard lock(mutex_);
        enrolment_ = std::move(*enrolment);
        platform_ = std::move(*line);
    }
    return status();
}

ServiceStatus PhoneService::status() {
    ServiceStatus status;
    {
        const std::unique_lock reader(reader_mutex_, std::try_to_lock);
        if (reader.owns_lock() && ensure_reader()) {
            status.reader_name = std::string(reader_->name());
        }
    }
    status.unresolved = journal_->in_state(EntryState::sent).size();
    if (auto core = parts_.core.status()) status.core = std::move(*core);
    const std::lock_guard lock(mutex_);
    status.busy = busy_;
    status.enrolled = platform_ != nullptr;
    if (enrolment_) {
        status.server = enrolment_->server;
        status.terminal_id = enrolment_->terminal_id;
        status.merchant_id = enrolment_->merchant_id;
        status.merchant_name = enrolment_->merchant_name;
        status.grade = enrolment_->grade;
    }
    return status;
}

// The report first: with its answer come commands, and the core may have other keys behind them.
Preflight PhoneService::preflight() {
    PreflightFacts facts;
    if (const auto line = platform()) facts.platform_heard = trust_.report(*line).has_value();
    facts.findings = trust_.posture().findings.size();
    facts.status = status();
    return judge_preflight(facts);
}

}  // namespace softpos::device
