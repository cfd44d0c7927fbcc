// The names of faults and which of them need a value or a step.
#include "world/card/card_faults.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace softpos::card {
namespace {

enum class ValueForm : std::uint8_t { none, hex, decimal };

struct FaultRow {
    std::string_view name;
    FaultKind kind;
    ValueForm form;
    std::uint32_t value_max;
    bool needs_step;
    unsigned times;
};

// Spec: [ISO7816-4] 5.1.3: a status word is 6xxx or 9xxx; this one may be any, to be tested.
constexpr std::array<FaultRow, 12> rows{{
    {"sw", FaultKind::sw, ValueForm::hex, 0xFFFF, true, CardFault::always},
    {"leave", FaultKind::leave, ValueForm::none, 0, true, CardFault::always},
    {"tear", FaultKind::tear, ValueForm::none, 0, true, CardFault::always},
    {"slow", FaultKind::slow, ValueForm::decimal, CardFaults::delay_ms_max, true,
     CardFault::always},
    {"truncate", FaultKind::truncate, ValueForm::decimal, 255, true, CardFault::always},
    {"garbage", FaultKind::garbage, ValueForm::decimal, 255, true, CardFault::always},
    {"missing-tag", FaultKind::missing_tag, ValueForm::hex, 0xFFFFFF, false, CardFault::always},
    {"wrong-arqc", FaultKind::wrong_arqc, ValueForm::none, 0, false, CardFault::always},
    {"see-phone", FaultKind::see_phone, ValueForm::none, 0, false, 1},
    {"refuse", FaultKind::refuse, ValueForm::none, 0, false, CardFault::always},
    {"tc", FaultKind::tc, ValueForm::none, 0, false, CardFault::always},
    {"aac", FaultKind::aac, ValueForm::none, 0, false, CardFault::always},
}};

constexpr unsigned step_max = 1000;
constexpr unsigned times_max = 1'000'000;

// Takes a number off the front; nullopt where there is none or it is too large.
std::optional<std::uint32_t> take_number(std::string_view& text, int base, std::uint32_t max) {
    std::uint32_t value = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc() || value > max) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    return value;
}

bool take_mark(std::string_view& text, char mark) {
    if (!text.starts_with(mark)) return false;
    text.remove_prefix(1);
    return true;
}

Result<CardFault> parse_item(std::string_view item, std::size_t at) {
    const auto broken = [at](Literal what) { return fail(ErrorKind::malformed, what, 0, at); };
    const std::string_view name = item.substr(0, item.find_first_of("@=*"));
    const auto* row = std::ranges::find(rows, name, &FaultRow::name);
    if (row == rows.end()) return broken("card fault: no such fault");
    item.remove_prefix(name.size());

    CardFault fault{.kind = row->kind, .times = row->times};
    if (take_mark(item, '@')) {
        fault.step = take_number(item, 10, step_max).value_or(CardFault::any_step);
        if (fault.step == CardFault::any_step) return broken("card fault: step");
    } else if (row->needs_step) {
        return broken("card fault: needs a step");
    }
    if (take_mark(item, '=') != (row->form != ValueForm::none)) return broken("card fault: value");
    if (row->form != ValueForm::none) {
        const auto value = take_number(item, row->form == ValueForm::hex ? 16 : 10, row->value_max);
        if (!value) return broken("card fault: value");
        fault.value = *value;
    }
    if (take_mark(item, '*')) {
        fault.times = take_number(item, 10, times_max).value_or(CardFault::always);
        if (fault.times == CardFault::always) return broken("card fault: times");
    }
    if (!item.empty()) return broken("card fault: something behind it");
    return fault;
}

bool is_due(const CardFault& fault, FaultKind kind, unsigned step) {
    return fault.kind == kind && (fault.step == CardFault::any_step || fault.step == step);
}

}  // namespace

Result<CardFaults> CardFaults::parse(std::string_view text) {
    CardFaults faults;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        if (end > at) {
            if (faults.faults_.size() == items_max) {
                return fail(ErrorKind::denied, "card fault: too many", 0, at);
            }
            faults.faults_.push_back(TRY(parse_item(text.substr(at, end - at), at)));
        }
        at = end + 1;
    }
    return faults;
}

std::optional<std::uint32_t> CardFaults::take(FaultKind kind, unsigned step) {
    const auto found = std::ranges::find_if(
        faults_, [kind, step](const CardFault& fault) { return is_due(fault, kind, step); });
    if (found == faults_.end()) return std::nullopt;
    const std::uint32_t value = found->value;
    count(found);
    return value;
}

bool CardFaults::takes_tag(std::uint32_t tag, unsigned step) {
    const auto found = std::ranges::find_if(faults_, [tag, step](const CardFault& fault) {
        return is_due(fault, FaultKind::missing_tag, step) && fault.value == tag;
    });
    if (found == faults_.end()) return false;
    count(found);
    return true;
}

void CardFaults::count(Position fault) {
    if (fault->times == 1) {
        faults_.erase(fault);  // That was the last time.
    } else if (fault->times != CardFault::always) {
        --fault->times;
    }
}

}  // namespace softpos::card
