// The XML that older wallet interfaces speak: one element around a flat list of named texts, and
// nothing else of what XML could do. The only module that includes expat.
//
//     const XmlFields fields = TRY(read_xml_fields(body));
//     const std::string answer = TRY(write_xml_fields(fields));
//
// Spec: [XML] 2 and 3.
#pragma once

#include "base/result.h"

#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace softpos::xml {

using XmlFields = std::map<std::string, std::string, std::less<>>;

constexpr std::size_t xml_bytes_max = 64UL * 1024;
constexpr std::size_t xml_fields_max = 256;

// Texts come in UTF-8, with references and CDATA resolved; blanks between the elements are passed
// over. malformed, with the offset, for what is no such document, a name twice, text beside the
// elements or elements inside of them; denied for anything that could make the reader fetch or
// multiply text (a document type, entities, instructions), for another encoding, and over a limit.
Result<XmlFields> read_xml_fields(std::string_view text);

// "<xml><name>text</name></xml>". malformed for a name that is none (letters, digits, '_', '-',
// '.', a letter or '_' first) and for control characters that XML cannot carry.
Result<std::string> write_xml_fields(const XmlFields& fields);

}  // namespace softpos::xml
