// The EMV code that a payer shows and a merchant scans: base64 of BER-TLV with the data of a card
// or a token in it, made afresh for each payment.
//
//     const auto code = TRY(PayerCode::parse(scanned, Reading::lenient));
//     const PayerApplication& first = code.applications().front();
//     const auto track2 = code.find(first, payer_tags::track2);
//
// Spec: [EMV-QR-CPM] 4.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"
#include "codec/ber_tlv.h"
#include "codec/qr/qr_fault.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace softpos::qr {

constexpr std::size_t payer_code_characters_max = 512;           // Spec: [EMV-QR-CPM] 3.
constexpr std::size_t payer_code_lenient_characters_max = 4096;  // What a QR symbol can hold.

namespace payer_tags {
constexpr codec::Tag format_indicator{0x85};
constexpr codec::Tag application{0x61};
constexpr codec::Tag common{0x62};
constexpr codec::Tag application_transparent{0x63};
constexpr codec::Tag common_transparent{0x64};
constexpr codec::Tag adf_name{0x4F};
constexpr codec::Tag label{0x50};
constexpr codec::Tag track2{0x57};
constexpr codec::Tag pan{0x5A};
constexpr codec::Tag pan_sequence{0x5F34};
constexpr codec::Tag cryptogram{0x9F26};
}  // namespace payer_tags

// Borrows the code that it is of.
struct PayerApplication {
    Bytes adf_name;
    Bytes objects;      // What 61 holds; well formed.
    Bytes transparent;  // What 63 in it holds: data of a chip transaction. May be empty.
};

// A code that has been taken apart. Owns its bytes, which are card data, and wipes them.
class PayerCode {
public:
    static constexpr std::size_t applications_max = 8;

    // Whatever a scanner reads. A template that is longer than 127 bytes and says so in a single
    // byte is forgiven in a lenient reading where it ends the code: wallets in use write that.
    static QrResult<PayerCode> parse(std::string_view base64, Reading reading);

    // In the order in which the payer prefers them; at least one.
    std::span<const PayerApplication> applications() const { return applications_; }

    // The application's own value, else the one for all; where nothing is there, nullopt.
    std::optional<Bytes> find(const PayerApplication& application, codec::Tag tag) const;

    Bytes bytes() const { return bytes_.bytes(); }  // All objects, as they came.
    const std::vector<Fault>& forgiven() const { return forgiven_; }

private:
    PayerCode() = default;
    QrResult<void> take(codec::Tag tag, Bytes value, std::size_t at);

    SecretBytes bytes_;
    std::vector<PayerApplication> applications_;
    Bytes common_, common_transparent_;
    std::vector<Fault> forgiven_;
};

// One template of a code to be made: BER-TLV objects, and those that go into 63 or 64 in it.
struct PayerTemplate {
    Buffer objects;
    Buffer transparent;
};

// For whoever plays a payer's wallet. What it gives has been read back strictly.
QrResult<std::string> build_payer_code(std::span<const PayerTemplate> applications,
                                       const PayerTemplate& common);

}  // namespace softpos::qr
