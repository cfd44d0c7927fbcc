// Taking BER-TLV apart for comparison.
#pragma once

#include "codec/ber_tlv.h"
#include "world/conformance/rows.h"

#include <vector>

namespace softpos::conformance {

struct FlatObject {
    codec::Tag tag;
    unsigned depth;
    bool constructed;
    Bytes value;
};

// Every object at every depth in the order of the bytes; borrows the input.
Result<std::vector<FlatObject>> flat_objects(Bytes input);

std::optional<codec::Tag> tag_of(std::string_view hex);
std::string name_of(codec::Tag tag);

// [["84","3250.."],..] against the primitive objects, in order, none more and none less.
void check_leaves(Row& row, std::string_view what, Bytes input, const Node& stated);

// The value of the first object with this tag at any depth; empty where there is none.
Bytes value_anywhere(Bytes input, codec::Tag tag);

}  // namespace softpos::conformance
