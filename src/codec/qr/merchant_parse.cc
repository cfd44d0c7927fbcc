// The reading of a code: its frame first, then object by object, each against its rule.
#include "codec/qr/merchant_code.h"
#include "codec/qr/merchant_rules.h"
#include "codec/qr/objects.h"

#include <algorithm>
#include <array>
#include <bitset>

namespace softpos::qr {
namespace {

constexpr std::size_t crc_object_bytes = 8;  // "6304" and four digits.
constexpr unsigned id_count = 100;
constexpr std::size_t guid_characters_max = 32;

using Seen = std::bitset<id_count>;

char to_upper(char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

void sort_by_id(auto& list) {
    std::ranges::sort(list, {}, [](const auto& one) { return one.id; });
}

class Parser {
public:
    Parser(std::string_view text, Reading reading) : text_(text), reading_(reading) {}

    QrResult<ScannedMerchantCode> run() {
        TRY_VOID(check_frame());
        ObjectReader reader(text_.substr(0, text_.size() - crc_object_bytes));
        while (const auto object = TRY(reader.next())) TRY_VOID(take(*object));
        TRY_VOID(check_presence());
        sort_by_id(code_.accounts);
        sort_by_id(code_.account_templates);
        sort_by_id(code_.reserved);
        sort_by_id(code_.templates);
        return ScannedMerchantCode{std::move(code_), std::move(forgiven_)};
    }

private:
    QrResult<void> check_frame();
    QrResult<void> take(const Object& object);
    QrResult<void> take_value(const Object& object);
    QrResult<void> take_tip(const Object& object);
    QrResult<void> take_initiation(const Object& object);
    QrResult<void> take_template(const Object& object, std::vector<SystemTemplate>& to);
    QrResult<void> take_additional(const Object& object);
    QrResult<void> take_localised(const Object& object);
    QrResult<void> check_presence();
    QrResult<SystemTemplate> system_template(const Object& object);
    QrResult<AdditionalData> additional_data(const Object& object);
    QrResult<LocalisedMerchant> localised_merchant(const Object& object);
    QrResult<void> check(const ValueRule* rule, const Object& object, unsigned within);
    QrResult<void> once(Seen& seen, const Object& object, unsigned within);
    // Success where the fault is forgiven.
    QrResult<void> forgive(const Fault& fault, bool forgivable) {
        if (reading_ == Reading::strict || !forgivable) return std::unexpected(fault);
        forgiven_.push_back(fault);
        return {};
    }

    std::string_view text_;
    Reading reading_;
    MerchantCode code_;
    std::vector<Fault> forgiven_;
    Seen seen_;
    std::string_view tip_kind_, tip_amount_, tip_percent_;
};

// Structure comes before the check sum: a text that is no list of objects has none.
QrResult<void> Parser::check_frame() {
    const bool strict = reading_ == Reading::strict;
    const auto size_max = strict ? merchant_code_bytes_max : merchant_code_lenient_bytes_max;
    if (text_.empty() || text_.size() > size_max) return broken(Rule::size, 0, 0);
    const std::size_t valid = utf8_valid_bytes(text_);
    if (valid != text_.size()) return broken(Rule::encoding, 0, valid);
    ObjectReader reader(text_);
    std::optional<Object> first;
    std::optional<Object> last;
    bool summed = false;
    while (const auto object = TRY(reader.next())) {
        if (!first) first = object;
        last = object;
        summed = summed || object->id == 63;
    }
    if (first->id != 0 || first->value != "01") {
        return broken(Rule::format_indicator, first->id, first->at);
    }
    if (!summed) return broken(Rule::truncated, 63, text_.size());
    if (last->id != 63) return broken(Rule::crc, 63, last->at);
    if (last->value.size() != 4) return broken(Rule::crc, 63, last->at);
    const std::string expected = crc_text(text_.substr(0, text_.size() - 4));
    if (last->value == expected) return {};
    const Fault fault{Rule::crc, 63, 0, last->value_at};
    const bool other_case = std::ranges::equal(last->value, expected, {}, to_upper);
    return forgive(fault, other_case);
}

QrResult<void> Parser::once(Seen& seen, const Object& object, unsigned within) {
    if (seen.test(object.id)) return broken(Rule::duplicate, object.id, object.at, within);
    seen.set(object.id);
    return {};
}

QrResult<void> Parser::check(const ValueRule* rule, const Object& object, unsigned within) {
    if (rule == nullptr) return forgive({Rule::value, object.id, within, object.at}, true);
    const auto broke = broken_rule(*rule, object.value);
    if (!broke) return {};
    return forgive({*broke, object.id, within, object.value_at}, rule->forgivable);
}

QrResult<void> Parser::take(const Object& object) {
    TRY_VOID(once(seen_, object, 0));
    TRY_VOID(check(rule_of_object(object.id), object, 0));
    if (object.id == 63) return broken(Rule::duplicate, object.id, object.at);
    if (object.id <= 1) return take_initiation(object);
    if (object.id <= 25) {
        code_.accounts.push_back({object.id, std::string(object.value)});
        return {};
    }
    if (object.id <= 51) return take_template(object, code_.account_templates);
    if (object.id >= 55 && object.id <= 57) return take_tip(object);
    if (object.id <= 61) return take_value(object);
    if (object.id == 62) return take_additional(object);
    if (object.id == 64) return take_localised(object);
    if (object.id >= 80) return take_template(object, code_.templates);
    code_.reserved.push_back({object.id, std::string(object.value)});
    return {};
}

QrResult<void> Parser::take_initiation(const Object& object) {
    if (object.id == 0) return {};  // The frame has looked at it.
    if (object.value != "11" && object.value != "12") {
        return broken(Rule::value, object.id, object.value_at);
    }
    code_.initiation = object.value == "11" ? Initiation::fixed : Initiation::dynamic;
    return {};
}

QrResult<void> Parser::take_value(const Object& object) {
    const std::array<std::string*, 10> to = {
        &code_.category_code, &code_.currency, &code_.amount, nullptr,           nullptr, nullptr,
        &code_.country,       &code_.name,     &code_.city,   &code_.postal_code};
    *to[object.id - 52] = object.value;
    return {};
}

QrResult<void> Parser::take_tip(const Object& object) {
    (object.id == 55 ? tip_kind_ : object.id == 56 ? tip_amount_ : tip_percent_) = object.value;
    return {};
}

QrResult<SystemTemplate> Parser::system_template(const Object& object) {
    SystemTemplate out{object.id, {}, {}};
    ObjectReader reader(object.value, object.value_at, object.id);
    Seen seen;
    while (const auto inner = TRY(reader.next())) {
        TRY_VOID(once(seen, *inner, object.id));
        if (inner->value.empty())
            return broken(Rule::value_length, inner->id, inner->at, object.id);
        if (inner->id == 0) {
            out.guid = inner->value;
        } else {
            out.data.push_back({inner->id, std::string(inner->value)});
        }
    }
    if (out.guid.empty()) return broken(Rule::missing, 0, object.at, object.id);
    if (out.guid.size() > guid_characters_max)
        return broken(Rule::value_length, 0, object.value_at, object.id);
    sort_by_id(out.data);
    return out;
}

QrResult<void> Parser::take_template(const Object& object, std::vector<SystemTemplate>& to) {
    auto one = system_template(object);
    if (!one) return forgive(one.error(), true);
    to.push_back(*std::move(one));
    return {};
}

QrResult<AdditionalData> Parser::additional_data(const Object& object) {
    AdditionalData out;
    ObjectReader reader(object.value, object.value_at, 62);
    Seen seen;
    while (const auto inner = TRY(reader.next())) {
        TRY_VOID(once(seen, *inner, 62));
        TRY_VOID(check(rule_of_additional(inner->id), *inner, 62));
        if (inner->id >= 50) {
            out.templates.push_back(TRY(system_template(*inner)));
            continue;
        }
        const bool request = inner->id == additional::consumer_data_request;
        if (request && inner->value.find_first_not_of("AME") != std::string_view::npos) {
            TRY_VOID(forgive({Rule::value, inner->id, 62, inner->value_at}, true));
        }
        out.values.push_back({inner->id, std::string(inner->value)});
    }
    sort_by_id(out.values);
    sort_by_id(out.templates);
    return out;
}

QrResult<void> Parser::take_additional(const Object& object) {
    auto data = additional_data(object);
    if (!data) return forgive(data.error(), true);
    code_.additional = *std::move(data);
    return {};
}

QrResult<LocalisedMerchant> Parser::localised_merchant(const Object& object) {
    LocalisedMerchant out;
    ObjectReader reader(object.value, object.value_at, 64);
    Seen seen;
    while (const auto inner = TRY(reader.next())) {
        TRY_VOID(once(seen, *inner, 64));
        TRY_VOID(check(rule_of_localised(inner->id), *inner, 64));
        if (inner->id <= 2) {
            (inner->id == 0 ? out.language : inner->id == 1 ? out.name : out.city) = inner->value;
        } else {
            out.other.push_back({inner->id, std::string(inner->value)});
        }
    }
    for (const unsigned id : {0U, 1U}) {
        if (!seen.test(id)) return broken(Rule::missing, id, object.at, 64);
    }
    sort_by_id(out.other);
    return out;
}

QrResult<void> Parser::take_localised(const Object& object) {
    auto merchant = localised_merchant(object);
    if (!merchant) return forgive(merchant.error(), true);
    code_.localised = *std::move(merchant);
    return {};
}

QrResult<void> Parser::check_presence() {
    const std::size_t end = text_.size() - crc_object_bytes;
    bool account = false;
    for (unsigned id = 2; id <= 51; ++id) account = account || seen_.test(id);
    if (!account) return broken(Rule::missing, 2, end);
    if (!seen_.test(53)) return broken(Rule::missing, 53, end);
    for (const unsigned id : {52U, 58U, 59U, 60U}) {
        if (!seen_.test(id)) TRY_VOID(forgive({Rule::missing, id, 0, end}, true));
    }
    // Which of 56 and 57 has to be there, and which may not, is what 55 says.
    const bool by_amount = tip_kind_ == "02";
    const bool by_percent = tip_kind_ == "03";
    if (!tip_kind_.empty() && tip_kind_ != "01" && !by_amount && !by_percent) {
        return broken(Rule::value, 55, end);
    }
    if (by_amount == tip_amount_.empty()) return broken(Rule::missing, by_amount ? 56 : 55, end);
    if (by_percent == tip_percent_.empty()) return broken(Rule::missing, by_percent ? 57 : 55, end);
    if (!tip_kind_.empty()) {
        const auto kind = by_amount    ? Tip::Kind::amount
                          : by_percent ? Tip::Kind::percent
                                       : Tip::Kind::prompt;
        code_.tip = Tip{kind, std::string(by_amount ? tip_amount_ : tip_percent_)};
    }
    return {};
}

}  // namespace

QrResult<ScannedMerchantCode> parse_merchant_code(std::string_view text, Reading reading) {
    return Parser(text, reading).run();
}

}  // namespace softpos::qr
