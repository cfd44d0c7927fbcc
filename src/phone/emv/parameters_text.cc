// The text form of a parameter set. One row a line: a keyword, then key=value pairs. Unknown,
// double and missing keys are refused, so that a typing error cannot become an absent limit.
#include "base/hex.h"
#include "base/money.h"
#include "phone/emv/dictionary.h"
#include "phone/emv/parameters.h"

#include <algorithm>
#include <charconv>

namespace softpos::emv {
namespace {

constexpr std::size_t keys_per_row_max = 16;
constexpr std::size_t line_bytes_max = 400;

struct Pair {
    std::string_view key;
    std::string_view value;
    bool used = false;
};

// The words of one line. Everything that is asked for is ticked off; what is left is an error.
struct Row {
    std::uint32_t line = 0;
    std::string_view keyword;
    std::array<Pair, keys_per_row_max> pairs{};
    std::size_t count = 0;

    std::optional<std::string_view> take(std::string_view key) {
        for (auto& pair : std::span(pairs).first(count)) {
            if (pair.key != key || pair.used) continue;
            pair.used = true;
            return pair.value;
        }
        return std::nullopt;
    }
    std::unexpected<Error> error(Literal what) const {
        return fail(ErrorKind::malformed, what, line);
    }
};

std::string_view take_word(std::string_view& text) {
    const auto start = std::min(text.find_first_not_of(" \t"), text.size());
    const auto end = std::min(text.find_first_of(" \t", start), text.size());
    const auto word = text.substr(start, end - start);
    text.remove_prefix(end);
    return word;
}

Result<Row> split(std::string_view text, std::uint32_t line) {
    Row row;
    row.line = line;
    row.keyword = take_word(text);
    for (auto word = take_word(text); !word.empty(); word = take_word(text)) {
        if (row.count == keys_per_row_max) return row.error("emv parameters: too many keys");
        const auto sign = word.find('=');
        if (sign == std::string_view::npos || sign == 0 || sign + 1 == word.size())
            return row.error("emv parameters: key=value expected");
        const Pair pair{word.substr(0, sign), word.substr(sign + 1)};
        for (const auto& other : std::span(row.pairs).first(row.count)) {
            if (other.key == pair.key) return row.error("emv parameters: key twice");
        }
        row.pairs[row.count++] = pair;
    }
    return row;
}

Result<std::int64_t> number(const Row& row, std::string_view text, std::int64_t max) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > max)
        return row.error("emv parameters: number");
    return value;
}

Result<std::optional<std::int64_t>> optional_amount(Row& row, std::string_view key) {
    const auto text = row.take(key);
    if (!text) return std::nullopt;
    return TRY(number(row, *text, amount_minor_max));
}

Result<std::optional<bool>> optional_flag(Row& row, std::string_view key) {
    const auto text = row.take(key);
    if (!text) return std::nullopt;
    if (*text == "yes") return true;
    if (*text == "no") return false;
    return row.error("emv parameters: yes or no expected");
}

template <std::size_t size>
Result<std::array<std::uint8_t, size>> bytes(const Row& row, std::string_view text) {
    const auto read = from_hex(text);
    if (!read || read->size() != size) return row.error("emv parameters: hex of another size");
    std::array<std::uint8_t, size> value{};
    std::ranges::copy(*read, value.begin());
    return value;
}

// The word of a small vocabulary, as the number of its place.
Result<std::size_t> choice(const Row& row, std::string_view text,
                           std::span<const std::string_view> words) {
    const auto at = std::ranges::find(words, text);
    if (at == words.end()) return row.error("emv parameters: unknown word");
    return static_cast<std::size_t>(at - words.begin());
}

Result<AidClass> aid_class(Row& row) {
    static constexpr std::string_view words[] = {"any", "debit", "credit", "quasi_credit",
                                                 "electronic_cash"};
    const auto text = row.take("class");
    if (!text) return AidClass::any;
    return static_cast<AidClass>(TRY(choice(row, *text, words)));
}

Result<std::uint8_t> types(Row& row) {
    static constexpr std::string_view words[] = {"purchase", "cash", "cashback", "refund"};
    auto rest = row.take("types");
    if (!rest) return row.error("emv parameters: types missing");
    unsigned bits = 0;
    while (!rest->empty()) {
        const auto end = std::min(rest->find(','), rest->size());
        bits |= 1u << TRY(choice(row, rest->substr(0, end), words));
        rest->remove_prefix(std::min(end + 1, rest->size()));
    }
    return static_cast<std::uint8_t>(bits);
}

