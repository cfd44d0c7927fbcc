// Whatever commands a reader sends, in whatever order: each is answered with a status word and no
// more than a reader takes, and the transaction counter rises by at most one for each.
// links: base codec crypto card
//
// Input: commands, each behind one byte of length; length 0 is a reset.
#include "base/check.h"
#include "world/card/virtual_card.h"

#include <cstddef>
#include <cstdint>

using softpos::Buffer;
using softpos::ByteReader;
using softpos::Bytes;
namespace card = softpos::card;

namespace {

constexpr std::string_view profile =
    "name = fuzz\npan = 6210948000000003\npsn = 00\nexpiry = 3012\nservice_code = 220\n"
    "track2_rest = 0\naid = A000000333010101\nlabel = FUZZ\npriority = 1\ncvm = online_pin\n"
    "cvm_when = always\ncountry = 156\ncurrency = 156\ndki = 01\ncvn = 01\nlife = active\n"
    "offline_available_minor = 1\n";
constexpr std::string_view issuer =
    "name = fuzz\nbin = 621094\ndki = 01\ntest_mdk = 00112233445566778899AABBCCDDEEFF\n";

card::VirtualCard make_card() {
    return card::VirtualCard(
        card::personalise(card::parse_card(profile).value(), card::parse_issuer(issuer).value())
            .value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    card::VirtualCard card = make_card();
    ByteReader in(Bytes(data, size));
    while (const auto length = in.take_byte()) {
        if (*length == 0) {
            card.reset();
            continue;
        }
        const Bytes command = in.take(*length).value_or(in.rest());
        const std::uint16_t before = card.state().atc;
        const Buffer rapdu = card.transmit(command);
        CHECK(rapdu.size() >= 2 && rapdu.size() <= 258);
        CHECK(card.state().atc == before || card.state().atc == before + 1);
    }
    return 0;
}
