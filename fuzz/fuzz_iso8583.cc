// Whatever a network sends: what unpack accepts packs to the same bytes and can be described. The
// dialects here have every kind of row.
// links: codec
#include "base/check.h"
#include "codec/cup_frame.h"
#include "codec/iso8583.h"

#include <algorithm>

namespace {

using softpos::codec::Dialect;
using softpos::codec::IsoMessage;

constexpr const char* bcd = R"(dialect bcd
version 0
mti bcd
bitmap 8
field  2 n   bcd    ll_bcd    digits     12-19 right0 pan     a
field  3 n   bcd    fixed     digits     6     none   public  b
field 22 n   bcd    fixed     digits     3     right0 public  c
field 23 n   bcd    fixed     digits     3     left0  public  d
field 24 n   bcd    fixed     digits     3     rightF public  e
field 35 z   bcd    ll_bcd    digits     1-37  right0 track2  f
field 36 z   bcd    lll_bcd   digits     1-104 right0 track3  g
field 37 an  ascii  fixed     characters 12    none   public  h
field 44 an  ascii  ll_bcd    bytes      1-25  none   public  i
field 48 n   bcd    ll_bcd    bytes      2-64  none   public  j
field 52 b   binary fixed     bytes      8     none   pin     k
field 55 b   binary lll_bcd   bytes      1-255 none   chip    l
field 56 b   binary lll_bcd   digits     1-99  none   key     m
field 63 gbk ascii  lll_bcd   bytes      1-163 none   public  n
field 64 b   binary fixed     bytes      8     none   mac     o
)";
constexpr const char* ascii = R"(dialect ascii
version 0
mti ascii
bitmap auto
field   2 n   ascii  ll_ascii  characters 12-19 none pan     a
field   3 n   ascii  fixed     characters 6     none public  b
field  35 z   ascii  ll_ascii  characters 1-37  none track2  c
field  43 gbk ascii  fixed     characters 40    none private d
field  48 ans ascii  lll_ascii characters 1-255 none public  e
field  52 b   binary fixed     bytes      8     none pin     f
field  55 b   binary lll_ascii bytes      1-255 none chip    g
field  70 n   ascii  fixed     characters 3     none public  h
field 128 ans ascii  fixed     characters 8     none mac     i
)";

// The frame of the world's dialects: a bitmap in text, odd digits on the left.
constexpr const char* world = R"(dialect world
version 1
mti ascii
bitmap auto hex
field   2 n   ascii  ll_ascii  characters 12-19 none  pan     a
field   3 n   bcd    fixed     digits     5     left0 public  b
field  34 ans ascii  ll_ascii  characters 1-28  none  pan     c
field  53 b   binary ll_ascii  bytes      1-48  none  key     d
field  72 ans ascii  lll_ascii characters 1-999 none  private e
field 128 b   binary fixed     bytes      8     none  mac     f
)";

void run(const Dialect& dialect, softpos::Bytes input) {
    IsoMessage message(dialect);
    const auto read = unpack(input, message);
    if (!read) {
        CHECK(read.error().at <= input.size());
        CHECK(message.mti().empty());
        return;
    }
    std::array<std::uint8_t, softpos::codec::iso_message_bytes_max> out;
    const auto size = pack(message, out);
    CHECK(size.has_value());
    CHECK(std::ranges::equal(softpos::Bytes(out).first(*size), input));
    CHECK(!describe(message).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Dialect first = Dialect::parse(bcd).value();
    static const Dialect second = Dialect::parse(ascii).value();
    const softpos::Bytes input(data, size);
    run(first, input);
    run(second, input);
    static const Dialect third = Dialect::parse(world).value();
    run(third, input);
    CHECK(softpos::codec::mac_input(input).size() <= size);
    if (const auto frame = softpos::codec::parse_frame(input)) {
        CHECK(std::ranges::equal(softpos::codec::build_frame(*frame), input));
    }
    return 0;
}
