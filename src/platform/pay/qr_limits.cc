// Reads the table; every level once, every use at most once.
#include "platform/pay/qr_limits.h"

#include "base/money.h"
#include "base/table_text.h"

#include <optional>
#include <span>

namespace softpos::pay {
namespace {

constexpr std::int64_t version_max = 1'000'000'000;

std::optional<std::size_t> level_of(std::string_view text) {
    if (text.size() != 1 || text[0] < 'A' || text[0] > 'D') return std::nullopt;
    return static_cast<std::size_t>(text[0] - 'A');
}

}  // namespace

Result<QrLimits> QrLimits::parse(std::string_view text) {
    if (text.size() > text_bytes_max) return fail(ErrorKind::malformed, "QR limits are too long");
    QrLimits table;
    std::array<bool, levels> known{};
    for (TableText lines(text); lines.next();) {
        const auto words = lines.words();
        const std::uint32_t line = lines.line();
        const auto broken = [line] {
            return fail(ErrorKind::malformed, "QR limits: a line that is none", line);
        };
        if (table.version_ == 0) {
            const bool header = words.size() == 2 && words[0] == "qr-limits";
            const auto version = header ? decimal(words[1], version_max) : std::nullopt;
            if (!version || *version == 0) return broken();
            table.version_ = static_cast<std::uint32_t>(*version);
            continue;
        }
        if (words.size() == 3 && words[0] == "level") {
            const auto level = level_of(words[1]);
            const auto day = decimal(words[2], amount_minor_max);
            if (!level || !day || known[*level]) return broken();
            known[*level] = true;
            table.day_minor_[*level] = *day;
            continue;
        }
        if (words.size() != 4 || words[0] != "use") return broken();
        const auto channel = wallet_channel(words[1]);
        const auto way = wallet_way(words[2]);
        const auto level = level_of(words[3]);
        if (!channel || !way || !level || !known[*level]) return broken();
        if (!table.uses_.emplace(std::pair(*channel, *way), *level).second) return broken();
    }
    for (const bool one : known) {
        if (!one) return fail(ErrorKind::malformed, "QR limits: a level is missing");
    }
    return table;
}

Refusal QrLimits::check(const Use& use) const {
    const auto level = uses_.find({use.channel, use.way});
    if (level == uses_.end()) return Refusal::qr_limit;
    const std::int64_t day_minor = day_minor_[level->second];
    const bool over = day_minor != 0 && use.paid_minor + use.amount_minor > day_minor;
    return over ? Refusal::qr_limit : Refusal::none;
}

}  // namespace softpos::pay
