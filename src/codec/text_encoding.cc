// The C library converts.
#include "codec/text_encoding.h"

#include <cerrno>
#include <iconv.h>

namespace softpos::codec {
namespace {

Result<std::string> converted(Bytes text, const char* encoding, const char* into = "UTF-8") {
    const iconv_t converter = iconv_open(into, encoding);
    if (converter == iconv_t(-1)) return fail(ErrorKind::unsupported, "text: encoding");
    std::string out(text.size() + text.size() / 2 + 16, '\0');  // Two bytes become three.
    std::string in(text_of(text));  // iconv takes what it does not change as changeable.
    char *from = in.data(), *to = out.data();
    std::size_t from_left = in.size(), to_left = out.size();
    std::size_t done = iconv(converter, &from, &from_left, &to, &to_left);
    while (done == static_cast<std::size_t>(-1) && errno == E2BIG) {
        const std::size_t written = out.size() - to_left;
        to_left += out.size();
        out.resize(out.size() * 2);
        to = out.data() + written;
        done = iconv(converter, &from, &from_left, &to, &to_left);
    }
    iconv_close(converter);
    if (done == static_cast<std::size_t>(-1)) {
        return fail(ErrorKind::malformed, "text: encoding", 0, in.size() - from_left);
    }
    out.resize(out.size() - to_left);
    return out;
}

}  // namespace

Result<std::string> utf8_text(Bytes text) {
    constexpr std::string_view mark = "\xEF\xBB\xBF";
    if (text_of(text).starts_with(mark)) text = text.subspan(mark.size());
    if (auto same = converted(text, "UTF-8")) return same;
    return converted(text, "GB18030");
}

Result<std::string> gbk_text(std::string_view utf8) {
    return converted(bytes_of(utf8), "UTF-8", "GBK");
}

}  // namespace softpos::codec