Result<KernelId> kernel(Row& row, std::span<const KernelId> kernels) {
    const auto text = row.take("kernel");
    if (!text) return row.error("emv parameters: kernel missing");
    KernelId id = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), id, 16);
    if (error != std::errc{} || end != text->data() + text->size())
        return row.error("emv parameters: kernel number");
    if (std::ranges::find(kernels, id) == kernels.end())
        return fail(ErrorKind::unsupported, "emv parameters: no such kernel built in", row.line);
    return id;
}

// This reader never approves without the issuer, so a combination for kernel 7 must make the entry
// point ask for an online cryptogram at every amount.
Result<void> check_kernel7(const Row& row, const Combination& combination) {
    if (combination.kernel != kernel_unionpay) return {};
    if (!combination.ttq) return row.error("emv parameters: kernel 7 needs ttq");
    if (((*combination.ttq)[0] & 0x20) == 0)
        return row.error("emv parameters: kernel 7 needs the quick path in ttq");
    if (((*combination.ttq)[0] & 0x08) != 0)
        return row.error("emv parameters: an offline-only reader cannot go online");
    if (combination.floor_limit_minor != 0)
        return row.error("emv parameters: kernel 7 goes online only: floor_limit must be 0");
    if (!combination.transaction_limit_minor)
        return row.error("emv parameters: kernel 7 needs transaction_limit");
    return {};
}

Result<Combination> combination(Row& row, std::span<const KernelId> kernels) {
    Combination made;
    const auto aid = row.take("aid");
    const auto aid_bytes = from_hex(aid.value_or(""));
    if (!aid_bytes || aid_bytes->size() < aid_bytes_min || !made.aid.assign(*aid_bytes))
        return row.error("emv parameters: AID of 5 to 16 bytes expected");
    made.kernel = TRY(kernel(row, kernels));
    made.aid_class = TRY(aid_class(row));
    made.types = TRY(types(row));
    made.status_check = TRY(optional_flag(row, "status_check"));
    made.zero_amount_allowed = TRY(optional_flag(row, "zero_amount"));
    made.transaction_limit_minor = TRY(optional_amount(row, "transaction_limit"));
    made.floor_limit_minor = TRY(optional_amount(row, "floor_limit"));
    made.cvm_limit_minor = TRY(optional_amount(row, "cvm_limit"));
    made.terminal_floor_limit_minor = TRY(optional_amount(row, "terminal_floor_limit"));
    if (const auto ttq = row.take("ttq")) made.ttq = TRY(bytes<4>(row, *ttq));
    made.extended_selection = TRY(optional_flag(row, "extended_selection")).value_or(false);
    if (const auto version = row.take("version")) made.version = TRY(bytes<2>(row, *version));
    TRY_VOID(check_kernel7(row, made));
    return made;
}

Result<SmallAmountPolicy> small_amount(Row& row) {
    static constexpr std::string_view checks[] = {"assumed", "get_data"};
    SmallAmountPolicy policy;
    const auto enrolled = TRY(optional_flag(row, "enrolled"));
    const auto limit = TRY(optional_amount(row, "limit"));
    const auto currency = row.take("currency");
    const auto check = row.take("domestic");
    if (!enrolled || !limit || !currency || !check)
        return row.error("emv parameters: small_amount needs enrolled limit currency domestic");
    policy.enrolled = *enrolled;
    policy.limit_minor = *limit;
    policy.currency = static_cast<std::uint16_t>(TRY(number(row, *currency, 999)));
    policy.check = static_cast<DomesticCheck>(TRY(choice(row, *check, checks)));
    policy.overrule_pin = TRY(optional_flag(row, "overrule_pin")).value_or(false);
    return policy;
}

