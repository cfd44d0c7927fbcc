// Tag and one length byte, again and again; then the four rules of cutting and padding.
#include "codec/dol.h"

#include <algorithm>
#include <utility>

namespace softpos::codec {

Result<std::optional<DolEntry>> DolReader::next() {
    if (in_.empty()) return std::nullopt;
    const std::size_t start = in_.position();
    const auto tag = read_tag(in_);
    if (!tag) {
        in_.drop_all();
        return std::unexpected(tag.error());
    }
    const auto size = in_.take_byte();
    if (!size) {
        return fail(ErrorKind::malformed, "dol: no length", std::to_underlying(*tag), start);
    }
    return DolEntry{*tag, *size};
}

// Numbers are right-aligned: they lose and gain on the left. All others lose and gain on the right;
// compressed numbers gain Fs. Spec: [EMV-B3] 5.4.
Result<void> append_dol_value(DolEntry entry, const std::optional<DolValue>& found, Buffer& out) {
    const std::size_t wanted = entry.size;
    if (out.size() + wanted > dol_filled_bytes_max) {
        return fail(ErrorKind::denied, "dol: asks for too much", std::to_underlying(entry.tag));
    }
    if (!found || found->constructed) {
        out.resize(out.size() + wanted, 0x00);
        return {};
    }
    const std::size_t kept = std::min(wanted, found->value.size());
    const std::size_t padding = wanted - kept;
    if (found->format == DataFormat::numeric) {
        out.resize(out.size() + padding, 0x00);
        append(out, found->value.last(kept));
        return {};
    }
    append(out, found->value.first(kept));
    out.resize(out.size() + padding, found->format == DataFormat::compressed_numeric ? 0xFF : 0x00);
    return {};
}

}  // namespace softpos::codec
