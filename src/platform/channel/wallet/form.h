// Forms as the body of a request: how Alipay is called, and how it calls back.
//
// Spec: [HTML-FORM].
#pragma once

#include "base/result.h"

#include <map>
#include <string>
#include <string_view>

namespace softpos::wallet {

using FormFields = std::map<std::string, std::string, std::less<>>;

constexpr std::size_t form_bytes_max = 64UL * 1024;
constexpr std::size_t form_fields_max = 128;

// "a=1&b=%E4%B8%AD", in the order of the names.
std::string write_form(const FormFields& fields);

// malformed, with the offset, for a name twice, none at all, and escapes that are none; denied over
// a limit. Bytes are taken as they come, in whatever character set.
Result<FormFields> read_form(std::string_view body);

}  // namespace softpos::wallet
