// Comparisons, and one line of CSV.
#include "platform/server/terminal_identity.h"

#include "platform/merchant/numbers.h"

#include <array>
#include <cstdlib>

namespace softpos::server {
namespace {

constexpr std::array<std::string_view, 6> element_names = {"none",     "serial",  "acquirer",
                                                           "merchant", "licence", "account"};

// Spec: [RFC-4180] 2. What a spreadsheet would take for a formula gets a quote in front.
std::string csv_field(std::string_view value) {
    std::string text;
    if (!value.empty() && std::string_view("=+-@").find(value[0]) != value.npos) text = "'";
    text += value;
    if (text.find_first_of(",\"\r\n") == text.npos) return text;
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"') quoted += '"';
        quoted += c;
    }
    return quoted + '"';
}

// "121.473701": six decimals, as filed.
std::string degrees(std::int32_t millionths) {
    const std::int64_t size = std::abs(std::int64_t{millionths});
    std::string decimals = std::to_string(size % 1'000'000);
    decimals.insert(0, 6 - decimals.size(), '0');
    return (millionths < 0 ? "-" : "") + std::to_string(size / 1'000'000) + "." + decimals;
}

}  // namespace

std::string_view name_of(Element element) {
    return element_names[static_cast<std::size_t>(element)];
}

Element element_of(std::uint32_t detail) {
    return detail < element_names.size() ? static_cast<Element>(detail) : Element::none;
}

Element differing_element(const store::RegistryRow& registered, const merchant::Terminal& terminal,
                          const merchant::Merchant& merchant, std::string_view acquirer) {
    if (registered.serial != terminal.serial) return Element::serial;
    if (registered.acquirer != acquirer) return Element::acquirer;
    if (registered.merchant != terminal.merchant) return Element::merchant;
    if (registered.licence != merchant.licence.digest) return Element::licence;
    if (registered.account != merchant.bank_account.digest) return Element::account;
    return Element::none;
}

Result<IdentityView> look_up_identity(store::Reader& reader, const merchant::Terminal& terminal,
                                      std::string_view acquirer) {
    IdentityView view;
    const auto registered = TRY(reader.registered(terminal.number));
    const auto merchant = TRY(reader.merchant(terminal.merchant));
    // A terminal from before there was a registry has no serial number, and nothing to compare.
    if (!registered && terminal.serial.empty()) return view;
    const Element differs = registered && merchant
                                ? differing_element(*registered, terminal, *merchant, acquirer)
                            : registered ? Element::merchant
                                         : Element::serial;
    if (differs != Element::none) {
        view.finding = protocol::Finding{.code = protocol::FindingCode::binding,
                                         .origin = protocol::TrustClass::server,
                                         .detail = static_cast<std::uint32_t>(differs)};
    }
    if (registered && registered->placed) {
        view.place = protocol::Location{.latitude_e6 = registered->latitude_e6,
                                        .longitude_e6 = registered->longitude_e6,
                                        .accuracy_m = 0};
    }
    return view;
}

Result<void> file_status(store::Tx& tx, std::string_view terminal, store::FilingStatus status,
                         std::string_view reason, Instant now) {
    auto row = TRY(tx.registered(terminal));
    if (!row || row->status == status) return {};
    row->status = status;
    row->changed_at = now;
    ++row->version;
    return tx.update(store::RegistryChange{.reason = std::string(reason), .row = *row});
}

std::string filing_header() {
    return "merchant_id,merchant_name,source,device_type,serial_number,maker,model,positioning,"
           "address,longitude,latitude,status,tusn,network_licence,changed_at\r\n";
}

std::string filing_line(const store::RegistryRow& row, std::string_view merchant_name,
                        const FilingFacts& facts) {
    // The maker's own serial number is what follows maker and device type.
    const std::string own = row.serial.size() > 8 ? row.serial.substr(8) : row.serial;
    const std::string longitude = row.placed ? degrees(row.longitude_e6) : "";
    const std::string latitude = row.placed ? degrees(row.latitude_e6) : "";
    const std::string status = std::to_string(static_cast<int>(row.status));
    // Source 1: the merchant brings its own phone.
    const std::array<std::string, 15> fields = {row.merchant,
                                                std::string(merchant_name),
                                                "1",
                                                std::string(merchant::phone_pos_device_type),
                                                own,
                                                std::string(facts.maker),
                                                row.model,
                                                "Y",
                                                row.address,
                                                longitude,
                                                latitude,
                                                status,
                                                row.serial,
                                                std::string(facts.licence),
                                                china_time(row.changed_at).iso()};
    // Degrees west and south are numbers, not formulas.
    std::string line;
    for (std::size_t i = 0; i < fields.size(); ++i) {
        if (i > 0) line += ',';
        const bool number = i == 9 || i == 10;
        line += number ? fields[i] : csv_field(fields[i]);
    }
    return line + "\r\n";
}

}  // namespace softpos::server
