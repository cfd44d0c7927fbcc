// Order is what matters here: what is stored is stored before it is used, and nothing of a card is
// left when an answer goes out.
#include "phone/trust/trusted_core.h"

#include "base/check.h"
#include "crypto/envelope.h"
#include "phone/trust/card_sealing.h"
#include "phone/trust/tap_outcome.h"

#include <algorithm>

namespace softpos::trust {
namespace {

using protocol::TrustedAnswer;
using protocol::TrustedFailure;
using protocol::TrustedFault;

constexpr codec::Tag merchant_id_tag{0x9F16};
constexpr codec::Tag terminal_id_tag{0x9F1C};

TrustedFault fault_of(const Error& error) {
    return error.kind == ErrorKind::denied ? TrustedFault::counter_exhausted
                                           : TrustedFault::storage_failed;
}

// Six digits, checked when they were decoded, as three bytes of BCD.
std::array<std::uint8_t, 3> bcd3(std::string_view digits) {
    std::array<std::uint8_t, 3> out{};
    for (std::size_t i = 0; i < out.size(); ++i) {
        const int high = digits[2 * i] - '0';
        const int low = digits[2 * i + 1] - '0';
        out[i] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return out;
}

// The identities of this terminal go to the card and into field 55 from here, not from the text.
Result<emv::ParameterSet> parse_parameters(const CoreState& state) {
    emv::ParameterSet set = TRY(emv::ParameterSet::parse(state.emv_parameters));
    TRY_VOID(set.add(merchant_id_tag, bytes_of(state.merchant_id)));
    TRY_VOID(set.add(terminal_id_tag, bytes_of(state.terminal_id)));
    return set;
}

}  // namespace

struct TrustedCore::Enrolment {
    CoreState state;  // Its dukpt is only filled while it is saved.
    emv::ParameterSet parameters;
    TransactionKeys keys;
};

// Destroying it wipes what the kernel learned.
struct TrustedCore::RunningTap {
    RunningTap(const emv::ParameterSet& parameters, const emv::TransactionData& data)
        : transaction(data), tap(parameters) {}

