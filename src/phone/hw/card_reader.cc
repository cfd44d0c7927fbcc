// One row for each fault, so that every driver says the same thing in the same words.
#include "phone/hw/card_reader.h"

#include "base/check.h"

#include <utility>

namespace softpos::hw {
namespace {

constexpr std::uint32_t detail_base = 0x4857'0000;  // "HW": no tag and no field number looks so.

std::unexpected<Error> make(ErrorKind kind, Literal what, ReaderFault fault) {
    return fail(kind, what, detail_base | std::to_underlying(fault));
}

}  // namespace

std::unexpected<Error> reader_failure(ReaderFault fault) {
    switch (fault) {
        case ReaderFault::none:
            break;
        case ReaderFault::no_reader:
            return make(ErrorKind::unavailable, "reader: not there", fault);
        case ReaderFault::no_card:
            return make(ErrorKind::not_found, "reader: no card presented", fault);
        case ReaderFault::card_removed:
            return make(ErrorKind::unavailable, "reader: card removed", fault);
        case ReaderFault::timeout:
            return make(ErrorKind::unavailable, "reader: card did not answer in time", fault);
        case ReaderFault::protocol:
            return make(ErrorKind::malformed, "reader: answer breaks the link's rules", fault);
        case ReaderFault::cancelled:
            return make(ErrorKind::conflict, "reader: cancelled", fault);
    }
    CHECK(false);
    __builtin_unreachable();
}

ReaderFault fault_of(const Error& error) {
    const std::uint32_t number = error.detail ^ detail_base;
    if (number > std::to_underlying(ReaderFault::cancelled)) return ReaderFault::none;
    return static_cast<ReaderFault>(number);
}

}  // namespace softpos::hw
