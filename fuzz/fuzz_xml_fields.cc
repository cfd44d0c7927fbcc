// Fuzz: flat XML. What was read says the same when it is written and read again.
// links: xml
#include "base/check.h"
#include "codec/xml/xml_fields.h"

namespace {

using namespace softpos;

void check(std::string_view text) {
    const auto fields = xml::read_xml_fields(text);
    if (!fields) return;
    const auto written = xml::write_xml_fields(*fields);
    if (!written) return;  // A name or a character that only others write.
    const auto again = xml::read_xml_fields(*written);
    // Escaping makes it longer, so that only the limit may stop it.
    CHECK(again ? *again == *fields : again.error().kind == ErrorKind::denied);
}

}  // namespace

// The parser is a library without counters in it, so that most inputs are given a frame.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    check(text);
    check("<xml>" + text + "</xml>");
    check("<xml><a>" + text + "</a><b/></xml>");
    return 0;
}
