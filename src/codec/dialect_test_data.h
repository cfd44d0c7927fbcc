// For tests only: the dialects as they are shipped, read once.
#pragma once

#include "base/check.h"
#include "codec/dialect.h"

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace softpos::codec {

inline Dialect shipped_dialect(const std::string& name) {
    const std::ifstream file(SOFTPOS_DATA "/dialects/" + name + ".dialect");
    CHECK(file.is_open());
    std::ostringstream text;
    text << file.rdbuf();
    auto dialect = Dialect::parse(text.str());
    CHECK(dialect.has_value());
    return *std::move(dialect);
}

inline const Dialect& cup_pos() {
    static const Dialect dialect = shipped_dialect("cup-pos");
    return dialect;
}

inline const Dialect& cups() {
    static const Dialect dialect = shipped_dialect("cups");
    return dialect;
}

// All of them.
inline const std::vector<const Dialect*>& shipped_dialects() {
    static const std::array<Dialect, 4> world{
        shipped_dialect("iso87-ascii"), shipped_dialect("iso87-binary"),
        shipped_dialect("iso93-ascii"), shipped_dialect("iso93-binary")};
    static const std::vector<const Dialect*> all{&cup_pos(), &cups(),   &world[0],
                                                 &world[1],  &world[2], &world[3]};
    return all;
}

}  // namespace softpos::codec
