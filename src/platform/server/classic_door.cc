// One turn a frame: read, ask the terminal's machine, check its MAC, do what was asked, answer.
#include "platform/server/classic_door.h"

#include "base/log.h"
#include "codec/cup_frame.h"
#include "codec/iso8583.h"
#include "crypto/hash.h"
#include "platform/channel/classic_terminal.h"
#include "platform/pay/settlement.h"
#include "platform/server/classic_batch.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

namespace softpos::server {

using channel::CupAsk;
using channel::CupReply;
using channel::CupRequest;
using channel::DoorStep;
using channel::Verdict;
using codec::IsoMessage;

namespace {

constexpr std::uint8_t classic_key_mark = 'C';
constexpr std::size_t terminal_size = 8;
constexpr std::string_view kind_of_sale = "22";  // 60.1
constexpr std::uint32_t all_traces = 0xFF'FFFF;

void put_24(Id128& key, std::size_t at, std::uint32_t number) {
    for (std::size_t i = 0; i < 3; ++i) {
        key.bytes[at + i] = static_cast<std::uint8_t>(number >> (16 - 8 * i) & 0xFF);
    }
}

// Field 39 of what we refuse ourselves. Spec: [CUP-POS] 1.9.
std::string_view code_of(Refusal refusal) {
    switch (refusal) {
        case Refusal::none:
            return "00";
        case Refusal::idempotency_conflict:
        case Refusal::payment_in_progress:
            return "94";
        case Refusal::amount_over_limit:
            return "61";
        case Refusal::not_voidable:
            return "KK";
        case Refusal::already_voided:
            return "5M";
        case Refusal::refund_over_sale:
            return "64";
        case Refusal::not_found:
        case Refusal::not_refundable:
            return "25";
        case Refusal::merchant_not_active:
            return "03";
        case Refusal::terminal_not_active:
            return "58";
        case Refusal::card_data_invalid:
            return "14";
        case Refusal::network_unavailable:
            return "91";
        case Refusal::network_timeout:
        case Refusal::reversal_pending:
            return "A2";
        default:
            return "96";
    }
}

// How the cardholder was verified, as far as the message says it: without a PIN contactless is
// small, and everything else is signed for.
std::string_view method_of(const CupRequest& request) {
    if (request.pin) return "online_pin";
    return request.entry_mode.starts_with("07") ? "none" : "signature";
}

std::string digits_of_day(pay::BusinessDate date) {
    return date.known() ? date.mmdd() : std::string();
}

}  // namespace

Id128 classic_payment_key(std::string_view terminal, std::uint32_t batch, std::uint32_t trace) {
    Id128 key;
    key.bytes[0] = classic_key_mark;
    std::copy_n(terminal.begin(), std::min(terminal.size(), terminal_size), &key.bytes[1]);
    put_24(key, 1 + terminal_size, batch);
    put_24(key, 4 + terminal_size, trace);
    return key;
}

store::KeyRange classic_batch_keys(std::string_view terminal, std::uint32_t batch) {
    return {classic_payment_key(terminal, batch, 0),
            classic_payment_key(terminal, batch, all_traces)};
}

bool is_classic_payment_key(const Id128& key) {
    return key.bytes[0] == classic_key_mark && key.bytes.back() == 0 &&
           std::all_of(&key.bytes[1], &key.bytes[1] + terminal_size,
                       [](std::uint8_t c) { return c >= '0' && c <= '9'; });
}

// A terminal as the door remembers it while the process runs.
struct Known {
    explicit Known(const merchant::Terminal& row)
        : terminal(row), machine(row.number, row.merchant, {}) {}

    const merchant::Terminal terminal;
    std::mutex mutex;  // Guards what follows.
    channel::ClassicTerminal machine;
    std::vector<channel::UploadItem> uploaded;
};

// What came, and the way back. Holds card data until it is dropped.
struct Turn {
    explicit Turn(const codec::Dialect& dialect) : message(dialect) {}

