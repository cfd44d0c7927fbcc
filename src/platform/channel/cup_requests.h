// cup-pos from the host's side: what a classic terminal asks for, and how it is answered.
//
//     const CupRequest request = TRY(read_request(message));
//     // Check the MAC of what carries_mac() names before anything else of it is believed.
//     TRY_VOID(build_answer(message, {.code = "00"}, answer));
//
// Spec: [CUP-POS] 1.2 to 1.8 (as public terminal code shows it; the paper itself was not read).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "codec/cup_fields.h"
#include "codec/iso8583.h"
#include "platform/channel/cup_messages.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace softpos::channel {

constexpr std::size_t batch_items_max = 8;  // As many as 322 digits of field 48 hold.

enum class CupAsk : std::uint8_t {
    sign_in,
    sign_out,
    echo,
    purchase,
    void_sale,
    refund,
    reversal,
    settle,
    upload,
    upload_end,
    other,  // A type that we do not offer: answered with 40.
};

// One payment of an upload (field 48 of 0320).
struct UploadItem {
    std::uint32_t trace = 0;
    std::int64_t amount_minor = 0;
    std::string masked_pan{};
};

struct CupRequest {
    CupAsk ask = CupAsk::other;
    std::string terminal{};
    std::string merchant{};
    std::uint32_t trace = 0;
    std::uint32_t batch = 0;           // 60.2
    std::string kind{};                // 60.1
    std::int64_t amount_minor = 0;     // Of what moves money.
    std::string entry_mode{};          // Field 22.
    std::string masked_pan{};          // Where field 2 or 35 is there.
    std::optional<PinBlock> pin{};     // Under the terminal's PIN key.
    std::uint32_t original_batch = 0;  // Field 61
    std::uint32_t original_trace = 0;
    std::string reference{};                     // Field 37
    std::optional<codec::BatchTotals> totals{};  // Of a settlement.
    std::vector<UploadItem> items{};
    std::uint32_t items_total = 0;  // Of the end of an upload.
    std::optional<MacText> mac{};
};

// malformed with the field in Error.detail where something is missing, or contradicts another
// field, that this kind of request needs. A type that is not offered is no error: it is `other`.
Result<CupRequest> read_request(const codec::IsoMessage& message);

// The card of a purchase, as the vault keeps one (KeyVault::keep_card): track, sequence number,
// entry mode and chip data. Wiped at the end. malformed where there is no track, where the card was
// read otherwise than by chip (05), field (07) or stripe (02), and where chip data and entry mode
// contradict each other.
Result<SecretBytes> card_of(const codec::IsoMessage& purchase);

struct CupReply {
    std::string code = "00";    // Field 39
    std::string reference{};    // 37; empty leaves it out.
    std::string approval{};     // 38
    std::string local_time{};   // 12, hhmmss.
    std::string local_date{};   // 13, MMDD.
    std::string settle_date{};  // 15, MMDD.
    std::uint32_t batch = 0;    // Of a sign-in.
    Bytes keys{};               // 62 of a sign-in; borrowed for the call.
    std::optional<codec::BatchTotals> totals{};
};
// Repeats what an answer repeats, and never the card, its track, its PIN block or its chip data.
// Without field 64: packing makes room for it.
Result<void> build_answer(const codec::IsoMessage& request, const CupReply& reply,
                          codec::IsoMessage& out);

}  // namespace softpos::channel
