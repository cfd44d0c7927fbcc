// Texts of others, in whatever of the two encodings of the trade they come: UTF-8 or Chinese GBK.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace softpos::codec {

// In UTF-8 and without a byte order mark: as it is where it is UTF-8, else out of GB18030, of which
// GBK is a part. malformed where it is neither, with the byte in Error.at.
//
//     const std::string bill = TRY(utf8_text(file));
Result<std::string> utf8_text(Bytes text);

// The other way; malformed where it is no UTF-8 or GBK has no such character.
Result<std::string> gbk_text(std::string_view utf8);

}  // namespace softpos::codec
