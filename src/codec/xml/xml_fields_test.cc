// Flat lists both ways, and everything that XML could do beyond them refused.
#include "codec/xml/xml_fields.h"

#include "testing/prng.h"

#include <gtest/gtest.h>

namespace softpos::xml {
namespace {

ErrorKind kind_of(std::string_view text) {
    const auto read = read_xml_fields(text);
    EXPECT_FALSE(read) << text;
    if (!read) EXPECT_LE(read.error().at, text.size()) << text;
    return read ? ErrorKind::internal : read.error().kind;
}

TEST(XmlFields, TextsComeResolved) {
    const auto read = read_xml_fields(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xml>\n  <a>1</a>\n  <b><![CDATA[<2>&]]></b>"
        "<c>&lt;3&gt;&amp;&#20013;</c><d/><e>x<!-- said -->y</e>\n</xml>\n");
    ASSERT_TRUE(read) << read.error().what.c_str();
    EXPECT_EQ(*read,
              (XmlFields{{"a", "1"}, {"b", "<2>&"}, {"c", "<3>&中"}, {"d", ""}, {"e", "xy"}}));
    EXPECT_TRUE(read_xml_fields("<xml/>")->empty());
}

TEST(XmlFields, EntitiesAndDocumentTypesAreDenied) {
    for (const char* text :
         {"<!DOCTYPE xml><xml/>",
          "<!DOCTYPE xml [<!ENTITY a SYSTEM \"file:///etc/hostname\">]><xml><a>&a;</a></xml>",
          "<!DOCTYPE xml SYSTEM \"http://example.com/x.dtd\"><xml/>",
          "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><xml><c>&b;</c></xml>",
          "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://example.com/\"> %p;]><xml/>",
          "<?xml-stylesheet href=\"x\"?><xml/>", "<xml><a><?php x?></a></xml>"}) {
        EXPECT_EQ(kind_of(text), ErrorKind::denied) << text;
    }
    EXPECT_EQ(kind_of("<xml><a>&nobody;</a></xml>"), ErrorKind::malformed);
}

TEST(XmlFields, OtherShapesAreMalformed) {
    for (const char* text :
         {"", " ", "x", "<xml>", "<xml></xml><xml></xml>", "<xml></xml>x", "<XML></XML>",
          "<root><a>1</a></root>", "<xml>text<a>1</a></xml>", "<xml><a><b>1</b></a></xml>",
          "<xml><a x=\"1\">1</a></xml>", "<xml y=\"1\"></xml>", "<xml><a>1</a><a>1</a></xml>",
          "<xml><a>1</b></xml>", "<xml><a>\x01</a></xml>", "<xml><a>\xFF</a></xml>",
          "<xml><a>&#0;</a></xml>"}) {
        EXPECT_EQ(kind_of(text), ErrorKind::malformed) << text;
    }
}

TEST(XmlFields, SizeAndNumberAreLimited) {
    EXPECT_EQ(kind_of("<xml>" + std::string(xml_bytes_max, ' ') + "</xml>"), ErrorKind::denied);
    std::string text = "<xml>";
    for (std::size_t i = 0; i <= xml_fields_max; ++i) {
        const std::string name = "f" + std::to_string(i);
        text += "<" + name + "/>";
    }
    EXPECT_EQ(kind_of(text + "</xml>"), ErrorKind::denied);
}

TEST(XmlFields, AnyTextComesBack) {
    auto prng = testing::Prng::from_environment();
    const std::string_view parts[] = {"a",  "&",  "<",  ">",  "]]>",   "\"", "'",
                                      "\n", "\r", "\t", "中", "&amp;", " "};
    for (int round = 0; round < 500; ++round) {
        XmlFields fields;
        for (unsigned i = prng.below(5); i > 0; --i) {
            std::string& value = fields["f" + std::to_string(i)];
            for (unsigned n = prng.below(8); n > 0; --n) value += parts[prng.below(13)];
        }
        const auto text = write_xml_fields(fields);
        ASSERT_TRUE(text);
        ASSERT_EQ(read_xml_fields(*text).value(), fields) << "seed " << prng.seed();
    }
}

TEST(XmlFields, NamesAndControlsThatXmlCannotCarryAreNotWritten) {
    for (const char* name : {"", "1a", "a b", "a>", "名", "-a"}) {
        EXPECT_EQ(write_xml_fields({{name, "x"}}).error().kind, ErrorKind::malformed) << name;
    }
    EXPECT_EQ(write_xml_fields({{"a", std::string(1, '\0')}}).error().kind, ErrorKind::malformed);
    EXPECT_EQ(write_xml_fields({{"_a.b-1", "x"}}).value(), "<xml><_a.b-1>x</_a.b-1></xml>");
}

}  // namespace
}  // namespace softpos::xml
