// The steps of the quick path.
#include "phone/emv/kernel7.h"

#include "codec/apdu.h"
#include "codec/dol.h"
#include "phone/emv/dictionary.h"
#include "phone/emv/field55.h"
#include "phone/emv/track2.h"

#include <algorithm>

namespace softpos::emv {
namespace {

using codec::Tag;
using enum Kernel7Action;

using Row = std::array<Kernel7Action, kernel_event_kinds>;
constexpr std::array<Row, kernel7_phases> transitions = {{
    {begin, refuse, refuse},       // idle: start, rapdu, rf_error
    {begin, read_currency, lost},  // currency
    {begin, read_options, lost},   // options
    {begin, refuse, refuse},       // ended
}};

constexpr CommandHeader get_options{0x80, 0xA8, 0x00, 0x00};
constexpr CommandHeader get_currency{0x80, 0xCA, 0x9F, 0x51};
constexpr std::uint8_t ttq2_cvm_required = 0x40;
constexpr std::uint8_t ttq2_online_cryptogram_required = 0x80;

constexpr UiRequest ui_again{Message::present_card_again, Status::ready_to_read};
constexpr UiRequest ui_see_phone{Message::see_phone, Status::processing_error,
                                 see_phone_hold_100ms};

// What GPO may bring and this kernel uses.
struct Answer {
    std::optional<Bytes> aip, atc, iad, cryptogram, track2, sequence, ctq, cid, expiry, product;
};

class Kernel7 {
public:
    explicit Kernel7(const KernelContext& context)
        : context_(context), state_(context.memory.get<Kernel7State>()) {}

    KernelStep start();
    KernelStep read_currency(Bytes answer);
    KernelStep read_options(Bytes answer);
    KernelStep lost();
    KernelStep end(Outcome outcome) {
        state_.phase = Kernel7Phase::ended;
        return KernelStep::end(outcome);
    }
    ErrorIndication error(Cause cause, Tag tag = {}, std::uint16_t sw = 0) const {
        return {cause, kernel_unionpay, static_cast<std::uint8_t>(state_.phase), sw, tag};
    }

private:
    std::optional<Bytes> pdol() const;
    std::optional<Bytes> in_fci(Tag tag) const;
    KernelStep ask_options();
    void apply_small_amount();
    std::optional<codec::DolValue> value_of(Tag tag);
    KernelStep refused(std::uint16_t sw);
    std::optional<ErrorIndication> parse(Bytes body, Answer& answer) const;
    std::optional<ErrorIndication> check_mandatory(const Answer& answer,
                                                   CardDecision decision) const;
    KernelStep decide(const Answer& answer);
    KernelStep go_online(const Answer& answer);
    bool keep(const Answer& answer, Cvm cvm);