Result<CvmRule> cvm_rule(Row& row) {
    static constexpr std::string_view pins[] = {"as_card", "always", "never"};
    static constexpr std::string_view signatures[] = {"as_card", "with_pin", "never"};
    CvmRule rule;
    const auto country = row.take("country");
    if (!country) return row.error("emv parameters: country missing");
    rule.country = static_cast<std::uint16_t>(TRY(number(row, *country, 999)));
    rule.aid_class = TRY(aid_class(row));
    rule.from_minor = TRY(optional_amount(row, "from")).value_or(0);
    rule.below_minor = TRY(optional_amount(row, "below"));
    if (rule.below_minor && *rule.below_minor <= rule.from_minor)
        return row.error("emv parameters: an empty range of amounts");
    rule.pin = static_cast<PinRule>(TRY(choice(row, row.take("pin").value_or("as_card"), pins)));
    rule.signature = static_cast<SignatureRule>(
        TRY(choice(row, row.take("signature").value_or("as_card"), signatures)));
    return rule;
}

// `terminal 9F1A=0156`: the key is the tag.
Result<void> terminal(Row& row, ParameterSet& set) {
    for (auto& pair : std::span(row.pairs).first(row.count)) {
        pair.used = true;
        const auto tag = from_hex(pair.key);
        const auto value = from_hex(pair.value);
        if (!tag || tag->empty() || tag->size() > codec::TlvReader::tag_bytes_max || !value)
            return row.error("emv parameters: tag=hex expected");
        std::uint32_t id = 0;
        for (const auto byte : *tag) id = id << 8 | byte;
        const auto* known = find_object(kernel_unionpay, codec::Tag{id});
        if (known == nullptr || known->source != Source::terminal)
            return row.error("emv parameters: not an object of the terminal");
        if (value->size() < known->bytes_min || value->size() > known->bytes_max)
            return row.error("emv parameters: size of terminal value");
        TRY_VOID(set.add(known->tag, *value));
    }
    return {};
}

struct Loader {
    std::span<const KernelId> kernels;
    ParameterSet set{};
    bool has_format = false;
    bool has_small_amount = false;

    Result<void> format(Row& row) {
        if (has_format || row.take("version") != "1")
            return row.error("emv parameters: format version=1 expected, once");
        has_format = true;
        return {};
    }

    Result<void> take(Row& row) {
        if (row.keyword == "format") return format(row);
        if (!has_format) return row.error("emv parameters: format must come first");
        if (row.keyword == "terminal") return terminal(row, set);
        if (row.keyword == "combination") return set.add(TRY(combination(row, kernels)));
        if (row.keyword == "cvm_rule") return set.add(TRY(cvm_rule(row)));
        if (row.keyword != "small_amount") return row.error("emv parameters: unknown keyword");
        if (has_small_amount) return row.error("emv parameters: small_amount twice");
        has_small_amount = true;
        set.set(TRY(small_amount(row)));
        return {};
    }

    Result<void> finish(std::uint32_t line) {
        static constexpr std::uint32_t needed[] = {0x9F1A, 0x5F2A, 0x9F33, 0x9F35};
        if (set.combinations().empty())
            return fail(ErrorKind::malformed, "emv parameters: no combination", line);
        for (const auto tag : needed) {
            if (!set.terminal(codec::Tag{tag}))
                return fail(ErrorKind::malformed,
                            "emv parameters: 9F1A, 5F2A, 9F33 or 9F35 missing", line);
        }
        return {};
    }
};

}  // namespace

Result<ParameterSet> ParameterSet::parse(std::string_view text, std::span<const KernelId> kernels) {
    if (text.size() > parameter_text_bytes_max)
        return fail(ErrorKind::denied, "emv parameters: too long");
    Loader loader{.kernels = kernels};
    std::uint32_t line = 0;
    while (!text.empty()) {
        ++line;
        const auto end = std::min(text.find('\n'), text.size());
        auto words = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (words.ends_with('\r')) words.remove_suffix(1);
        if (words.size() > line_bytes_max)
            return fail(ErrorKind::malformed, "emv parameters: line too long", line);
        words = words.substr(0, words.find('#'));
        if (words.find_first_not_of(" \t") == std::string_view::npos) continue;
        auto row = TRY(split(words, line));
        if (auto taken = loader.take(row); !taken) {
            auto error = taken.error();
            error.detail = line;
            return std::unexpected(error);
        }
        for (const auto& pair : std::span(row.pairs).first(row.count)) {
            if (!pair.used) return row.error("emv parameters: unknown key");
        }
    }
    TRY_VOID(loader.finish(line));
    return loader.set;
}

}  // namespace softpos::emv
