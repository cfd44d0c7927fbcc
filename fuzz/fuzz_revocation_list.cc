// A list of revoked keys that cannot be read as a whole is no list.
// links: attest
#include "base/check.h"
#include "platform/attest/revocation.h"

// Shows: A8
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    const std::string_view text = text_of({data, size});
    const auto list = attest::RevocationList::parse(text, Instant{1});
    if (!list) return 0;
    CHECK(list->size() <= attest::RevocationList::values_max);
    const std::size_t end = text.find_last_of('}');
    CHECK(!attest::RevocationList::parse(text.substr(0, end), Instant{1}));
    return 0;
}
