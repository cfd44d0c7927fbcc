// What is set once for a phone: which reader, where the trusted core is, which platform.
#pragma once

#include "base/result.h"
#include "host/durable_file.h"
#include "phone/hw/card_reader.h"

#include <memory>
#include <string>
#include <string_view>

namespace softpos::device {

// "pcsc:" the first PC/SC reader, "pcsc:NAME" one whose name contains NAME, "socket:/path" a bridge
// of the phone maker.
struct ReaderSpec {
    enum class Driver : std::uint8_t { pcsc, socket };
    Driver driver = Driver::pcsc;
    std::string name;  // Part of a reader's name, or a path.
};
Result<ReaderSpec> parse_reader_spec(std::string_view text);
Result<std::unique_ptr<hw::CardReader>> open_reader(const ReaderSpec& spec);

// device.json in the state folder: {"reader","trusted","server","socket"}, each optional, no other.
struct DeviceConfig {
    std::string reader = "pcsc:";
    std::string trusted;  // Socket of the trusted core.
    std::string server;   // Where an enrolment names none.
    std::string socket;   // Of the local API.
};
Result<DeviceConfig> read_device_config(std::string_view json);
Result<DeviceConfig> load_device_config(const host::Directory& state);  // Defaults without a file.

}  // namespace softpos::device
