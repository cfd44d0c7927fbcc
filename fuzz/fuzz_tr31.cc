// Foreign text as key blocks: what the parser takes is bounded by its own text, and its header
// written again is the very text it came from, up to the padding that is ours to choose.
// links: crypto
#include "base/check.h"
#include "crypto/tr31.h"

#include <algorithm>

using namespace softpos;
using namespace softpos::crypto;

namespace {

// Everything allowed, under a key that nobody knows: the MAC stops it, and nothing else may happen.
void try_import(std::string_view text, KeyBlockVersion version) {
    const bool aes = key_block_alignment(version) == 16;
    static const Buffer kbpk = [] {
        Buffer key(32);
        for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(37 * i);
        return key;
    }();
    const Bytes key = Bytes(kbpk).first(aes && version != KeyBlockVersion::sm4 ? 32 : 16);
    const auto got =
        import_key_block(key, text, {.legacy = true, .own_sm4 = true, .weak_kbpk = true});
    CHECK(!got.has_value());
    // What the same header exports comes back, unless it says something that we do not export.
    const auto parsed = parse_key_block(text);
    CHECK(parsed.has_value());
    KeyBlockHeader header = parsed->header;
    std::erase_if(header.optional, [](const auto& block) { return block.name() == "PB"; });
    SeededRandom random(text.size());
    const auto made = export_key_block(key, header, Bytes(kbpk).first(16), random);
    if (!made) return;
    const auto back = import_key_block(key, *made, {.legacy = false, .own_sm4 = true});
    if (!back) {  // A check value in the fuzzed header is of another key.
        CHECK(header.find("KC") || header.find("KP"));
        return;
    }
    CHECK(equal_constant_time(back->key.bytes(), Bytes(kbpk).first(16)));
    CHECK(back->header.usage == header.usage && back->header.mode == header.mode);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text = text_of({data, size});
    const auto parsed = parse_key_block(text);
    if (!parsed) return 0;
    CHECK(text.size() <= key_block_characters_max);
    CHECK(parsed->head.size() + parsed->payload.size() + parsed->mac.size() == text.size());
    CHECK(parsed->head.data() == text.data());
    std::size_t inside = key_block_header_characters;
    for (const OptionalBlock& block : parsed->header.optional) inside += 4 + block.text.size();
    CHECK(inside <= parsed->head.size());
    if (parsed->header.optional.empty()) {
        const auto written = write_key_block_header(parsed->header, parsed->payload.size() / 2);
        CHECK(written && *written == parsed->head);
    }
    try_import(text, parsed->header.version);
    return 0;
}
