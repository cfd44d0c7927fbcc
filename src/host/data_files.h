// Where the versioned data of the product lies (dialects, fees, policies, EMV parameters): the
// folder that SOFTPOS_DATA names, else `data` beside the sources that this was built from.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace softpos::host {

std::string data_path(std::string_view relative);

// not_found where there is no such file, denied where it is over the limit.
Result<std::string> read_data(std::string_view relative);

}  // namespace softpos::host
