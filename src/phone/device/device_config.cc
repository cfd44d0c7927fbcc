// The settings file and the choice of a driver.
#include "phone/device/device_config.h"

#include "codec/strict_json.h"
#include "phone/hw/pcsc_reader.h"
#include "phone/hw/socket_reader.h"

namespace softpos::device {
namespace {

constexpr char file_name[] = "device.json";
constexpr std::size_t file_bytes_max = 8 * 1024;
constexpr std::size_t text_bytes_max = 512;
constexpr std::string_view pcsc_prefix = "pcsc:";
constexpr std::string_view socket_prefix = "socket:";

template <typename Reader>
Result<std::unique_ptr<hw::CardReader>> as_reader(Result<std::unique_ptr<Reader>> opened) {
    if (!opened) return std::unexpected(opened.error());
    return std::unique_ptr<hw::CardReader>(std::move(*opened));
}

}  // namespace

Result<ReaderSpec> parse_reader_spec(std::string_view text) {
    if (text.starts_with(pcsc_prefix)) {
        return ReaderSpec{ReaderSpec::Driver::pcsc, std::string(text.substr(pcsc_prefix.size()))};
    }
    if (text.starts_with(socket_prefix) && text.size() > socket_prefix.size()) {
        return ReaderSpec{ReaderSpec::Driver::socket,
                          std::string(text.substr(socket_prefix.size()))};
    }
    return fail(ErrorKind::malformed, "reader: neither pcsc:NAME nor socket:PATH");
}

Result<std::unique_ptr<hw::CardReader>> open_reader(const ReaderSpec& spec) {
    return spec.driver == ReaderSpec::Driver::pcsc ? as_reader(hw::PcscReader::open(spec.name))
                                                   : as_reader(hw::SocketReader::open(spec.name));
}

Result<DeviceConfig> read_device_config(std::string_view json) {
    codec::StrictJson fields(json);
    DeviceConfig config;
    config.reader = fields.optional_text("reader", text_bytes_max).value_or(config.reader);
    config.trusted = fields.optional_text("trusted", text_bytes_max).value_or("");
    config.server = fields.optional_text("server", text_bytes_max).value_or("");
    config.socket = fields.optional_text("socket", text_bytes_max).value_or("");
    if (fields.finish()) return fail(ErrorKind::malformed, "device.json: a field cannot be so");
    TRY_VOID(parse_reader_spec(config.reader));
    return config;
}

Result<DeviceConfig> load_device_config(const host::Directory& state) {
    const auto content = state.read(file_name, file_bytes_max);
    if (!content && content.error().kind == ErrorKind::not_found) return DeviceConfig{};
    if (!content) return std::unexpected(content.error());
    return read_device_config(text_of(*content));
}

}  // namespace softpos::device
