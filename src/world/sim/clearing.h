// The clearing file that the simulated network writes at its cut-over.
#pragma once

#include "base/result.h"
#include "platform/pay/fees.h"
#include "world/sim/network_host.h"

#include <cstdint>
#include <string>

namespace softpos::sim {

// Everything of that settlement date that was approved and not reversed, in ACOMN form. The fees
// are what the network and the issuers keep, by the rates of the table.
Result<std::string> write_clearing(const NetworkHost& host, std::uint32_t date,
                                   const pay::FeeTable& fees);

}  // namespace softpos::sim