    const KernelContext& context_;
    Kernel7State& state_;
    TransactionBytes transaction_{};
};

bool names_ttq(Bytes pdol) {
    codec::DolReader reader(pdol);
    while (true) {
        const auto entry = reader.next();
        if (!entry || !*entry) return false;
        if ((*entry)->tag == Tag{0x9F66}) return true;
    }
}

std::optional<Bytes> object_in(std::optional<Bytes> in, Tag tag) {
    if (!in) return std::nullopt;
    const auto found = codec::find_value(*in, tag);
    return found ? *found : std::nullopt;
}

std::optional<Bytes> Kernel7::in_fci(Tag tag) const {
    return object_in(object_in(object_in(context_.fci, Tag{0x6F}), Tag{0xA5}), tag);
}

std::optional<Bytes> Kernel7::pdol() const {
    return in_fci(Tag{0x9F38});
}

KernelStep Kernel7::start() {
    const auto list = pdol();
    if (!list || !names_ttq(*list)) {
        const auto why = error(Cause::no_ttq_in_pdol, Tag{0x9F38});
        return end(context_.last_candidate ? Outcome::other_interface(why) : Outcome::next(why));
    }
    const auto name = object_in(object_in(context_.fci, Tag{0x6F}), Tag{0x84});
    if (!name || !context_.card.df_name.assign(*name))
        return end(Outcome::ended(error(name ? Cause::malformed : Cause::missing, Tag{0x84})));
    if (!context_.indicators.ttq)
        return end(Outcome::ended(error(Cause::bad_request, Tag{0x9F66})));
    state_.ttq = *context_.indicators.ttq;
    const auto& policy = context_.parameters.small_amount();
    const auto& transaction = context_.transaction;
    const bool asks = policy.enrolled && transaction.amount_minor <= policy.limit_minor &&
                      transaction.currency == policy.currency &&
                      transaction.type == static_cast<std::uint8_t>(TransactionType::purchase);
    if (!asks) return ask_options();
    if (policy.check == DomesticCheck::assumed) {
        apply_small_amount();
        return ask_options();
    }
    state_.phase = Kernel7Phase::currency;
    make_command(context_.command, get_currency, {});
    return KernelStep::send();
}

// UnionPay's rule for domestic cards stands above the kernel: the reader does not require
// what the scheme waives. The card may still ask.
void Kernel7::apply_small_amount() {
    state_.small_amount = true;
    state_.ttq[1] = static_cast<std::uint8_t>(state_.ttq[1] & ~ttq2_cvm_required & 0xFF);
}

bool is_currency(std::optional<Bytes> value, std::uint16_t currency) {
    if (!value || value->size() != 2) return false;
    const auto wanted = bcd<2>(currency);
    return std::ranges::equal(*value, wanted);
}

// A card that does not know 9F51 is not domestic, whatever its status word.
KernelStep Kernel7::read_currency(Bytes answer) {
    const auto response = codec::parse_response(answer);
    const auto currency = context_.parameters.small_amount().currency;
    if (response && response->ok()) {
        const bool domestic = is_currency(object_in(response->data, Tag{0x9F51}), currency) ||
                              is_currency(in_fci(Tag{0xDF71}), currency);
        if (domestic) apply_small_amount();
    }
    return ask_options();
}

std::optional<codec::DolValue> Kernel7::value_of(Tag tag) {
    const auto* row = find_object(kernel_unionpay, tag);
    if (row == nullptr || row->format == Format::list) return std::nullopt;
    const auto format = dol_format(row->format);
    if (tag == Tag{0x9F66}) return codec::DolValue{state_.ttq, format};
    if (const auto value = transaction_.find(tag)) return codec::DolValue{*value, format};
    if (row->source != Source::terminal) return std::nullopt;
    const auto value = context_.parameters.terminal(tag);
    return value ? std::optional(codec::DolValue{*value, format}) : std::nullopt;
}

KernelStep Kernel7::ask_options() {
    state_.phase = Kernel7Phase::options;
    transaction_ = TransactionBytes::of(context_.transaction);
    auto& data = context_.scratch;
    data.assign({0x83, 0x00});
    const auto filled = codec::fill_dol(
        *pdol(), [this](Tag tag) { return value_of(tag); }, data);
    constexpr std::size_t values_max = 252;  // 83 and up to two length bytes in front.
    const auto size = data.size() - 2;
    if (!filled || size > values_max)
        return end(Outcome::ended(error(Cause::malformed, Tag{0x9F38})));
    if (size > 0x7F) {
        data.insert(data.begin() + 1, 0x81);
        data[2] = static_cast<std::uint8_t>(size);
    } else {
        data[1] = static_cast<std::uint8_t>(size);
    }
    make_command(context_.command, get_options, data);
    return KernelStep::send();
}

// The status words that say more than no.
KernelStep Kernel7::refused(std::uint16_t sw) {
    if (sw == 0x6985) return end(Outcome::next(error(Cause::status_word, {}, sw)));
    if (sw == 0x6984) return end(Outcome::other_interface(error(Cause::status_word, {}, sw)));
    if (sw == 0x6986) return end(Outcome::again(error(Cause::see_phone, {}, sw), ui_see_phone));
    return end(Outcome::ended(error(Cause::status_word, {}, sw)));
}

std::optional<Bytes>* place(Answer& answer, Tag tag) {
    switch (static_cast<std::uint32_t>(tag)) {
        case 0x82:
            return &answer.aip;
        case 0x9F36:
            return &answer.atc;
        case 0x9F10:
            return &answer.iad;
        case 0x9F26:
            return &answer.cryptogram;
        case 0x57:
            return &answer.track2;
        case 0x5F34:
            return &answer.sequence;
        case 0x9F6C:
            return &answer.ctq;
        case 0x9F27:
            return &answer.cid;
        case 0x5F24:
            return &answer.expiry;
        case 0x9F63:
            return &answer.product;
        default:
            return nullptr;
    }
}

// Objects that this kernel does not use are passed over; those it uses come once and in their size.
// An object of the terminal in a card's answer has no place here, so it cannot replace ours.
std::optional<ErrorIndication> Kernel7::parse(Bytes body, Answer& answer) const {
    codec::TlvReader reader(body);
    while (true) {
        const auto object = reader.next();
        if (!object) return error(Cause::malformed, Tag{0x77});
        if (!*object) return std::nullopt;
        const auto tag = (*object)->tag;
        auto* found = place(answer, tag);
        if (found == nullptr) continue;
        const auto* row = find_object(kernel_unionpay, tag);
        const auto value = (*object)->value;
        const bool fits =
            row != nullptr && value.size() >= row->bytes_min && value.size() <= row->bytes_max;
        if (*found || !fits) return error(Cause::malformed, tag);
        *found = value;
    }
}

KernelStep Kernel7::read_options(Bytes bytes) {
    const auto response = codec::parse_response(bytes);
    if (!response) return end(Outcome::ended(error(Cause::malformed)));
    if (!response->ok()) return refused(response->sw);
    codec::TlvReader reader(response->data);
    const auto object = reader.next();
    if (!object || !*object) return end(Outcome::ended(error(Cause::malformed, Tag{0x77})));
    // Format 1 belongs to the full contact-like flow, which this reader does not offer.
    if ((*object)->tag != Tag{0x77})
        return end(Outcome::ended(error(Cause::wrong_template, (*object)->tag)));
    const auto rest = reader.next();
    if (!rest || *rest) return end(Outcome::ended(error(Cause::malformed, Tag{0x77})));
    Answer answer;
    if (const auto fault = parse((*object)->value, answer)) return end(Outcome::ended(*fault));
    return decide(answer);
}

std::optional<ErrorIndication> Kernel7::check_mandatory(const Answer& answer,
                                                        CardDecision decision) const {
    if (!answer.aip) return error(Cause::missing, Tag{0x82});
    if (!answer.atc) return error(Cause::missing, Tag{0x9F36});
    if (!answer.cryptogram) return error(Cause::missing, Tag{0x9F26});
    const bool needs_track2 = decision == CardDecision::arqc || decision == CardDecision::aac;
    if (needs_track2 && !answer.track2) return error(Cause::missing, Tag{0x57});
    // The card rarely sends 9F27. Where it does, it must say what the issuer's data say.
    if (answer.cid) {
        constexpr std::uint8_t expected[] = {0x00, 0x40, 0x80, 0xC0};
        const auto wanted = expected[static_cast<std::size_t>(decision)];
        if (((*answer.cid)[0] & 0xC0) != wanted) return error(Cause::contradiction, Tag{0x9F27});
    }
    return std::nullopt;
}

KernelStep Kernel7::decide(const Answer& answer) {
    if (!answer.iad) return end(Outcome::ended(error(Cause::missing, Tag{0x9F10})));
    const auto decision = card_decision(*answer.iad);
    if (!decision) return end(Outcome::ended(error(Cause::malformed, Tag{0x9F10})));
    if (const auto fault = check_mandatory(answer, *decision)) return end(Outcome::ended(*fault));
    const bool online = (state_.ttq[1] & ttq2_online_cryptogram_required) != 0;
    switch (*decision) {
        case CardDecision::aac:
            return end(Outcome::declined(error(Cause::card_declined)));
        case CardDecision::tc:
            return end(Outcome::declined(
                error(online ? Cause::offline_when_online : Cause::offline_unsupported)));
        case CardDecision::reserved:
            return end(Outcome::declined(error(Cause::reserved_decision, Tag{0x9F10})));
        case CardDecision::arqc:
            break;
    }
    return go_online(answer);
}

KernelStep Kernel7::go_online(const Answer& answer) {
    CvmInput input{
        .ttq = state_.ttq,
        .ctq = std::nullopt,
        .rule = context_.parameters.cvm_rule(context_.combination.aid_class,
                                             context_.transaction.amount_minor),
        .overrule_pin = state_.small_amount && context_.parameters.small_amount().overrule_pin};
    if (answer.ctq) input.ctq = {(*answer.ctq)[0], (*answer.ctq)[1]};
    const auto cvm = decide_cvm(input);
    if (!cvm) return end(Outcome::declined(error(Cause::cvm_not_possible, Tag{0x9F6C})));
    if (!track2_fits(*answer.track2))
        return end(Outcome::ended(error(Cause::malformed, Tag{0x57})));
    if (!keep(answer, cvm->cvm)) return end(Outcome::ended(error(Cause::too_many_steps)));
    Outcome outcome = Outcome::online(cvm->cvm);
    outcome.signature_too = cvm->signature_too;
    outcome.receipt = outcome.receipt || cvm->signature_too;
    return end(outcome);
}

bool Kernel7::keep(const Answer& answer, Cvm cvm) {
    auto& card = context_.card;
    card.record.clear();
    const auto results = cvm_results(cvm);
    const auto transaction = TransactionBytes::of(context_.transaction);
    const std::uint8_t cid = 0x80;  // An ARQC: built where the card left it out.
    const auto version = context_.combination.version;
    const auto value = [&](Tag tag) -> std::optional<Bytes> {
        switch (static_cast<std::uint32_t>(tag)) {
            case 0x9F26:
                return answer.cryptogram;
            case 0x9F27:
                return Bytes(&cid, 1);
            case 0x9F10:
                return answer.iad;
            case 0x9F36:
                return answer.atc;
            case 0x82:
                return answer.aip;
            case 0x9F34:
                return results;
            case 0x9F63:
                return answer.product;
            case 0x84:
                return card.df_name.bytes();
            case 0x9F09:
                if (version) return Bytes(*version);
                break;
            default:
                break;
        }
        if (const auto own = transaction.find(tag)) return own;
        return context_.parameters.terminal(tag);
    };
    return card.track2.assign(*answer.track2) &&
           card.pan_sequence.assign(answer.sequence.value_or(Bytes{})) &&
           card.expiry.assign(answer.expiry.value_or(Bytes{})) && build_field55(value, card.record);
}

// Nothing was spent: the same card may come again.
KernelStep Kernel7::lost() {
    return end(Outcome::again(error(Cause::link_lost), ui_again));
}

}  // namespace

Kernel7Action kernel7_action(Kernel7Phase phase, KernelEvent::Kind event) {
    return transitions[static_cast<std::size_t>(phase)][static_cast<std::size_t>(event)];
}

KernelStep kernel7_step(const KernelContext& context, const KernelEvent& event) {
    if (event.kind == KernelEvent::Kind::start) context.memory.make<Kernel7State>();
    Kernel7 kernel(context);
    switch (kernel7_action(context.memory.get<Kernel7State>().phase, event.kind)) {
        case begin:
            return kernel.start();
        case read_currency:
            return kernel.read_currency(event.bytes);
        case read_options:
            return kernel.read_options(event.bytes);
        case lost:
            return kernel.lost();
        case refuse:
        case none:
            break;
    }
    return kernel.end(Outcome::ended(kernel.error(Cause::unexpected_event)));
}

}  // namespace softpos::emv
