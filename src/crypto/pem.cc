// Finds begin and end lines and decodes what is between.
#include "crypto/pem.h"

#include "codec/base64.h"

#include <algorithm>
#include <string>

namespace softpos::crypto {

Result<std::vector<Buffer>> pem_blocks(std::string_view text, std::string_view label,
                                       std::size_t count_max) {
    if (text.size() > pem_text_bytes_max) return fail(ErrorKind::denied, "pem: too long");
    const std::string begin = "-----BEGIN " + std::string(label) + "-----";
    const std::string finish = "-----END " + std::string(label) + "-----";
    std::vector<Buffer> found;
    std::size_t at = 0;
    while ((at = text.find(begin, at)) != std::string_view::npos) {
        if (found.size() == count_max) {
            return fail(ErrorKind::denied, "pem: too many blocks",
                        static_cast<std::uint32_t>(count_max), at);
        }
        const std::size_t start = at + begin.size();
        const std::size_t end = text.find(finish, start);
        if (end == std::string_view::npos) return fail(ErrorKind::malformed, "pem: no end", 0, at);
        std::string digits(text.substr(start, end - start));
        std::erase_if(digits,
                      [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; });
        auto der = codec::from_base64(digits);
        if (!der) return fail(ErrorKind::malformed, "pem: not base64", 0, start);
        found.push_back(*std::move(der));
        at = end + finish.size();
    }
    return found;
}

}  // namespace softpos::crypto