    emv::TransactionData transaction;
    emv::Tap tap;
};

TrustedCore::TrustedCore(TrustedPlatform& platform) : platform_(platform) {
    const auto loaded = load();
    if (!loaded && !load_fault_) load_fault_ = TrustedFault::storage_failed;
}

TrustedCore::~TrustedCore() = default;

Result<void> TrustedCore::load() {
    auto stored = platform_.load_state();
    if (!stored && stored.error().kind == ErrorKind::not_found) return {};
    const SecretBytes bytes = TRY(std::move(stored));
    CoreState state = TRY(read_core_state(bytes.bytes()));
    const std::uint64_t epoch = TRY(platform_.epoch());
    if (state.epoch < epoch || state.epoch > epoch + 1) {
        load_fault_ = TrustedFault::state_rolled_back;
        return fail(ErrorKind::denied, "trust: stored state and counter are of different times");
    }
    // One ahead: the last save was cut off between its two halves, and none of its keys was used.
    if (state.epoch > epoch) TRY_VOID(platform_.advance_epoch(state.epoch));
    TransactionKeys keys = TRY(TransactionKeys::restore(state.dukpt.bytes()));
    emv::ParameterSet parameters = TRY(parse_parameters(state));
    state.dukpt = {};
    enrolment_ = std::make_unique<Enrolment>(
        Enrolment{std::move(state), std::move(parameters), std::move(keys)});
    return {};
}

// Stores a state that stands behind the next block of counters; only then is the block entered.
Result<void> TrustedCore::save(Enrolment& enrolment) {
    const crypto::DukptAesDevice block = TRY(enrolment.keys.next_block());
    const std::uint64_t epoch = TRY(platform_.epoch()) + 1;
    enrolment.state.epoch = epoch;
    enrolment.state.dukpt = block.serialize();
    const SecretBytes stored = write_core_state(enrolment.state);
    enrolment.state.dukpt = {};
    TRY_VOID(platform_.save_state(stored.bytes()));
    TRY_VOID(platform_.advance_epoch(epoch));
    enrolment.keys.enter(block);
    return {};
}

Result<void> TrustedCore::reserve_keys() {
    return enrolment_->keys.needs_block() ? save(*enrolment_) : Result<void>();
}

Buffer TrustedCore::invoke(Bytes request) {
    auto decoded = protocol::decode_trusted_request(request);
    if (decoded) {
        const Buffer answered = protocol::encode(answer(*decoded));
        // What a card answered is as secret as what was made of it.
        auto* carried = std::get_if<protocol::TapContinueRequest>(&*decoded);
        auto* rapdu = carried == nullptr ? nullptr : std::get_if<Buffer>(&carried->result);
        if (rapdu != nullptr) wipe(*rapdu);
        return answered;
    }
    const bool version = decoded.error().kind == ErrorKind::unsupported;
    return protocol::encode(TrustedAnswer(TrustedFailure{
        version ? TrustedFault::version_unsupported : TrustedFault::malformed_request,
        decoded.error().detail}));
}

TrustedAnswer TrustedCore::answer(const protocol::TrustedRequest& request) {
    return std::visit([this](const auto& one) { return on(one); }, request);
}

TrustedAnswer TrustedCore::on(const protocol::StatusRequest&) {
    protocol::StatusAnswer status;
    status.core_version = core_version;
    if (!enrolment_) return status;
    status.enrolled = true;
    status.terminal_id = enrolment_->state.terminal_id;
    std::ranges::copy(enrolment_->keys.initial_key_id(), status.initial_key_id.begin());
    status.next_counter = enrolment_->keys.counter();
    return status;
}

TrustedAnswer TrustedCore::on(const protocol::EnrolBeginRequest&) {
    auto key = crypto::P256Key::generate();
    if (!key) return TrustedFailure{TrustedFault::internal, 0};
    enrolment_key_ = std::move(*key);
    protocol::EnrolBeginAnswer begun;
    const Buffer point = enrolment_key_->public_point();
    CHECK(point.size() == begun.public_point.size());
    std::ranges::copy(point, begun.public_point.begin());
    begun.measurement = platform_.measurement();
    return begun;
}

Result<std::unique_ptr<TrustedCore::Enrolment>> TrustedCore::make_enrolment(
    const protocol::EnrolFinishRequest& request, TrustedFailure& failure) {
    failure = {TrustedFault::envelope_refused, 0};
    const Buffer info = protocol::initial_key_envelope_info(request.initial_key_id);
    const SecretBytes initial_key =
        TRY(crypto::open_envelope(*enrolment_key_, info, request.key_envelope));
    // The same initial key again goes on where its counter stands.
    const bool same = enrolment_ != nullptr &&
                      std::ranges::equal(enrolment_->keys.initial_key_id(), request.initial_key_id);
    if (same && enrolment_->keys.exhausted()) {
        failure.fault = TrustedFault::counter_exhausted;
        return fail(ErrorKind::denied, "trust: this initial key is used up");
    }
    const std::uint32_t first = same ? enrolment_->keys.ceiling() : 1;
    TransactionKeys keys =
        TRY(TransactionKeys::load(initial_key.bytes(), request.initial_key_id, first));
    CoreState state{
        0, request.terminal_id, request.merchant_id, request.merchant_name, request.emv_parameters,
        {}};
    auto parameters = parse_parameters(state);
    if (!parameters) {
        failure = {TrustedFault::parameters_refused, parameters.error().detail};
        return std::unexpected(parameters.error());
    }
    return std::make_unique<Enrolment>(
        Enrolment{std::move(state), std::move(*parameters), std::move(keys)});
}

TrustedAnswer TrustedCore::on(const protocol::EnrolFinishRequest& request) {
    tap_.reset();
    if (!enrolment_key_) return TrustedFailure{TrustedFault::no_enrolment_begun, 0};
    TrustedFailure failure;
    auto enrolment = make_enrolment(request, failure);
    if (!enrolment) return failure;
    if (const auto saved = save(**enrolment); !saved) {
        return TrustedFailure{fault_of(saved.error()), 0};
    }
    enrolment_ = std::move(*enrolment);
    enrolment_key_.reset();
    load_fault_.reset();
    return protocol::EnrolFinishAnswer{};
}

TrustedAnswer TrustedCore::on(const protocol::TapBeginRequest& request) {
    tap_.reset();
    if (load_fault_) return TrustedFailure{*load_fault_, 0};
    if (!enrolment_) return TrustedFailure{TrustedFault::not_enrolled, 0};
    // Before the card is asked for a cryptogram that could not be sealed.
    if (const auto reserved = reserve_keys(); !reserved) {
        return TrustedFailure{fault_of(reserved.error()), 0};
    }
    emv::TransactionData transaction;
    transaction.amount_minor = request.amount_minor;
    transaction.currency = request.currency;
    transaction.type = request.transaction_type;
    transaction.date = bcd3(request.date);
    transaction.time = bcd3(request.time);
    transaction.trace = request.trace;
    platform_.random().fill(transaction.unpredictable_number);
    tap_ = std::make_unique<RunningTap>(enrolment_->parameters, transaction);
    return tell(tap_->tap.start({transaction, emv::CardFinding::by_caller}));
}

TrustedAnswer TrustedCore::on(const protocol::TapContinueRequest& request) {
    if (!tap_) return TrustedFailure{TrustedFault::no_tap, 0};
    if (const auto* rapdu = std::get_if<Buffer>(&request.result)) {
        return tell(tap_->tap.handle(emv::Event::rapdu(*rapdu)));
    }
    switch (*std::get_if<protocol::TapRfError>(&request.result)) {
        case protocol::TapRfError::timeout:
            return tell(tap_->tap.handle(emv::Event::rf(emv::RfError::timeout)));
        case protocol::TapRfError::protocol:
            return tell(tap_->tap.handle(emv::Event::rf(emv::RfError::protocol)));
        case protocol::TapRfError::transmission:
            break;
    }
    return tell(tap_->tap.handle(emv::Event::rf(emv::RfError::transmission)));
}

TrustedAnswer TrustedCore::on(const protocol::TapAbortRequest&) {
    tap_.reset();
    return protocol::TapAbortAnswer{};
}

TrustedAnswer TrustedCore::tell(const emv::Step& step) {
    if (step.kind == emv::StepKind::done) {
        TrustedAnswer told = finish(step);
        tap_.reset();
        return told;
    }
    // The card is found by the caller, so there is nothing to wait for but the card's answers.
    if (step.kind != emv::StepKind::send) {
        tap_.reset();
        return TrustedFailure{TrustedFault::internal, 0};
    }
    protocol::TapStep told;
    if (step.ui) told.ui = tell_ui(*step.ui);
    told.next =
        protocol::SendApdu{Buffer(step.command.begin(), step.command.end()), step.timeout_ms};
    return told;
}

TrustedAnswer TrustedCore::finish(const emv::Step& step) {
    protocol::TapStep told;
    if (step.ui) told.ui = tell_ui(*step.ui);
    protocol::TapOutcome outcome = tell_outcome(step.outcome);
    const emv::CardData& card = tap_->tap.state().card;
    outcome.masked_pan = masked_pan_of(card.track2.bytes());
    outcome.aid.assign(card.df_name.bytes().begin(), card.df_name.bytes().end());
    if (outcome.kind == protocol::TapOutcomeKind::online_request) {
        auto sealed = seal();
        if (!sealed) return TrustedFailure{TrustedFault::internal, 0};
        outcome.card = std::move(*sealed);
    }
    told.next = std::move(outcome);
    return told;
}

Result<protocol::SealedCard> TrustedCore::seal() {
    const std::optional<emv::CardRecord> record = tap_->tap.take_record();
    if (!record) return fail(ErrorKind::internal, "trust: online request without card data");
    auto step = TRY(enrolment_->keys.next());
    return seal_card(
        {record->track2(), record->pan_sequence(), record->expiry_date(), record->field55()},
        {enrolment_->state.terminal_id,
         tap_->transaction.amount_minor,
         tap_->transaction.currency,
         {}},
        std::move(step));
}

}  // namespace softpos::trust
