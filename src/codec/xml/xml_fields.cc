// expat reads; its handlers stop it at the first thing that a flat list does not need.
#include "codec/xml/xml_fields.h"

#include "base/check.h"

#include <algorithm>
#include <expat.h>
#include <memory>
#include <optional>

namespace softpos::xml {
namespace {

constexpr std::string_view root_name = "xml";

struct FreeParser {
    void operator()(XML_Parser parser) const { XML_ParserFree(parser); }
};
using Parser = std::unique_ptr<XML_ParserStruct, FreeParser>;

// What the handlers fill. `fault` is set once and stops the parser.
struct Reading {
    XML_Parser parser = nullptr;
    XmlFields fields;
    std::string name, text;
    unsigned depth = 0;
    std::optional<Error> fault;

    void stop(ErrorKind kind, Literal what) {
        if (fault) return;
        const auto at = static_cast<std::uint32_t>(XML_GetCurrentByteIndex(parser));
        fault = Error{kind, what, 0, at};
        XML_StopParser(parser, XML_FALSE);
    }
};

Reading& reading_of(void* data) {
    return *static_cast<Reading*>(data);
}

void on_start(void* data, const XML_Char* name, const XML_Char** attributes) {
    Reading& reading = reading_of(data);
    ++reading.depth;
    if (attributes[0] != nullptr) return reading.stop(ErrorKind::malformed, "xml: attribute");
    if (reading.depth == 1 && name != root_name) {
        return reading.stop(ErrorKind::malformed, "xml: other root");
    }
    if (reading.depth > 2) return reading.stop(ErrorKind::malformed, "xml: element in a field");
    reading.name = name;
    reading.text.clear();
}

void on_end(void* data, const XML_Char*) {
    Reading& reading = reading_of(data);
    --reading.depth;
    if (reading.depth != 1 || reading.fault) return;
    if (reading.fields.size() == xml_fields_max) {
        return reading.stop(ErrorKind::denied, "xml: too many fields");
    }
    const bool added = reading.fields.try_emplace(reading.name, reading.text).second;
    if (!added) reading.stop(ErrorKind::malformed, "xml: a name twice");
}

void on_text(void* data, const XML_Char* text, int size) {
    Reading& reading = reading_of(data);
    const std::string_view part(text, static_cast<std::size_t>(size));
    if (reading.depth == 2) {
        reading.text += part;
    } else if (part.find_first_not_of(" \t\r\n") != std::string_view::npos) {
        reading.stop(ErrorKind::malformed, "xml: text beside the fields");
    }
}

void on_document_type(void* data, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    reading_of(data).stop(ErrorKind::denied, "xml: document type");
}

void on_instruction(void* data, const XML_Char*, const XML_Char*) {
    reading_of(data).stop(ErrorKind::denied, "xml: instruction");
}

// Only a document type could have declared it.
void on_entity(void* data, const XML_Char*, int) {
    reading_of(data).stop(ErrorKind::denied, "xml: entity");
}

int on_encoding(void*, const XML_Char*, XML_Encoding*) {
    return XML_STATUS_ERROR;  // expat's own encodings are enough.
}

bool is_name(std::string_view name) {
    const auto letter = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
    };
    const auto more = [&letter](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.';
    };
    return !name.empty() && letter(name.front()) && std::ranges::all_of(name, more);
}

// As references: CDATA could be ended from inside of the text.
bool append_escaped(std::string& to, std::string_view text) {
    for (const char c : text) {
        switch (c) {
            case '&':
                to += "&amp;";
                break;
            case '<':
                to += "&lt;";
                break;
            case '>':
                to += "&gt;";
                break;
            case '\r':
                to += "&#13;";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n') return false;
                to += c;
        }
    }
    return true;
}

}  // namespace

Result<XmlFields> read_xml_fields(std::string_view text) {
    if (text.size() > xml_bytes_max) return fail(ErrorKind::denied, "xml: too long");
    const Parser parser(XML_ParserCreate("UTF-8"));
    CHECK(parser != nullptr);
    Reading reading;
    reading.parser = parser.get();
    XML_SetUserData(parser.get(), &reading);
    XML_SetElementHandler(parser.get(), on_start, on_end);
    XML_SetCharacterDataHandler(parser.get(), on_text);
    XML_SetStartDoctypeDeclHandler(parser.get(), on_document_type);
    XML_SetProcessingInstructionHandler(parser.get(), on_instruction);
    XML_SetSkippedEntityHandler(parser.get(), on_entity);
    XML_SetUnknownEncodingHandler(parser.get(), on_encoding, nullptr);
    XML_SetParamEntityParsing(parser.get(), XML_PARAM_ENTITY_PARSING_NEVER);
    const auto status =
        XML_Parse(parser.get(), text.data(), static_cast<int>(text.size()), XML_TRUE);
    if (reading.fault) return std::unexpected(*reading.fault);
    if (status != XML_STATUS_OK) {
        const auto at = static_cast<std::size_t>(XML_GetCurrentByteIndex(parser.get()));
        return fail(ErrorKind::malformed, "xml: syntax",
                    static_cast<std::uint32_t>(XML_GetErrorCode(parser.get())),
                    std::min(at, text.size()));
    }
    return std::move(reading.fields);
}

Result<std::string> write_xml_fields(const XmlFields& fields) {
    std::string out = "<xml>";
    for (const auto& [name, text] : fields) {
        if (!is_name(name)) return fail(ErrorKind::malformed, "xml: name of a field");
        out += '<' + name + '>';
        if (!append_escaped(out, text)) {
            return fail(ErrorKind::malformed, "xml: control character");
        }
        out += "</" + name + '>';
    }
    return out + "</xml>";
}

}  // namespace softpos::xml
