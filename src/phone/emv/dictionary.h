// The objects that each kernel knows, and the meaning of their bits, as data: it drives parsing,
// filling, loading of parameters and what `softpos decode tlv` prints. There is one dictionary a
// kernel, because schemes give the same tag different meanings.
//
// Spec: [EMV-B3] Annex A, [EMV-C7].
#pragma once

#include "base/bytes.h"
#include "codec/ber_tlv.h"
#include "codec/dol.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace softpos::emv {

enum class Format : std::uint8_t { b, n, cn, a, an, ans, list };
enum class Source : std::uint8_t { card, terminal, kernel, issuer };

struct ObjectRow {
    codec::Tag tag;
    std::string_view name;
    Format format;
    std::uint8_t bytes_min;
    std::uint8_t bytes_max;
    Source source;
    std::uint32_t parent = 0;  // The template it must stand in; 0 for any.
    bool secret = false;       // Identifies the card: masked wherever it is shown.
};

struct BitRow {
    codec::Tag tag;
    std::uint8_t byte;  // From 1, as the specifications count.
    std::uint8_t mask;
    std::string_view name;
};

std::span<const ObjectRow> dictionary(std::uint32_t kernel);  // Empty for an unknown kernel.
std::span<const BitRow> bit_table(std::uint32_t kernel);

// nullptr where the kernel does not know the tag.
const ObjectRow* find_object(std::uint32_t kernel, codec::Tag tag);

// The names of the bits that are set; empty where the tag has no bit table. Allocates.
std::vector<std::string_view> decode_bits(std::uint32_t kernel, codec::Tag tag, Bytes value);

// How a DOL cuts and pads this format.
codec::DataFormat dol_format(Format format);

}  // namespace softpos::emv
