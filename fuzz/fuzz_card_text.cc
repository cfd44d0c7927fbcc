// Card profiles, issuer profiles and fault scripts from any text: what is accepted keeps the limits
// that the card relies on, so that it can be made and tapped.
// links: base codec crypto card
#include "base/check.h"
#include "world/card/virtual_card.h"

#include <cstddef>
#include <cstdint>

namespace card = softpos::card;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = softpos::text_of(softpos::Bytes(data, size));
    if (auto profile = card::parse_card(text)) {
        CHECK(profile->aid.size() >= 5 && profile->aid.size() <= 16);
        const card::IssuerProfile issuer{
            .name = "fuzz",
            .bin = std::string(profile->pan.clear_digits().substr(0, 6)),
            .dki = profile->dki,
            .mdk = softpos::SecretBytes(16)};
        if (auto made = card::personalise(*std::move(profile), issuer)) {
            CHECK(made->track2.size() <= 19);
        }
    }
    if (const auto issuer = card::parse_issuer(text)) CHECK(issuer->mdk.size() == 16);
    if (auto faults = card::CardFaults::parse(text)) {
        for (unsigned step = 0; step < 4; ++step) faults->takes_tag(0x9F10, step);
    }
    return 0;
}
