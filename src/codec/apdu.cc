// The four short cases: header alone, with Le, with data, with both.
#include "codec/apdu.h"

#include "base/check.h"

#include <array>

namespace softpos::codec {
namespace {

constexpr std::size_t header_bytes = 4;
constexpr std::size_t status_bytes = 2;
constexpr unsigned le_max = 256;  // Travels as 00.

unsigned le_of(std::uint8_t byte) {
    return byte == 0 ? le_max : byte;
}

}  // namespace

Buffer encode(const CommandApdu& command) {
    CHECK(command.data.size() <= command_data_bytes_max);
    CHECK(!command.le || (*command.le >= 1 && *command.le <= le_max));
    Buffer out;
    out.reserve(header_bytes + 2 + command.data.size());
    append(out, std::array{command.cla, command.ins, command.p1, command.p2});
    if (!command.data.empty()) {
        out.push_back(static_cast<std::uint8_t>(command.data.size()));
        append(out, command.data);
    }
    if (command.le) out.push_back(static_cast<std::uint8_t>(*command.le % le_max));
    return out;
}

Result<CommandApdu> parse_command(Bytes bytes) {
    ByteReader in(bytes);
    const auto header = in.take(header_bytes);
    if (!header) return fail(ErrorKind::malformed, "apdu: header cut short", 0, bytes.size());
    CommandApdu command{(*header)[0], (*header)[1], (*header)[2], (*header)[3]};
    const auto length = in.take_byte();
    if (!length) return command;
    if (in.empty()) {
        command.le = le_of(*length);
        return command;
    }
    // A zero here, with more behind it, begins a three-byte length.
    if (*length == 0) return fail(ErrorKind::unsupported, "apdu: extended", 0, header_bytes);
    const auto data = in.take(*length);
    if (!data) return fail(ErrorKind::malformed, "apdu: data cut short", *length, in.position());
    command.data = *data;
    if (const auto le = in.take_byte()) command.le = le_of(*le);
    if (!in.empty()) return fail(ErrorKind::malformed, "apdu: bytes behind", 0, in.position());
    return command;
}

Result<ResponseApdu> parse_response(Bytes bytes) {
    if (bytes.size() < status_bytes) {
        return fail(ErrorKind::malformed, "apdu: no status word", 0, bytes.size());
    }
    const Bytes status = bytes.last(status_bytes);
    const Bytes data = bytes.first(bytes.size() - status_bytes);
    if (data.size() > response_data_bytes_max) {
        return fail(ErrorKind::unsupported, "apdu: long answer", 0, response_data_bytes_max);
    }
    return ResponseApdu{data, static_cast<std::uint16_t>(status[0] << 8 | status[1])};
}

}  // namespace softpos::codec
