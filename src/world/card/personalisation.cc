// Profiles out of text, and cards out of profiles.
#include "world/card/personalisation.h"

#include "base/hex.h"
#include "base/money.h"
#include "crypto/emv_keys.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace softpos::card {
namespace {

constexpr std::size_t mdk_bytes = 16;
constexpr std::size_t track2_nibbles_max = 37;  // Spec: [EMV-B3] A1, 57: at most 19 bytes.

struct Setting {
    std::string_view key;
    std::string_view value;
    std::uint32_t line;
};

std::string_view trimmed(std::string_view text) {
    const std::size_t start = text.find_first_not_of(" \t\r");
    if (start == std::string_view::npos) return {};
    return text.substr(start, text.find_last_not_of(" \t\r") - start + 1);
}

// The settings of one text. take() hands each out once; what is left at the end was not known.
class Settings {
public:
    static Result<Settings> parse(std::string_view text) {
        if (text.size() > profile_text_bytes_max) {
            return fail(ErrorKind::denied, "profile: file too large");
        }
        Settings settings;
        for (std::uint32_t line = 1; !text.empty(); ++line) {
            const std::size_t end = std::min(text.find('\n'), text.size());
            const std::string_view content = trimmed(text.substr(0, end));
            text.remove_prefix(std::min(end + 1, text.size()));
            if (content.empty() || content.front() == '#') continue;
            TRY_VOID(settings.add(content, line));
        }
        return settings;
    }

    Result<Setting> take(std::string_view key) {
        auto setting = take_optional(key);
        if (!setting) return fail(ErrorKind::malformed, "profile: key missing");
        return *setting;
    }

    std::optional<Setting> take_optional(std::string_view key) {
        const auto found = std::ranges::find(settings_, key, &Setting::key);
        if (found == settings_.end()) return std::nullopt;
        const Setting setting = *found;
        settings_.erase(found);
        return setting;
    }

    Result<void> finish() const {
        if (settings_.empty()) return {};
        return fail(ErrorKind::malformed, "profile: unknown key", settings_.front().line);
    }

private:
    Result<void> add(std::string_view content, std::uint32_t line) {
        const std::size_t equals = content.find('=');
        if (equals == std::string_view::npos) {
            return fail(ErrorKind::malformed, "profile: no key = value", line);
        }
        const Setting setting{trimmed(content.substr(0, equals)),
                              trimmed(content.substr(equals + 1)), line};
        if (setting.value.empty()) return fail(ErrorKind::malformed, "profile: no value", line);
        if (std::ranges::find(settings_, setting.key, &Setting::key) != settings_.end()) {
            return fail(ErrorKind::malformed, "profile: key twice", line);
        }
        settings_.push_back(setting);
        return {};
    }

    std::vector<Setting> settings_;
};

struct Sizes {
    std::size_t min;
    std::size_t max;
    bool hold(std::size_t size) const { return size >= min && size <= max; }
};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

Result<std::string> digits(const Result<Setting>& given, Sizes sizes) {
    const Setting from = TRY(given);
    if (!sizes.hold(from.value.size()) || !std::ranges::all_of(from.value, is_digit)) {
        return fail(ErrorKind::malformed, "profile: not so many digits", from.line);
    }
    return std::string(from.value);
}

Result<std::string> printable(const Result<Setting>& given, Sizes sizes) {
    const Setting from = TRY(given);
    const auto fits = [](char c) { return c >= ' ' && c <= '~'; };
    if (!sizes.hold(from.value.size()) || !std::ranges::all_of(from.value, fits)) {
        return fail(ErrorKind::malformed, "profile: not such a text", from.line);
    }
    return std::string(from.value);
}

Result<std::int64_t> number(const Result<Setting>& given, std::int64_t min, std::int64_t max) {
    const Setting from = TRY(given);
    std::int64_t value = 0;
    const char* end = from.value.data() + from.value.size();
    const auto [stop, error] = std::from_chars(from.value.data(), end, value);
    if (error != std::errc() || stop != end || value < min || value > max) {
        return fail(ErrorKind::malformed, "profile: number out of range", from.line);
    }
    return value;
}

Result<Buffer> hex(const Result<Setting>& given, Sizes sizes) {
    const Setting from = TRY(given);
    auto bytes = from_hex(from.value);
    if (!bytes || !sizes.hold(bytes->size())) {
        return fail(ErrorKind::malformed, "profile: not so many bytes of hex", from.line);
    }
    return *std::move(bytes);
}

Result<std::uint8_t> hex_byte(const Result<Setting>& given) {
    const Setting from = TRY(given);
    return TRY(hex(from, {1, 1})).front();
}

template <typename Enum, std::size_t count>
Result<Enum> one_of(const Result<Setting>& given,
                    const std::array<std::string_view, count>& names) {
    const Setting from = TRY(given);
    const auto found = std::ranges::find(names, from.value);
    if (found == names.end())
        return fail(ErrorKind::malformed, "profile: no such choice", from.line);
    return static_cast<Enum>(found - names.begin());
}

// In the order of the enumerators.
constexpr std::array<std::string_view, 4> cvm_names{"none", "device", "online_pin", "signature"};
constexpr std::array<std::string_view, 2> when_names{"when_required", "always"};
constexpr std::array<std::string_view, 3> life_names{"active", "application_blocked",
                                                     "card_blocked"};

// Spec: [ISO7812-1] Annex B: every second digit from the right is doubled; the sum ends in zero.
bool check_digit_holds(std::string_view pan) {
    unsigned sum = 0;
    bool doubled = false;
    for (auto digit = pan.rbegin(); digit != pan.rend(); ++digit, doubled = !doubled) {
        const auto value = static_cast<unsigned>(*digit - '0') * (doubled ? 2 : 1);
        sum += value / 10 + value % 10;
    }
    return sum % 10 == 0;
}

Result<Pan> pan_of(const Result<Setting>& given) {
    const Setting from = TRY(given);
    auto pan = Pan::parse(from.value);
    if (!pan) return fail(ErrorKind::malformed, "profile: not a PAN", from.line);
    if (!check_digit_holds(from.value)) {
        return fail(ErrorKind::malformed, "profile: check digit of the PAN", from.line);
    }
    return *std::move(pan);
}

Result<std::string> expiry_of(const Result<Setting>& given) {
    const Setting from = TRY(given);
    std::string expiry = TRY(digits(from, {4, 4}));
    const int month = (expiry[2] - '0') * 10 + (expiry[3] - '0');
    if (month < 1 || month > 12) return fail(ErrorKind::malformed, "profile: no month", from.line);
    return expiry;
}

// PAN, separator D, expiry, service code and the rest, filled up to whole bytes with F.
Result<SecretBytes> track2_of(const CardProfile& profile) {
    const std::string_view pan = profile.pan.clear_digits();
    const std::array<std::string_view, 5> parts{pan, "D", profile.expiry, profile.service_code,
                                                profile.track2_rest};
    SecretBytes nibbles(track2_nibbles_max + 1);
    std::size_t count = 0;
    for (const std::string_view part : parts) {
        if (count + part.size() > track2_nibbles_max) {
            return fail(ErrorKind::malformed, "profile: track 2 too long");
        }
        for (const char c : part) {
            nibbles.writable()[count++] =
                c == 'D' ? std::uint8_t{0x0D} : static_cast<std::uint8_t>(c - '0');
        }
    }
    if (count % 2 != 0) nibbles.writable()[count++] = 0x0F;
    SecretBytes track2(count / 2);
    for (std::size_t i = 0; i < track2.size(); ++i) {
        track2.writable()[i] =
            static_cast<std::uint8_t>(nibbles.bytes()[2 * i] << 4 | nibbles.bytes()[2 * i + 1]);
    }
    return track2;
}

}  // namespace

