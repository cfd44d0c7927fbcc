// Order is what matters here: what is stored is stored before it is used, and nothing of a card is
// left when an answer goes out.
#include "phone/trust/trusted_core.h"

#include "phone/trust/core_parts.h"

#include <algorithm>

namespace softpos::trust {
namespace {

using protocol::CoreMode;
using protocol::FindingCode;
using protocol::Severity;
using protocol::TrustedAnswer;
using protocol::TrustedFailure;
using protocol::TrustedFault;

constexpr codec::Tag merchant_id_tag{0x9F16};
constexpr codec::Tag terminal_id_tag{0x9F1C};

}  // namespace

TrustedFault fault_of(const Error& error) {
    return error.kind == ErrorKind::denied ? TrustedFault::counter_exhausted
                                           : TrustedFault::storage_failed;
}

Result<emv::ParameterSet> parse_parameters(const CoreState& state) {
    emv::ParameterSet set = TRY(emv::ParameterSet::parse(state.emv_parameters));
    TRY_VOID(set.add(merchant_id_tag, bytes_of(state.merchant_id)));
    TRY_VOID(set.add(terminal_id_tag, bytes_of(state.terminal_id)));
    return set;
}

TrustedCore::TrustedCore(TrustedPlatform& platform, const CoreOptions& options)
    : platform_(platform), options_(options) {
    const auto loaded = load();
    if (!loaded && !load_fault_) load_fault_ = TrustedFault::storage_failed;
    server_time_seen_ = platform_.ticks();
}

TrustedCore::~TrustedCore() = default;

Result<void> TrustedCore::load() {
    auto journal = CoreJournal::load(platform_);
    if (journal) journal_ = std::move(*journal);
    // Killed, crashed, or its power was cut: the platform hears of it with the next message.
    if (journal_.was_open()) journal_.add(FindingCode::core_panic, Severity::warning, 0);
    auto stored = platform_.load_state();
    if (!stored && stored.error().kind == ErrorKind::not_found) return {};
    const SecretBytes bytes = TRY(std::move(stored));
    CoreState state = TRY(read_core_state(bytes.bytes()));
    const std::uint64_t epoch = TRY(platform_.epoch());
    const bool journal_is_old = journal_.sequence() < state.sequence;
    journal_.skip_to(state.sequence);  // Whatever happens now, no number comes twice.
    if (!journal) return std::unexpected(journal.error());
    if (state.epoch < epoch || state.epoch > epoch + 1 || journal_is_old) {
        load_fault_ = TrustedFault::state_rolled_back;
        return fail(ErrorKind::denied, "trust: state, journal and counter are of different times");
    }
    // One ahead: the last save was cut off between its two halves, and none of its keys was used.
    if (state.epoch > epoch) TRY_VOID(platform_.advance_epoch(state.epoch));
    auto sign_key = TRY(crypto::P256Key::from_private_der(state.sign_key.bytes()));
    std::optional<Terminal::Working> working;
    if (!state.wiped()) {
        auto parameters = TRY(parse_parameters(state));
        auto card_keys = TRY(
            TransactionKeys::restore(state.card_dukpt.bytes(), crypto::DukptUsage::data_encrypt));
        std::optional<TransactionKeys> pin_keys;
        if (!state.pin_dukpt.empty()) {
            pin_keys = TRY(TransactionKeys::restore(state.pin_dukpt.bytes(),
                                                    crypto::DukptUsage::pin_encryption));
        }
        working =
            Terminal::Working{std::move(parameters), std::move(card_keys), std::move(pin_keys)};
        state.card_dukpt = {};
        state.pin_dukpt = {};
    }
    terminal_ = std::make_unique<Terminal>(
        Terminal{std::move(state), std::move(sign_key), std::move(working)});
    return {};
}

// Stores a state that stands behind the next block of counters; only then is the block entered.
Result<void> TrustedCore::save(Terminal& terminal) {
    CoreState& state = terminal.state;
    std::optional<crypto::DukptAesDevice> card;
    std::optional<crypto::DukptAesDevice> pin;
    if (terminal.working) {
        card = TRY(terminal.working->card_keys.next_block());
        state.card_dukpt = card->serialize();
        state.card_counter = card->counter();
        // A PIN device that is used up is left out: payments without a PIN go on.
        if (auto& keys = terminal.working->pin_keys; keys && !keys->exhausted()) {
            pin = TRY(keys->next_block());
            state.pin_dukpt = pin->serialize();
            state.pin_counter = pin->counter();
        }
    }
    const std::uint64_t epoch = TRY(platform_.epoch()) + 1;
    state.epoch = epoch;
    state.sequence = journal_.sequence();
    const SecretBytes stored = write_core_state(state);
    state.card_dukpt = {};
    state.pin_dukpt = {};
    TRY_VOID(platform_.save_state(stored.bytes()));
    TRY_VOID(platform_.advance_epoch(epoch));
    if (card) terminal.working->card_keys.enter(*card);
    if (pin) terminal.working->pin_keys->enter(*pin);
    return {};
}

void TrustedCore::close() {
    tap_.reset();
    open_.reset();
    awaited_pin_.reset();
    // Where it cannot be written, the next start tells of an end that was none in order.
    (void)journal_.close(platform_);
}

std::optional<TrustedFault> TrustedCore::not_ready() const {
    if (load_fault_) return load_fault_;
    if (!terminal_ || !terminal_->working) return TrustedFault::not_enrolled;
    if (terminal_->state.mode == CoreMode::suspended) return TrustedFault::suspended;
    if (!options_.platform_key) return TrustedFault::platform_key;
    return std::nullopt;
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
    status.protection = platform_.protection();
    status.sequence = journal_.sequence();
    status.events = journal_.last_event();
    status.pin = can_take_pin();
    if (!terminal_) return status;
    const CoreState& state = terminal_->state;
    status.mode = state.mode;
    status.terminal_id = state.terminal_id;
    status.serial_number = state.serial_number;
    status.card_key_id = state.card_key_id;
    if (terminal_->working) status.next_counter = terminal_->working->card_keys.counter();
    return status;
}

}  // namespace softpos::trust