    IsoMessage message;
    codec::Tpdu tpdu{};
    codec::CupHeader header{};
    SecretBytes packed;
    CupRequest request;
    channel::RequestDigest digest{};
    std::shared_ptr<Known> known;
    ClassicDoor::Send send;
};

using TurnPtr = std::shared_ptr<Turn>;

struct ClassicDoor::Impl {
    Impl(codec::Dialect dialect_in, Parts parts_in)
        : dialect(std::move(dialect_in)), parts(parts_in) {}

    codec::Dialect dialect;
    Parts parts;
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<Known>, std::less<>> terminals;

    pay::BusinessDate today() const {
        const pay::BusinessDate date = parts.upstream.business_date();
        return date.known() ? date : pay::china_date(parts.clock.now());
    }
    void turn(SecretBytes frame, const Send& send);
    Result<std::shared_ptr<Known>> find(std::string_view terminal);
    void decide(const TurnPtr& turn);
    void check_mac(const TurnPtr& turn);
    void judged(const TurnPtr& turn, const Verdict& verdict);
    void perform(const TurnPtr& turn);
    void sign_in(const TurnPtr& turn);
    void pay(const TurnPtr& turn, pay::PaymentKind kind);
    Result<pay::Payment> original_of(const CupRequest& request, const Known& known);
    void paid(const TurnPtr& turn, const PaymentReply& reply);
    void take_back(const TurnPtr& turn);
    void settle(const TurnPtr& turn);
    void upload(const TurnPtr& turn);
    Result<void> close_batch(const Turn& turn, const std::optional<BatchDifference>& difference);
    enum class Keep : std::uint8_t { no, yes };
    void answer(const TurnPtr& turn, const CupReply& reply, Keep keep);
    void refuse(const TurnPtr& turn, std::string_view code) {
        answer(turn, {.code = std::string(code)}, Keep::no);
    }
    void repeat(const TurnPtr& turn, Buffer packed);
    void leave(const TurnPtr& turn, Bytes packed, std::string_view code) const;
    bool put_mac(const Turn& turn, std::span<std::uint8_t> packed);
};

ClassicDoor::ClassicDoor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ClassicDoor::~ClassicDoor() = default;

Result<std::unique_ptr<ClassicDoor>> ClassicDoor::make(std::string_view dialect_text, Parts parts) {
    auto dialect = TRY(codec::Dialect::parse(dialect_text));
    return std::unique_ptr<ClassicDoor>(
        new ClassicDoor(std::make_unique<Impl>(std::move(dialect), parts)));
}

void ClassicDoor::arrived(Bytes frame, Send send) {
    // Clear card data is in it: from here on it lies in memory that is wiped.
    auto copy = std::make_shared<SecretBytes>(SecretBytes::copy_of(frame));
    const bool queued = impl_->parts.workers.post(
        [this, copy, send = std::move(send)] { impl_->turn(std::move(*copy), send); });
    if (!queued) log(LogLevel::warning, "classic: too busy, a message was dropped");
}

// What is no message is not answered; what is one and says nothing sensible is answered with 30.
void ClassicDoor::Impl::turn(SecretBytes frame, const Send& send) {
    const auto envelope = codec::parse_frame(frame.bytes());
    if (!envelope) return log(LogLevel::warning, "classic: not a frame", envelope.error());
    const auto turn = std::make_shared<Turn>(dialect);
    turn->tpdu = envelope->tpdu;
    turn->header = envelope->header;
    turn->packed = SecretBytes::copy_of(envelope->message);
    turn->send = send;
    if (const auto read = codec::unpack(turn->packed.bytes(), turn->message); !read) {
        return log(LogLevel::warning, "classic: not a message", read.error());
    }
    auto request = channel::read_request(turn->message);
    if (!request) {
        log(LogLevel::warning, "classic: message refused", request.error());
        return refuse(turn, "30");
    }
    turn->request = *std::move(request);
    auto known = find(turn->request.terminal);
    if (!known) {
        const bool away = known.error().kind != ErrorKind::not_found;
        return refuse(turn, away ? "96" : "97");
    }
    turn->known = *std::move(known);
    decide(turn);
}

// Only those that exist are remembered: whoever makes numbers up fills no memory. What a terminal
// may do is asked for each message, so that it can be stopped at once.
Result<std::shared_ptr<Known>> ClassicDoor::Impl::find(std::string_view number) {
    std::optional<store::ClassicRow> classic;
    std::optional<merchant::Terminal> terminal;
    TRY_VOID(parts.store.read([&](store::Reader& reader) -> Result<void> {
        classic = TRY(reader.classic(number));
        if (classic) terminal = TRY(reader.terminal_by_number(number));
        return {};
    }));
    if (!terminal) return fail(ErrorKind::not_found, "classic: no such terminal");
    std::shared_ptr<Known> known;
    {
        const std::lock_guard lock(mutex);
        std::shared_ptr<Known>& place = terminals[std::string(number)];
        if (!place) place = std::make_shared<Known>(*terminal);
        known = place;
    }
    const std::lock_guard lock(known->mutex);
    known->machine.allow({.purchase = classic->purchase,
                          .void_sale = classic->void_sale,
                          .refund = classic->refund,
                          .amount_max_minor = classic->amount_max_minor});
    return known;
}

void ClassicDoor::Impl::decide(const TurnPtr& turn) {
    Verdict verdict;
    {
        const std::lock_guard lock(turn->known->mutex);
        verdict = turn->known->machine.arrived(turn->request, today().yyyymmdd);
    }
    switch (verdict.step) {
        case DoorStep::give_keys:
            return sign_in(turn);
        case DoorStep::check_mac:
            return check_mac(turn);
        case DoorStep::check_repeat:
            turn->digest = crypto::sha256(turn->packed.bytes());
            break;
        default:
            return judged(turn, verdict);
    }
    {
        const std::lock_guard lock(turn->known->mutex);
        verdict = turn->known->machine.believed(turn->request, turn->digest);
    }
    judged(turn, verdict);
}

void ClassicDoor::Impl::check_mac(const TurnPtr& turn) {
    const Bytes input = codec::mac_input(turn->packed.bytes());
    const auto checked = parts.vault.verify_mac(classic_key_alias(turn->request.terminal), input,
                                                *turn->request.mac);
    if (!checked && checked.error().kind == ErrorKind::unavailable) return refuse(turn, "96");
    Verdict verdict = channel::ClassicTerminal::disbelieved();
    if (checked) {
        turn->digest = crypto::sha256(input);
        const std::lock_guard lock(turn->known->mutex);
        verdict = turn->known->machine.believed(turn->request, turn->digest);
    }
    judged(turn, verdict);
}

void ClassicDoor::Impl::judged(const TurnPtr& turn, const Verdict& verdict) {
    switch (verdict.step) {
        case DoorStep::perform:
            return perform(turn);
        case DoorStep::repeat:
            return repeat(turn, verdict.before);
        case DoorStep::silence:
            return;
        default:
            return refuse(turn, verdict.code);
    }
}

void ClassicDoor::Impl::perform(const TurnPtr& turn) {
    switch (turn->request.ask) {
        case CupAsk::purchase:
            return pay(turn, pay::PaymentKind::purchase);
        case CupAsk::void_sale:
            return pay(turn, pay::PaymentKind::void_sale);
        case CupAsk::refund:
            return pay(turn, pay::PaymentKind::refund);
        case CupAsk::reversal:
            return take_back(turn);
        case CupAsk::settle:
            return settle(turn);
        case CupAsk::upload:
        case CupAsk::upload_end:
            return upload(turn);
        default:
            break;
    }
    {
        const std::lock_guard lock(turn->known->mutex);
        turn->known->machine.signed_out();
    }
    refuse(turn, "00");
}

// New working keys, the number of the batch, the time. Spec: [CUP-POS] field 62, 40 bytes.
void ClassicDoor::Impl::sign_in(const TurnPtr& turn) {
    std::uint32_t batch = 0;
    const auto read = parts.store.read([&](store::Reader& reader) -> Result<void> {
        const auto terminal = TRY(reader.terminal(turn->known->terminal.id));
        const auto classic = TRY(reader.classic(turn->request.terminal));
        const bool works = terminal && (terminal->state == merchant::TerminalState::enrolled ||
                                        terminal->state == merchant::TerminalState::active);
        if (classic && works) batch = classic->batch;
        return {};
    });
    if (!read) return refuse(turn, "96");
    if (batch == 0) return refuse(turn, "58");
    const auto keys = parts.vault.give_working_keys(classic_key_alias(turn->request.terminal));
    if (!keys) {
        log(LogLevel::warning, "classic: no keys", keys.error());
        return refuse(turn, "96");
    }
    Buffer field_62;
    for (const auto* key : {&keys->pin_key, &keys->mac_key}) {
        append(field_62, key->cryptogram);
        append(field_62, key->check_value);
    }
    {
        const std::lock_guard lock(turn->known->mutex);
        turn->known->machine.signed_in(batch, today().yyyymmdd);
        turn->known->uploaded.clear();
    }
    log(LogLevel::info, "classic: signed in",
        {{"terminal", LogId(turn->request.terminal)}, {"batch", std::int64_t{batch}}});
    answer(turn, {.batch = batch, .keys = field_62}, Keep::no);
}

// By batch and trace where the terminal knows them, else by the network's number.
Result<pay::Payment> ClassicDoor::Impl::original_of(const CupRequest& request, const Known& known) {
    std::optional<pay::Payment> original;
    TRY_VOID(parts.store.read([&](store::Reader& reader) -> Result<void> {
        const std::string& merchant = known.terminal.merchant;
        if (request.original_batch != 0 && request.original_trace != 0) {
            original = TRY(reader.payment_by_key(
                merchant, classic_payment_key(request.terminal, request.original_batch,
                                              request.original_trace)));
        } else {
            original = TRY(reader.purchase_by_reference(merchant, request.reference));
        }
        return {};
    }));
    // The card that stands in the message is the one that paid.
    const bool same = original && original->rrn == request.reference &&
                      original->masked_pan == request.masked_pan;
    if (!same) return fail(ErrorKind::not_found, "classic: no such payment");
    return *std::move(original);
}

void ClassicDoor::Impl::pay(const TurnPtr& turn, pay::PaymentKind kind) {
    const CupRequest& request = turn->request;
    PaymentOrder order;
    order.terminal = turn->known->terminal;
    order.kind = kind;
    order.idempotency_key = classic_payment_key(request.terminal, request.batch, request.trace);
    order.body_digest = turn->digest;
    order.amount_minor = request.amount_minor;
    order.card_method = method_of(request);
    ClassicCard card;
    card.pin = request.pin;
    if (kind == pay::PaymentKind::purchase) {
        auto tlv = channel::card_of(turn->message);
        if (!tlv) return paid(turn, {Refusal::card_data_invalid, std::nullopt});
        card.card_tlv = *std::move(tlv);
    } else {
        const auto original = original_of(request, *turn->known);
        if (!original) {
            const bool away = original.error().kind == ErrorKind::unavailable;
            return paid(turn, {away ? Refusal::store_unavailable : Refusal::not_found, {}});
        }
        if (kind == pay::PaymentKind::void_sale && original->amount_minor != request.amount_minor) {
            return paid(turn, {Refusal::refund_over_sale, std::nullopt});
        }
        order.original = original->id;
    }
    order.classic = std::make_shared<const ClassicCard>(std::move(card));
    // The reply may come on the store's writer: what asks the vault goes to a worker.
    parts.engine.submit(std::move(order), [this, turn](const PaymentReply& reply) {
        parts.workers.post_always([this, turn, reply] { paid(turn, reply); });
    });
}

// An answer that may still change is not remembered: the same message asks what became of it.
void ClassicDoor::Impl::paid(const TurnPtr& turn, const PaymentReply& reply) {
    CupReply out;
    if (!reply.payment) {
        out.code = code_of(reply.refusal);
        return answer(turn, out, Keep::no);
    }
    const pay::Payment& payment = *reply.payment;
    const auto result = pay::result_of(payment);
    const bool approved = result == pay::PaymentResult::approved;
    if (approved) {
        out.reference = payment.rrn;
        out.approval = payment.auth_code;
    } else {
        const bool said = result == pay::PaymentResult::declined && !payment.response_code.empty();
        out.code = said ? payment.response_code : std::string(code_of(payment.refusal));
        if (out.code == "00") out.code = "A2";
    }
    out.settle_date = digits_of_day(payment.settlement_date);
    const bool final = result != pay::PaymentResult::indeterminate;
    answer(turn, out, final ? Keep::yes : Keep::no);
}

// What never came here is not paid later either: the machine remembers the reversal. What is on its
// way and not written down yet can be neither found nor denied: the terminal asks again. So this is
// asked in front of the store, never behind it.
void ClassicDoor::Impl::take_back(const TurnPtr& turn) {
    const CupRequest& request = turn->request;
    bool on_its_way = false;
    {
        const std::lock_guard lock(turn->known->mutex);
        on_its_way = turn->known->machine.is_paying(request.batch, request.trace);
    }
    std::optional<pay::Payment> payment;
    const auto read = parts.store.read([&](store::Reader& reader) -> Result<void> {
        payment = TRY(reader.payment_by_key(
            turn->known->terminal.merchant,
            classic_payment_key(request.terminal, request.batch, request.trace)));
        return {};
    });
    if (!read) return refuse(turn, "96");
    if (!payment && on_its_way) return refuse(turn, "96");
    const auto kind =
        request.kind == kind_of_sale ? pay::PaymentKind::purchase : pay::PaymentKind::void_sale;
    if (!payment || payment->kind != kind) return answer(turn, {.code = "25"}, Keep::yes);
    if (payment->amount_minor != request.amount_minor) {
        return answer(turn, {.code = "64"}, Keep::yes);
    }
    parts.engine.take_back(payment->id, [this, turn](const Result<bool>& gone) {
        parts.workers.post_always([this, turn, gone] {
            if (!gone) return refuse(turn, "96");
            answer(turn, {.code = *gone ? "00" : "12"}, Keep::yes);
        });
    });
}

// Our totals beside the terminal's. The same again gives the same.
void ClassicDoor::Impl::settle(const TurnPtr& turn) {
    const CupRequest& request = turn->request;
    const auto ours = batch_of_ours(parts.store, turn->known->terminal, request.batch);
    if (!ours) {
        const bool open = ours.error().kind == ErrorKind::conflict;
        return refuse(turn, open ? "94" : "96");
    }
    codec::BatchTotals totals = *request.totals;
    const bool same = balances(ours->totals, totals);
    totals.domestic.verdict =
        same ? codec::BatchVerdict::balanced : codec::BatchVerdict::unbalanced;
    totals.foreign.verdict = codec::BatchVerdict::balanced;
    if (same) {
        if (const auto closed = close_batch(*turn, std::nullopt); !closed) {
            return refuse(turn, "96");
        }
    }
    answer(turn, {.totals = totals}, Keep::no);
}

// Payment by payment, where the totals differ. At the end the batch is closed all the same, and
// what differs is told to the acquirer: the books are ours, and the file of the network decides.
void ClassicDoor::Impl::upload(const TurnPtr& turn) {
    const CupRequest& request = turn->request;
    Known& known = *turn->known;
    std::vector<channel::UploadItem> items;
    {
        const std::lock_guard lock(known.mutex);
        if (request.ask == CupAsk::upload) {
            const std::size_t room = store::classic_batch_rows_max - known.uploaded.size();
            const std::size_t taken = std::min(room, request.items.size());
            known.uploaded.insert(known.uploaded.end(), request.items.begin(),
                                  request.items.begin() + static_cast<std::ptrdiff_t>(taken));
        } else {
            items = known.uploaded;
        }
    }
    if (request.ask == CupAsk::upload) return answer(turn, {}, Keep::yes);
    const auto ours = batch_of_ours(parts.store, known.terminal, request.batch);
    if (!ours) return refuse(turn, "96");
    const BatchDifference difference = compare_batch(*ours, items, request.items_total);
    if (const auto closed = close_batch(*turn, difference); !closed) return refuse(turn, "96");
    {
        const std::lock_guard lock(known.mutex);
        known.uploaded.clear();  // Not before: what could not be written is asked for again.
    }
    answer(turn, {}, Keep::yes);
}

Result<void> ClassicDoor::Impl::close_batch(const Turn& turn,
                                            const std::optional<BatchDifference>& difference) {
    const CupRequest& request = turn.request;
    TRY_VOID(parts.store.run([&](store::Tx& tx) -> Result<void> {
        auto classic = TRY(tx.classic(request.terminal));
        if (!classic) return fail(ErrorKind::not_found, "classic: no such terminal");
        if (request.batch < classic->batch) return {};  // Closed before.
        classic->batch = request.batch % channel::trace_max + 1;
        TRY_VOID(tx.update(*classic));
        if (!difference) return {};
        const Instant now = parts.clock.now();
        return tx.enqueue(
            {.topic = "classic.batch_differs",
             .body = difference_json(*difference, turn.known->terminal, request.batch),
             .created_at = now});
    }));
    log(difference ? LogLevel::warning : LogLevel::info, "classic: batch settled",
        {{"terminal", LogId(request.terminal)},
         {"batch", std::int64_t{request.batch}},
         {"same", difference ? Literal("no") : Literal("yes")}});
    const std::lock_guard lock(turn.known->mutex);
    turn.known->machine.settled(request.batch);
    return {};
}

void ClassicDoor::Impl::answer(const TurnPtr& turn, const CupReply& reply, Keep keep) {
    CupReply full = reply;
    const LocalTime now = china_time(parts.clock.now());
    full.local_time = now.hhmmss();
    full.local_date = now.mmdd();
    IsoMessage out(dialect);
    auto built = channel::build_answer(turn->message, full, out);
    const bool signs = built && channel::carries_mac(out.mti());
    if (signs) built = out.set_binary(64, channel::MacText{});
    std::array<std::uint8_t, codec::iso_message_bytes_max> packed;
    const auto size = built ? codec::pack(out, packed) : Result<std::size_t>(0);
    if (!built || !size) {
        return log(LogLevel::warning, "classic: answer not built",
                   built ? size.error() : built.error());
    }
    std::span<std::uint8_t> bytes = std::span(packed).first(*size);
    if (turn->known) {
        const bool asked = turn->request.ask != CupAsk::sign_in &&
                           turn->request.ask != CupAsk::sign_out &&
                           turn->request.ask != CupAsk::echo;
        const std::lock_guard lock(turn->known->mutex);
        channel::ClassicTerminal& machine = turn->known->machine;
        if (asked && machine.is_doing(turn->request, turn->digest)) {
            if (keep == Keep::yes) machine.answered(turn->request, {bytes.begin(), bytes.end()});
            if (keep == Keep::no) machine.given_up(turn->request);
        }
    }
    // Who has no keys yet is told so without a MAC: there is none that it could check.
    if (signs && !put_mac(*turn, bytes)) {
        out.clear(64);
        const auto bare = codec::pack(out, packed);
        if (!bare) return log(LogLevel::error, "classic: answer not built", bare.error());
        bytes = std::span(packed).first(*bare);
    }
    leave(turn, bytes, full.code);
}

void ClassicDoor::Impl::repeat(const TurnPtr& turn, Buffer packed) {
    const bool signs = !codec::mac_input(packed).empty();
    if (signs && !put_mac(*turn, packed)) return refuse(turn, "96");
    leave(turn, packed, {});
}

bool ClassicDoor::Impl::put_mac(const Turn& turn, std::span<std::uint8_t> packed) {
    if (!turn.known) return false;
    const auto mac =
        parts.vault.mac(classic_key_alias(turn.request.terminal), codec::mac_input(packed));
    if (!mac) return false;
    std::ranges::copy(*mac, packed.last(mac->size()).begin());
    return true;
}

void ClassicDoor::Impl::leave(const TurnPtr& turn, Bytes packed, std::string_view code) const {
    codec::CupHeader header = turn->header;
    // The sixth digit says what the host wants done next.
    const bool sign_in = code == "A8" || code == "A0";
    const auto demand = static_cast<std::uint8_t>(sign_in ? codec::ProcessingDemand::sign_in
                                                          : codec::ProcessingDemand::none);
    header[2] = static_cast<std::uint8_t>((header[2] & 0xF0U) | demand);
    turn->send(codec::build_frame(
        {.tpdu = codec::answer_tpdu(turn->tpdu), .header = header, .message = packed}));
}

}  // namespace softpos::server