Result<CardProfile> parse_card(std::string_view text) {
    Settings in = TRY(Settings::parse(text));
    CardProfile card{
        .name = TRY(printable(in.take("name"), {1, 32})),
        .pan = TRY(pan_of(in.take("pan"))),
        .psn = TRY(digits(in.take("psn"), {2, 2})),
        .expiry = TRY(expiry_of(in.take("expiry"))),
        .service_code = TRY(digits(in.take("service_code"), {3, 3})),
        .track2_rest = TRY(digits(in.take("track2_rest"), {1, 13})),
        .aid = TRY(hex(in.take("aid"), {7, 16})),
        .label = TRY(printable(in.take("label"), {1, 16})),
        .priority = static_cast<std::uint8_t>(TRY(number(in.take("priority"), 1, 15))),
        .cvm = TRY(one_of<CardCvm>(in.take("cvm"), cvm_names)),
        .cvm_when = TRY(one_of<CardCvmWhen>(in.take("cvm_when"), when_names)),
        .country = static_cast<std::uint16_t>(TRY(number(in.take("country"), 1, 999))),
        .currency = static_cast<std::uint16_t>(TRY(number(in.take("currency"), 1, 999))),
        .dki = TRY(hex_byte(in.take("dki"))),
        .life = TRY(one_of<CardLife>(in.take("life"), life_names)),
        .offline_available_minor = std::nullopt,
    };
    const Setting cvn = TRY(in.take("cvn"));
    if (TRY(hex_byte(cvn)) != 0x01) {
        return fail(ErrorKind::unsupported, "profile: only cryptogram version 01", cvn.line);
    }
    if (const auto available = in.take_optional("offline_available_minor")) {
        card.offline_available_minor = TRY(number(*available, 0, amount_minor_max));
    }
    TRY_VOID(in.finish());
    return card;
}

Result<IssuerProfile> parse_issuer(std::string_view text) {
    Settings in = TRY(Settings::parse(text));
    IssuerProfile issuer{
        .name = TRY(printable(in.take("name"), {1, 32})),
        .bin = TRY(digits(in.take("bin"), {6, 8})),
        .dki = TRY(hex_byte(in.take("dki"))),
        .mdk = {},
    };
    Buffer mdk = TRY(hex(in.take("test_mdk"), {mdk_bytes, mdk_bytes}));
    issuer.mdk = SecretBytes::copy_of(mdk);
    wipe(mdk);
    TRY_VOID(in.finish());
    return issuer;
}

const IssuerProfile* find_issuer(std::span<const IssuerProfile> issuers, const Pan& pan) {
    const IssuerProfile* best = nullptr;
    for (const IssuerProfile& issuer : issuers) {
        if (!pan.clear_digits().starts_with(issuer.bin)) continue;
        if (best == nullptr || issuer.bin.size() > best->bin.size()) best = &issuer;
    }
    return best;
}

Result<CardData> personalise(CardProfile profile, const IssuerProfile& issuer) {
    if (!profile.pan.clear_digits().starts_with(issuer.bin)) {
        return fail(ErrorKind::denied, "personalise: not a card of this issuer");
    }
    if (profile.dki != issuer.dki) {
        return fail(ErrorKind::denied, "personalise: not this issuer's key index", profile.dki);
    }
    SecretBytes key =
        TRY(crypto::unionpay_card_key(issuer.mdk.bytes(), profile.pan.clear_digits(), profile.psn));
    SecretBytes track2 = TRY(track2_of(profile));
    return CardData{std::move(profile), std::move(key), std::move(track2)};
}

}  // namespace softpos::card
