// Dictionary and bit table of kernel 7, sorted by tag.
#include "phone/emv/dictionary.h"

#include <algorithm>

namespace softpos::emv {
namespace {

using codec::Tag;
using enum Format;

constexpr std::uint32_t kernel7 = 0x07;

// Where two sources say different things about a size, the wider one stands here.
constexpr ObjectRow objects7[] = {
    {Tag{0x4F}, "ADF name", b, 5, 16, Source::card, 0x61},
    {Tag{0x50}, "application label", ans, 1, 16, Source::card},
    {Tag{0x57}, "track 2 equivalent data", b, 7, 19, Source::card, 0, true},
    {Tag{0x5A}, "PAN", cn, 6, 10, Source::card, 0, true},
    {Tag{0x61}, "application template", list, 0, 255, Source::card, 0xBF0C},
    {Tag{0x6F}, "FCI template", list, 0, 255, Source::card},
    {Tag{0x70}, "record template", list, 0, 255, Source::card},
    {Tag{0x71}, "issuer script template 1", b, 0, 128, Source::issuer},
    {Tag{0x72}, "issuer script template 2", b, 0, 128, Source::issuer},
    {Tag{0x77}, "response template format 2", list, 0, 255, Source::card},
    {Tag{0x80}, "response template format 1", b, 6, 255, Source::card},
    {Tag{0x82}, "application interchange profile", b, 2, 2, Source::card, 0x77},
    {Tag{0x84}, "DF name", b, 5, 16, Source::card, 0x6F},
    {Tag{0x87}, "application priority indicator", b, 1, 1, Source::card},
    {Tag{0x8A}, "authorisation response code", an, 2, 2, Source::issuer},
    {Tag{0x8F}, "certification authority public key index", b, 1, 1, Source::card},
    {Tag{0x90}, "issuer public key certificate", b, 1, 248, Source::card},
    {Tag{0x91}, "issuer authentication data", b, 8, 16, Source::issuer},
    {Tag{0x94}, "application file locator", b, 4, 252, Source::card, 0x77},
    {Tag{0x95}, "terminal verification results", b, 5, 5, Source::kernel},
    {Tag{0x9A}, "transaction date", n, 3, 3, Source::kernel},
    {Tag{0x9C}, "transaction type", n, 1, 1, Source::kernel},
    {Tag{0xA5}, "FCI proprietary template", list, 0, 255, Source::card, 0x6F},
    {Tag{0x5F20}, "cardholder name", ans, 2, 26, Source::card, 0, true},
    {Tag{0x5F24}, "application expiration date", n, 3, 3, Source::card},
    {Tag{0x5F28}, "issuer country code", n, 2, 2, Source::card},
    {Tag{0x5F2A}, "transaction currency code", n, 2, 2, Source::terminal},
    {Tag{0x5F2D}, "language preference", an, 2, 8, Source::card, 0xA5},
    {Tag{0x5F34}, "PAN sequence number", n, 1, 1, Source::card},
    {Tag{0x9F02}, "amount, authorised", n, 6, 6, Source::kernel},
    {Tag{0x9F03}, "amount, other", n, 6, 6, Source::kernel},
    {Tag{0x9F09}, "application version number, terminal", b, 2, 2, Source::terminal},
    {Tag{0x9F10}, "issuer application data", b, 8, 32, Source::card, 0x77},
    {Tag{0x9F11}, "issuer code table index", n, 1, 1, Source::card, 0xA5},
    {Tag{0x9F12}, "application preferred name", ans, 1, 16, Source::card, 0xA5},
    {Tag{0x9F1A}, "terminal country code", n, 2, 2, Source::terminal},
    {Tag{0x9F1E}, "interface device serial number", an, 8, 8, Source::terminal},
    {Tag{0x9F21}, "transaction time", n, 3, 3, Source::kernel},
    {Tag{0x9F26}, "application cryptogram", b, 8, 8, Source::card, 0x77},
    {Tag{0x9F27}, "cryptogram information data", b, 1, 1, Source::card, 0x77},
    {Tag{0x9F29}, "extended selection", b, 0, 16, Source::card, 0x61},
    {Tag{0x9F2A}, "kernel identifier", b, 0, 8, Source::card, 0x61},
    {Tag{0x9F33}, "terminal capabilities", b, 3, 3, Source::terminal},
    {Tag{0x9F34}, "CVM results", b, 3, 3, Source::kernel},
    {Tag{0x9F35}, "terminal type", n, 1, 1, Source::terminal},
    {Tag{0x9F36}, "application transaction counter", b, 2, 2, Source::card, 0x77},
    {Tag{0x9F37}, "unpredictable number", b, 4, 4, Source::kernel},
    {Tag{0x9F38}, "PDOL", list, 0, 252, Source::card, 0xA5},
    {Tag{0x9F40}, "additional terminal capabilities", b, 5, 5, Source::terminal},
    {Tag{0x9F41}, "transaction sequence counter", n, 2, 4, Source::kernel},
    {Tag{0x9F4B}, "signed dynamic application data", b, 1, 248, Source::card},
    {Tag{0x9F4D}, "log entry", b, 2, 2, Source::card},
    {Tag{0x9F4E}, "merchant name and location", ans, 1, 40, Source::terminal},
    {Tag{0x9F51}, "application currency code", n, 2, 2, Source::card},
    {Tag{0x9F5D}, "available offline spending amount", n, 6, 6, Source::card},
    {Tag{0x9F63}, "product identification", b, 16, 16, Source::card},
    {Tag{0x9F66}, "terminal transaction qualifiers", b, 4, 4, Source::kernel},
    {Tag{0x9F69}, "card authentication related data", b, 5, 16, Source::card},
    {Tag{0x9F6C}, "card transaction qualifiers", b, 2, 2, Source::card, 0x77},
    {Tag{0x9F6D}, "electronic cash reset threshold", n, 6, 6, Source::card},
    {Tag{0x9F74}, "electronic cash authorisation code", an, 6, 6, Source::card},
    {Tag{0x9F77}, "electronic cash balance limit", n, 6, 6, Source::card},
    {Tag{0x9F78}, "electronic cash single limit", n, 6, 6, Source::card},
    {Tag{0x9F79}, "electronic cash balance", n, 6, 6, Source::card},
    {Tag{0x9F7A}, "electronic cash terminal indicator", n, 1, 1, Source::terminal},
    {Tag{0x9F7B}, "electronic cash terminal limit", n, 6, 6, Source::terminal},
    {Tag{0xBF0C}, "FCI issuer discretionary data", list, 0, 222, Source::card},
    {Tag{0xDF31}, "issuer script results", b, 1, 25, Source::kernel},
    {Tag{0xDF60}, "CAPP transaction indicator", b, 1, 1, Source::terminal},
    {Tag{0xDF61}, "segmented application identifier", b, 1, 8, Source::card},
    {Tag{0xDF69}, "SM algorithm support indicator", b, 1, 1, Source::terminal},
    {Tag{0xDF71}, "second application currency code", n, 2, 2, Source::card},
};

constexpr Tag ttq{0x9F66}, ctq{0x9F6C}, aip{0x82}, tvr{0x95};

constexpr BitRow bits7[] = {
    {aip, 1, 0x40, "SDA supported"},
    {aip, 1, 0x20, "DDA supported"},
    {aip, 1, 0x10, "cardholder verification supported"},
    {aip, 1, 0x08, "terminal risk management to be performed"},
    {aip, 1, 0x04, "issuer authentication supported"},
    {aip, 1, 0x02, "on-device cardholder verification supported"},
    {aip, 1, 0x01, "CDA supported"},
    {tvr, 1, 0x80, "offline data authentication not performed"},
    {tvr, 1, 0x40, "SDA failed"},
    {tvr, 1, 0x20, "ICC data missing"},
    {tvr, 1, 0x10, "card on exception file"},
    {tvr, 1, 0x08, "DDA failed"},
    {tvr, 1, 0x04, "CDA failed"},
    {tvr, 2, 0x80, "different application versions"},
    {tvr, 2, 0x40, "expired application"},
    {tvr, 2, 0x20, "application not yet effective"},
    {tvr, 2, 0x10, "service not allowed for card product"},
    {tvr, 2, 0x08, "new card"},
    {tvr, 3, 0x80, "cardholder verification not successful"},
    {tvr, 3, 0x40, "unrecognised CVM"},
    {tvr, 3, 0x20, "PIN try limit exceeded"},
    {tvr, 3, 0x10, "PIN required, PIN pad missing or broken"},
    {tvr, 3, 0x08, "PIN required, PIN not entered"},
    {tvr, 3, 0x04, "online PIN entered"},
    {tvr, 4, 0x80, "floor limit exceeded"},
    {tvr, 4, 0x40, "lower consecutive offline limit exceeded"},
    {tvr, 4, 0x20, "upper consecutive offline limit exceeded"},
    {tvr, 4, 0x10, "selected at random for online processing"},
    {tvr, 4, 0x08, "merchant forced online"},
    {tvr, 5, 0x80, "default TDOL used"},
    {tvr, 5, 0x40, "issuer authentication failed"},
    {tvr, 5, 0x20, "script failed before final cryptogram"},
    {tvr, 5, 0x10, "script failed after final cryptogram"},
    {ttq, 1, 0x40, "contactless full debit/credit supported"},
    {ttq, 1, 0x20, "quick path supported"},
    {ttq, 1, 0x10, "contact chip supported"},
    {ttq, 1, 0x08, "reader is offline only"},
    {ttq, 1, 0x04, "online PIN supported"},
    {ttq, 1, 0x02, "signature supported"},
    {ttq, 1, 0x01, "offline data authentication for online authorisation supported"},
    {ttq, 2, 0x80, "online cryptogram required"},
    {ttq, 2, 0x40, "CVM required"},
    {ttq, 3, 0x40, "consumer device CVM supported"},
    {ttq, 4, 0x80, "fDDA version 01 supported"},
    {ctq, 1, 0x80, "online PIN required"},
    {ctq, 1, 0x40, "signature required"},
    {ctq, 1, 0x20, "go online if offline data authentication fails"},
    {ctq, 1, 0x10, "switch interface if offline data authentication fails"},
    {ctq, 1, 0x08, "go online if application expired"},
    {ctq, 1, 0x04, "switch interface for cash"},
    {ctq, 1, 0x02, "switch interface for cashback"},
    {ctq, 2, 0x80, "consumer device CVM performed"},
    {ctq, 2, 0x40, "issuer update at the terminal supported"},
};

static_assert(std::ranges::is_sorted(objects7, {}, &ObjectRow::tag));

}  // namespace

std::span<const ObjectRow> dictionary(std::uint32_t kernel) {
    return kernel == kernel7 ? std::span<const ObjectRow>(objects7) : std::span<const ObjectRow>{};
}

std::span<const BitRow> bit_table(std::uint32_t kernel) {
    return kernel == kernel7 ? std::span<const BitRow>(bits7) : std::span<const BitRow>{};
}

const ObjectRow* find_object(std::uint32_t kernel, Tag tag) {
    const auto rows = dictionary(kernel);
    const auto at = std::ranges::lower_bound(rows, tag, {}, &ObjectRow::tag);
    return at != rows.end() && at->tag == tag ? &*at : nullptr;
}

std::vector<std::string_view> decode_bits(std::uint32_t kernel, Tag tag, Bytes value) {
    std::vector<std::string_view> names;
    for (const auto& row : bit_table(kernel)) {
        if (row.tag != tag || row.byte > value.size()) continue;
        if ((value[row.byte - 1u] & row.mask) != 0) names.push_back(row.name);
    }
    return names;
}

codec::DataFormat dol_format(Format format) {
    switch (format) {
        case n:
            return codec::DataFormat::numeric;
        case cn:
            return codec::DataFormat::compressed_numeric;
        case a:
        case an:
        case ans:
            return codec::DataFormat::alphanumeric;
        case b:
        case list:
            break;
    }
    return codec::DataFormat::binary;
}

}  // namespace softpos::emv
