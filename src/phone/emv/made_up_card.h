// A card that never existed, with a test PAN, and the parameters and request it is tapped with.
// Tests, fuzzing and benchmarks only.
#pragma once

#include "base/check.h"
#include "base/hex.h"
#include "codec/ber_tlv.h"
#include "phone/emv/replay.h"
#include "phone/emv/tap.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace softpos::emv::testing {

inline Buffer hex(std::string_view text) {
    auto bytes = from_hex(text);
    CHECK(bytes.has_value());
    return *bytes;
}

inline ParameterSet made_up_parameters(const Ttq& ttq = {0x26, 0x00, 0x00, 0x00},
                                       std::optional<std::int64_t> cvm_limit = std::nullopt) {
    ParameterSet set;
    Combination row;
    CHECK(row.aid.assign(hex("A000000333010102")));
    row.kernel = kernel_unionpay;
    row.aid_class = AidClass::credit;
    row.types = type_purchase | type_refund;
    row.floor_limit_minor = 0;
    row.transaction_limit_minor = 5'000'000;
    row.cvm_limit_minor = cvm_limit;
    row.ttq = ttq;
    row.extended_selection = true;
    CHECK(set.add(row));
    const std::pair<std::uint32_t, const char*> values[] = {{0x9F1A, "0156"},
                                                            {0x5F2A, "0156"},
                                                            {0x9F33, "0068C8"},
                                                            {0x9F35, "22"},
                                                            {0x9F1E, "3132333435363738"},
                                                            {0x9F09, "0200"}};
    for (const auto& [tag, value] : values) CHECK(set.add(codec::Tag{tag}, hex(value)));
    return set;
}

inline TapRequest made_up_request() {
    TapRequest request;
    auto& data = request.transaction;
    data.amount_minor = 100;
    data.date = {0x26, 0x11, 0x22};
    data.time = {0x15, 0x04, 0x05};
    data.unpredictable_number = {0x0A, 0x0B, 0x0C, 0x0D};
    data.trace = 42;
    return request;
}

class MadeUpCard {
public:
    // Q ARQC, T TC, A AAC, X the reserved value.
    void set_decision(char decision) {
        const std::uint8_t bits = decision == 'Q'   ? 0xA0
                                  : decision == 'T' ? 0x90
                                  : decision == 'A' ? 0x80
                                                    : 0xB0;
        value(codec::Tag{0x9F10})[4] = bits;
    }
    void set_ctq(const std::string& ctq) {
        remove(codec::Tag{0x9F6C});
        if (!ctq.empty()) objects_.emplace_back(codec::Tag{0x9F6C}, hex(ctq));
    }
    void set_pdol(Buffer pdol) { pdol_ = std::move(pdol); }
    void set_more_fci(Buffer more) { more_fci_ = std::move(more); }
    void append(Buffer raw) { raw_ = std::move(raw); }
    void remove(codec::Tag tag) {
        std::erase_if(objects_, [&](const auto& object) { return object.first == tag; });
    }

    std::vector<Exchange> transcript() const {
        return {{hex("00A404000E325041592E5359532E444446303100"), directory()},
                {hex("00A4040008A00000033301010200"), selection()},
                {{}, options()}};
    }

    static Buffer object(std::uint32_t tag, Bytes value) {
        Buffer out;
        codec::TlvWriter(out).put(codec::Tag{tag}, value);
        return out;
    }

private:
    Buffer& value(codec::Tag tag) {
        for (auto& [name, bytes] : objects_) {
            if (name == tag) return bytes;
        }
        CHECK(false);
    }

    static Buffer with_sw(Buffer bytes) {
        bytes.insert(bytes.end(), {0x90, 0x00});
        return bytes;
    }

    Buffer directory() const {
        auto entry = object(0x4F, hex("A000000333010102"));
        softpos::append(entry, object(0x87, hex("01")));
        auto fci = object(0x84, bytes_of("2PAY.SYS.DDF01"));
        softpos::append(fci, object(0xA5, object(0xBF0C, object(0x61, entry))));
        return with_sw(object(0x6F, fci));
    }

    Buffer selection() const {
        auto proprietary = object(0x50, bytes_of("MADE UP"));
        softpos::append(proprietary, object(0x9F38, pdol_));
        softpos::append(proprietary, more_fci_);
        auto fci = object(0x84, hex("A000000333010102"));
        softpos::append(fci, object(0xA5, proprietary));
        return with_sw(object(0x6F, fci));
    }

    Buffer options() const {
        Buffer body;
        codec::TlvWriter writer(body);
        for (const auto& [tag, bytes] : objects_) writer.put(tag, bytes);
        softpos::append(body, raw_);
        return with_sw(object(0x77, body));
    }

    Buffer pdol_ = hex("9F66049F02069F03069F1A0295055F2A029A039C019F3704");
    Buffer more_fci_;
    Buffer raw_;
    std::vector<std::pair<codec::Tag, Buffer>> objects_ = {
        {codec::Tag{0x82}, hex("0000")},
        {codec::Tag{0x9F36}, hex("0007")},
        {codec::Tag{0x57}, hex("6210948000000003D30122010000000000000F")},
        {codec::Tag{0x9F10}, hex("07010103A0000001")},
        {codec::Tag{0x9F26}, hex("1122334455667788")},
        {codec::Tag{0x5F34}, hex("01")},
        {codec::Tag{0x9F6C}, hex("0000")}};
};

}  // namespace softpos::emv::testing
