// For tests only: the dialects as they are shipped, read once.
#pragma once

#include "base/check.h"
#include "codec/dialect.h"

#include <fstream>
#include <sstream>
#include <string>

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

}  // namespace softpos::codec
