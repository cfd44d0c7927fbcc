// How much one payer may pay by codes in a day: data/policy/qr.limits, versioned and checked when
// loaded. Spec: [CN-296].
#pragma once

#include "base/refusal.h"
#include "base/result.h"
#include "platform/pay/wallet_trade.h"

#include <array>
#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace softpos::pay {

class QrLimits {
public:
    static constexpr std::size_t text_bytes_max = 16UL * 1024;
    static constexpr std::size_t levels = 4;  // A to D

    static Result<QrLimits> parse(std::string_view text);  // Error.detail is the line.

    struct Use {
        WalletChannel channel{};
        WalletWay way{};
        std::int64_t amount_minor = 0;
        std::int64_t paid_minor = 0;  // By the same payer on the same day, before.
    };
    // qr_limit, or none. A use that the table does not have is not allowed anything.
    Refusal check(const Use& use) const;

    std::uint32_t version() const { return version_; }

private:
    std::uint32_t version_ = 0;
    std::array<std::int64_t, levels> day_minor_{};
    std::map<std::pair<WalletChannel, WalletWay>, std::size_t> uses_;  // To a level.
};

}  // namespace softpos::pay
