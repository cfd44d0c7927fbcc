// The order of the eleven values, and their way out of field 55.
#include "world/card/cryptogram.h"

#include "base/check.h"
#include "codec/ber_tlv.h"

#include <algorithm>
#include <utility>

namespace softpos::card {
namespace {

using codec::Tag;

constexpr std::uint8_t iad_length = 7;  // Of what the scheme defines; issuer's own may follow.
constexpr std::uint8_t cvr_length = 3;
constexpr std::uint8_t cvn_01 = 0x01;
constexpr std::uint8_t algorithm_3des = 0x01;
constexpr std::uint8_t no_second_cryptogram =
    0x80;  // Bits 8-7 of the CVR's second byte: not asked.
constexpr std::size_t dki_at = 1, cvn_at = 2, cvr_at = 3, algorithm_at = 7;
constexpr std::size_t cvr_bytes = 4;

Result<Bytes> object(Bytes field55, Tag tag, std::size_t size) {
    const auto value = TRY(codec::find_value(field55, tag));
    if (!value || value->size() != size) {
        return fail(ErrorKind::malformed, "issuer: object missing or wrong size",
                    std::to_underlying(tag));
    }
    return *value;
}

Result<CryptogramInput> input_of(Bytes field55) {
    const Bytes atc = TRY(object(field55, Tag{0x9F36}, 2));
    return CryptogramInput{
        .amount = TRY(object(field55, Tag{0x9F02}, 6)),
        .amount_other = TRY(object(field55, Tag{0x9F03}, 6)),
        .terminal_country = TRY(object(field55, Tag{0x9F1A}, 2)),
        .tvr = TRY(object(field55, Tag{0x95}, 5)),
        .currency = TRY(object(field55, Tag{0x5F2A}, 2)),
        .date = TRY(object(field55, Tag{0x9A}, 3)),
        .type = TRY(object(field55, Tag{0x9C}, 1)),
        .unpredictable = TRY(object(field55, Tag{0x9F37}, 4)),
        .aip = TRY(object(field55, Tag{0x82}, 2)),
        .cvr = {},
        .atc = static_cast<std::uint16_t>(atc[0] << 8 | atc[1]),
    };
}

Result<Bytes> iad_of(Bytes field55, const IssuerProfile& issuer) {
    constexpr std::uint32_t tag = 0x9F10;
    const auto iad = TRY(codec::find_value(field55, Tag{tag}));
    if (!iad || iad->size() <= algorithm_at || iad->front() != iad_length ||
        (*iad)[cvr_at] != cvr_length) {
        return fail(ErrorKind::malformed, "issuer: issuer application data", tag);
    }
    if ((*iad)[dki_at] != issuer.dki || (*iad)[cvn_at] != cvn_01 ||
        (*iad)[algorithm_at] != algorithm_3des) {
        return fail(ErrorKind::unsupported, "issuer: key index, version or algorithm", tag);
    }
    return *iad;
}

}  // namespace

Result<crypto::Cryptogram> compute_cryptogram(Bytes card_key, const CryptogramInput& input) {
    const std::array<std::uint8_t, 2> atc{static_cast<std::uint8_t>(input.atc >> 8),
                                          static_cast<std::uint8_t>(input.atc)};
    Buffer data;
    for (const Bytes part :
         {input.amount, input.amount_other, input.terminal_country, input.tvr, input.currency,
          input.date, input.type, input.unpredictable, input.aip, Bytes(atc), input.cvr}) {
        append(data, part);
    }
    const SecretBytes session_key = TRY(crypto::unionpay_session_key(card_key, input.atc));
    return crypto::application_cryptogram(session_key.bytes(), data);
}

IssuerApplicationData make_iad(std::uint8_t dki, CryptogramType type) {
    const auto verdict =
        static_cast<std::uint8_t>(no_second_cryptogram | std::to_underlying(type) << 4);
    return {iad_length, dki, cvn_01, cvr_length, verdict, 0x00, 0x00, algorithm_3des};
}

Result<IssuerCheck> check_field55(const IssuerProfile& issuer, const Pan& pan, std::string_view psn,
                                  Bytes field55) {
    const Bytes iad = TRY(iad_of(field55, issuer));
    const unsigned type = (iad[cvr_at + 1] >> 4) & 3U;
    if (type > std::to_underlying(CryptogramType::arqc)) {
        return fail(ErrorKind::malformed, "issuer: cryptogram type", 0x9F10);
    }
    CryptogramInput input = TRY(input_of(field55));
    input.cvr = iad.subspan(cvr_at, cvr_bytes);
    const Bytes claimed = TRY(object(field55, Tag{0x9F26}, 8));

    const SecretBytes key =
        TRY(crypto::unionpay_card_key(issuer.mdk.bytes(), pan.clear_digits(), psn));
    const auto computed = TRY(compute_cryptogram(key.bytes(), input));
    return IssuerCheck{.genuine = equal_constant_time(computed, claimed),
                       .type = static_cast<CryptogramType>(type),
                       .atc = input.atc};
}

}  // namespace softpos::card
