// The entry point's transitions. Requirement by requirement in the order of [EMV-B] 3.1 to 3.5.
#include "phone/emv/entry_point.h"

#include "base/check.h"
#include "base/money.h"
#include "codec/apdu.h"
#include "codec/dol.h"
#include "phone/emv/preprocessing.h"

#include <algorithm>

namespace softpos::emv {
namespace {

using codec::Tag;

constexpr std::uint8_t ppse_name[] = {'2', 'P', 'A', 'Y', '.', 'S', 'Y',
                                      'S', '.', 'D', 'D', 'F', '0', '1'};
constexpr CommandHeader select_header{0x00, 0xA4, 0x04, 0x00};

constexpr KernelId kernel_visa = 3;
constexpr KernelId kernel_visa_old = 1;
constexpr std::uint8_t visa_rid[] = {0xA0, 0x00, 0x00, 0x00, 0x03};

constexpr UiRequest ui_present{Message::present_card, Status::ready_to_read};
constexpr UiRequest ui_one_card{Message::one_card_only, Status::processing_error};
constexpr UiRequest ui_one_card_ready{Message::one_card_only, Status::ready_to_read};
constexpr UiRequest ui_again{Message::present_card_again, Status::ready_to_read};
constexpr UiRequest ui_remove{Message::card_read_ok, Status::card_read_successfully};

using Row = std::array<Action, event_kinds>;
using enum Action;

// Columns: start, card_present, collision, all_withdrawn, rapdu, rf_error, restart, removal_due,
// stop. A start always begins anew: the machine never gets stuck.
constexpr std::array<Row, phases> transitions = {{
    {begin, refuse, refuse, refuse, refuse, refuse, refuse, refuse, stop},    // idle
    {begin, go_on, collided, ignore, refuse, ignore, refuse, refuse, stop},   // polling
    {begin, go_on, ignore, none_left, refuse, ignore, refuse, refuse, stop},  // colliding
    {begin, refuse, refuse, radio_lost, read_directory, radio_lost, refuse, refuse, stop},
    {begin, refuse, refuse, radio_lost, read_selection, radio_lost, refuse, refuse, stop},
    {begin, refuse, refuse, fail_kernel, run_kernel, fail_kernel, refuse, refuse, stop},
    {begin, repeat, repeat, repeat, repeat, repeat, restart, removal, repeat},  // ended
}};

bool pdol_names_ttq(Bytes fci) {
    const auto template_6f = codec::find_value(fci, Tag{0x6F});
    if (!template_6f || !*template_6f) return false;
    const auto proprietary = codec::find_value(**template_6f, Tag{0xA5});
    if (!proprietary || !*proprietary) return false;
    const auto pdol = codec::find_value(**proprietary, Tag{0x9F38});
    if (!pdol || !*pdol) return false;
    codec::DolReader reader(**pdol);
    while (true) {
        const auto entry = reader.next();
        if (!entry || !*entry) return false;
        if ((*entry)->tag == Tag{0x9F66}) return true;
    }
}

}  // namespace

Action action_for(Phase phase, EventKind event) {
    return transitions[static_cast<std::size_t>(phase)][static_cast<std::size_t>(event)];
}

void make_command(CommandBuffer& out, CommandHeader header, Bytes data) {
    CHECK(data.size() <= codec::command_data_bytes_max);
    const std::uint8_t head[] = {header.cla, header.ins, header.p1, header.p2,
                                 static_cast<std::uint8_t>(data.size())};
    CHECK(out.assign(Bytes(head).first(data.empty() ? 4 : 5)));
    CHECK(out.append(data) && out.append_byte(0x00));
}

EntryPoint::EntryPoint(const ParameterSet& parameters, std::span<const KernelDescriptor> kernels)
    : parameters_(parameters), kernels_(kernels) {
    scratch_.reserve(codec::dol_filled_bytes_max);
}

EntryPoint::~EntryPoint() {
    wipe({reinterpret_cast<std::uint8_t*>(&state_), sizeof state_});
}

void EntryPoint::forget_card() {
    const auto forget = [](auto& value) {
        wipe({reinterpret_cast<std::uint8_t*>(&value), sizeof value});
    };
    forget(state_.card);
    forget(state_.memory);
    forget(state_.fci);
    forget(state_.command);
    forget(state_.candidates);
    forget(state_.issuer_data);
}

const Combination* EntryPoint::combination() const {
    const auto all = parameters_.combinations();
    const bool chosen = !state_.fci.empty() && state_.combination < all.size();
    return chosen ? &all[state_.combination] : nullptr;
}

Step EntryPoint::handle(const Event& event) {
    switch (action_for(state_.phase, event.kind)) {
        case begin:
            return on_start(event);
        case go_on:
            return on_card();
        case collided:
            state_.phase = Phase::colliding;
            return poll_again(ui_one_card);
        case none_left:
            return poll(ui_one_card_ready);
        case read_directory:
            return on_directory(event.bytes);
        case read_selection:
            return on_selection(event.bytes);
        case run_kernel:
            return on_kernel({KernelEvent::Kind::rapdu, event.bytes});
        case fail_kernel:
            return on_kernel({KernelEvent::Kind::rf_error, {}, event.rf_error});
        case radio_lost:
            return on_radio_lost();
        case restart:
            return on_restart(event);
        case removal:
            return on_removal();
        case stop:
            return end(Cause::stopped);
        case repeat:
            return repeat_outcome();
        case ignore:
            return poll_again(std::nullopt);
        case refuse:
        case none:
            break;
    }
    return end(Cause::unexpected_event);
}

// Spec: [EMV-B] 3.1.
Step EntryPoint::on_start(const Event& event) {
    state_ = EntryPointState{};
    if (event.transaction == nullptr) return end(Cause::bad_request);
    state_.transaction = *event.transaction;
    state_.finding = event.finding;
    state_.start = event.point;
    const auto& transaction = state_.transaction;
    const bool usable = transaction.amount_minor >= 0 && transaction.other_minor >= 0 &&
                        transaction.amount_minor <= amount_minor_max &&
                        transaction.other_minor <= amount_minor_max &&
                        transaction.currency_exponent <= currency_exponent_max &&
                        type_bit(transaction.type) != 0 &&
                        (event.point == StartPoint::a || event.point == StartPoint::b);
    if (!usable) return end(Cause::bad_request);
    if (!prepare())
        return finish(Outcome::other_interface(ErrorIndication{.cause = Cause::not_allowed}));
    return start_b(ui_present);
}

// Makes the indicators; false if no combination may take this transaction.
bool EntryPoint::prepare() {
    const auto types = type_bit(state_.transaction.type);
    const auto combinations = parameters_.combinations();
    bool any = false;
    for (std::size_t i = 0; i < combinations.size(); ++i) {
        const auto& combination = combinations[i];
        if ((combination.types & types) == 0) continue;
        state_.indicators[i] = state_.start == StartPoint::a
                                   ? preprocess(combination, state_.transaction)
                                   : without_preprocessing(combination);
        if (state_.transaction.online_pin_off) take_online_pin_out(state_.indicators[i]);
        any = any || !state_.indicators[i].not_allowed;
    }
    return any;
}

// An outcome named a start point, and the terminal comes back, with or without issuer data.
Step EntryPoint::on_restart(const Event& event) {
    if (event.point == StartPoint::none || event.point != state_.outcome.start)
        return end(Cause::unexpected_event);
    if (!state_.issuer_data.assign(event.bytes)) return end(Cause::bad_request);
    if (++state_.tries > tries_max) return end(Cause::too_many_steps);
    state_.card = CardData{};
    state_.restarted = true;
    state_.start = event.point;
    const UiRequest ui = state_.outcome.ui_on_restart.value_or(ui_present);
    if (event.point == StartPoint::a) {
        if (!prepare())
            return finish(Outcome::other_interface(ErrorIndication{.cause = Cause::not_allowed}));
        return start_b(ui);
    }
    if (event.point == StartPoint::b) return start_b(ui);
    state_.pending_ui = ui;
    if (event.point == StartPoint::c) return select_best();
    return on_kernel({KernelEvent::Kind::start});
}

// Spec: [EMV-B] 3.2.
Step EntryPoint::start_b(std::optional<UiRequest> ui) {
    if (state_.finding == CardFinding::by_caller) return on_card();
    return poll(ui);
}

// Spec: [EMV-B] 3.3. A second tap that brings the issuer's answer goes straight to the application
// of the first.
Step EntryPoint::on_card() {
    if (state_.start == StartPoint::b && !state_.issuer_data.empty()) return select_best();
    state_.candidates.clear();
    make_command(state_.command, select_header, ppse_name);
    state_.phase = Phase::directory;
    return send(command_timeout_ms);
}

Step EntryPoint::on_directory(Bytes answer) {
    const auto response = codec::parse_response(answer);
    auto& list = state_.candidates;
    const bool readable = response && response->ok() && list.directory.assign(response->data);
    if (readable) find_candidates(parameters_, state_.indicators, state_.transaction.type, list);
    return select_best();
}

Step EntryPoint::select_best() {
    const auto best = state_.candidates.best();
    if (!best) return end(Cause::no_application);
    state_.current = static_cast<std::uint16_t>(*best);
    const auto& candidate = state_.candidates.items[*best];
    state_.combination = candidate.combination;
    const Bytes directory = state_.candidates.directory.bytes();
    FixedBytes<2 * aid_bytes_max> name;
    CHECK(name.append(candidate.adf_name.of(directory)));
    if (parameters_.combinations()[candidate.combination].extended_selection)
        CHECK(name.append(candidate.extended_selection.of(directory)));
    make_command(state_.command, select_header, name.bytes());
    state_.phase = Phase::selecting;
    return send(command_timeout_ms);
}

Step EntryPoint::on_selection(Bytes answer) {
    const auto response = codec::parse_response(answer);
    const bool stored = response && state_.fci.assign(response->data);
    if (!stored || !response->ok()) {
        if (!state_.issuer_data.empty()) return end(Cause::no_application);
        return drop_and_go_on();
    }
    state_.select_sw = response->sw;
    if (!replace_visa_kernel()) return drop_and_go_on();
    return on_kernel({KernelEvent::Kind::start});
}

// A Visa card whose PDOL does not ask for the TTQ cannot be served by kernel 3; kernel 1 may do it.
// False: the candidate must go. Spec: [EMV-B] 3.3.3.
bool EntryPoint::replace_visa_kernel() {
    const auto combinations = parameters_.combinations();
    const auto& chosen = combinations[state_.combination];
    const bool visa = chosen.kernel == kernel_visa &&
                      std::ranges::equal(visa_rid, chosen.aid.bytes().first(sizeof visa_rid));
    if (!visa || pdol_names_ttq(state_.fci.bytes())) return true;
    for (std::size_t i = 0; i < combinations.size(); ++i) {
        const auto& other = combinations[i];
        const bool usable = other.kernel == kernel_visa_old && !state_.indicators[i].not_allowed &&
                            (other.types & type_bit(state_.transaction.type)) != 0 &&
                            std::ranges::equal(other.aid.bytes(), chosen.aid.bytes());
        if (!usable) continue;
        state_.combination = static_cast<std::uint8_t>(i);
        return true;
    }
    return false;
}

// Spec: [EMV-B] 3.4.
Step EntryPoint::on_kernel(const KernelEvent& event) {
    const auto& chosen = parameters_.combinations()[state_.combination];
    const auto kernel = std::ranges::find(kernels_, chosen.kernel, &KernelDescriptor::id);
    if (kernel == kernels_.end()) return end(Cause::no_kernel);
    state_.phase = Phase::kernel;
    if (event.kind == KernelEvent::Kind::start) state_.card = CardData{};
    scratch_.clear();
    const KernelContext context{.parameters = parameters_,
                                .combination = chosen,
                                .indicators = state_.indicators[state_.combination],
                                .transaction = state_.transaction,
                                .fci = state_.fci.bytes(),
                                .select_sw = state_.select_sw,
                                .start = state_.start,
                                .restart = state_.restarted,
                                .last_candidate = state_.candidates.count <= 1,
                                .issuer_data = state_.issuer_data.bytes(),
                                .memory = state_.memory,
                                .card = state_.card,
                                .command = state_.command,
                                .scratch = scratch_};
    const KernelStep made = kernel->step(context, event);
    wipe(scratch_);
    if (made.done) return process(made.outcome);
    Step step = send(command_timeout_ms);
    if (made.ui) step.ui = made.ui;
    return step;
}

// Spec: [EMV-B] 3.5.
Step EntryPoint::process(const Outcome& outcome) {
    if (outcome.start != StartPoint::none) state_.restarted = true;
    if (outcome.kind == OutcomeKind::try_again) return try_again(outcome);
    if (outcome.kind == OutcomeKind::select_next) {
        state_.start = StartPoint::c;
        state_.outcome.error = outcome.error;
        return drop_and_go_on();
    }
    return finish(outcome);
}

Step EntryPoint::drop_and_go_on() {
    if (state_.current < state_.candidates.count) state_.candidates.drop(state_.current);
    return select_best();
}

Step EntryPoint::on_radio_lost() {
    if (state_.finding == CardFinding::by_caller)
        return try_again(Outcome::again(ErrorIndication{.cause = Cause::link_lost}, ui_again));
    if (++state_.tries > tries_max) return end(Cause::link_lost);
    state_.start = StartPoint::b;
    return poll(std::nullopt);
}

Step EntryPoint::try_again(const Outcome& outcome) {
    if (state_.finding == CardFinding::by_caller) return finish(outcome);
    if (++state_.tries > tries_max) return end(Cause::link_lost);
    state_.start = StartPoint::b;
    Step step = poll(outcome.ui_on_restart ? outcome.ui_on_restart : outcome.ui_on_outcome);
    step.field_off_100ms = outcome.field_off_100ms;
    return step;
}

// The issuer's answer did not come in time for a card held in the field.
Step EntryPoint::on_removal() {
    if (state_.outcome.kind != OutcomeKind::online_request) return repeat_outcome();
    return Step{.kind = StepKind::idle, .ui = ui_remove, .field_off_100ms = 0};
}

Step EntryPoint::finish(const Outcome& outcome) {
    state_.phase = Phase::ended;
    state_.outcome = outcome;
    state_.pending_ui.reset();
    return Step{.kind = StepKind::done,
                .ui = outcome.ui_on_outcome,
                .field_off_100ms = outcome.field_off_100ms,
                .outcome = outcome};
}

// What a kernel said when it gave up its candidate is a better reason than "nothing left".
Step EntryPoint::end(Cause cause) {
    ErrorIndication error{.cause = cause, .state = static_cast<std::uint8_t>(state_.phase)};
    const auto& earlier = state_.outcome.error;
    if (cause == Cause::no_application && earlier.cause != Cause::none) error = earlier;
    return finish(Outcome::ended(error));
}

Step EntryPoint::repeat_outcome() const {
    return Step{.kind = StepKind::done, .outcome = state_.outcome};
}

Step EntryPoint::send(unsigned timeout_ms) {
    if (++state_.commands > commands_per_tap_max) return end(Cause::too_many_steps);
    Step step{.kind = StepKind::send,
              .ui = state_.pending_ui,
              .command = state_.command.bytes(),
              .timeout_ms = timeout_ms};
    state_.pending_ui.reset();
    return step;
}

Step EntryPoint::poll(std::optional<UiRequest> ui) {
    state_.phase = Phase::polling;
    return poll_again(ui);
}

Step EntryPoint::poll_again(std::optional<UiRequest> ui) const {
    return Step{.kind = StepKind::poll, .ui = ui};
}

}  // namespace softpos::emv
