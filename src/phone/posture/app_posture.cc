// Every field is known, every number has its range.
#include "phone/posture/app_posture.h"

#include "phone/posture/coarse_place.h"

#include <algorithm>
#include <limits>

namespace softpos::posture {
namespace {

using codec::StrictJson;
using protocol::Finding;
using protocol::FindingCode;
using protocol::TrustClass;

constexpr std::int64_t number_max = std::numeric_limits<std::uint32_t>::max();
constexpr std::int64_t latitude_e6_max = 90'000'000;
constexpr std::int64_t longitude_e6_max = 180'000'000;
constexpr std::size_t name_bytes_max = 32;
constexpr std::size_t words_bytes_max = 128;
// The core has room for so many of the app; this process needs some for its own.
constexpr std::size_t findings_of_app_max = protocol::app_findings_max / 2;

std::uint32_t number(StrictJson& json, std::string_view field) {
    return static_cast<std::uint32_t>(json.integer(field, 0, number_max));
}

protocol::DeviceClaims take_claims(StrictJson json) {
    const auto text = [&json](std::string_view field) {
        std::string value = json.text(field, protocol::claim_bytes_max);
        constexpr char deleted = 0x7F;  // The one control character that JSON takes as it is.
        if (value.find(deleted) != std::string::npos) json.fault(Refusal::bad_value, field);
        return value;
    };
    protocol::DeviceClaims claims;
    claims.platform = text("platform");
    claims.model = text("model");
    claims.os_version = text("os_version");
    claims.app_package = text("app_package");
    claims.app_version = number(json, "app_version");
    claims.sdk_version = number(json, "sdk_version");
    return claims;
}

protocol::CapabilitySet take_hardware(StrictJson& json) {
    const std::string text = json.text("hardware", words_bytes_max);
    protocol::CapabilitySet set = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = std::min(text.find(' ', begin), text.size());
        const std::string_view word = std::string_view(text).substr(begin, end - begin);
        bool known = false;
        for (unsigned i = 0; i < protocol::capabilities; ++i) {
            const auto one = static_cast<protocol::Capability>(i);
            if (protocol::name_of(one) != word) continue;
            set = static_cast<protocol::CapabilitySet>(set | protocol::bit_of(one));
            known = true;
        }
        if (!known) json.fault(Refusal::bad_value, "hardware");
        begin = end + 1;
    }
    return set;
}

std::vector<Finding> take_findings(StrictJson& json) {
    std::vector<Finding> found;
    for (StrictJson& one : json.objects("findings", findings_of_app_max)) {
        const auto code = protocol::finding_code_named(one.text("code", name_bytes_max));
        const auto detail = one.optional_integer("detail", 0, number_max).value_or(0);
        const bool twice = code && std::ranges::find(found, *code, &Finding::code) != found.end();
        if (!code || twice) {
            one.fault(Refusal::bad_value, "code");
            continue;
        }
        found.push_back({*code, TrustClass::app, static_cast<std::uint32_t>(detail)});
    }
    return found;
}

protocol::Location take_location(StrictJson json) {
    protocol::Location place;
    place.latitude_e6 =
        static_cast<std::int32_t>(json.integer("latitude_e6", -latitude_e6_max, latitude_e6_max));
    place.longitude_e6 = static_cast<std::int32_t>(
        json.integer("longitude_e6", -longitude_e6_max, longitude_e6_max));
    place.accuracy_m = number(json, "accuracy_m");
    place.age_s = number(json, "age_s");
    const std::string source = json.text("source", name_bytes_max);
    bool known = false;
    for (unsigned i = 1; i <= protocol::location_sources; ++i) {
        const auto one = static_cast<protocol::LocationSource>(i);
        if (protocol::name_of(one) != source) continue;
        place.source = one;
        known = true;
    }
    if (!known) json.fault(Refusal::bad_value, "source");
    return coarse_place(place);
}

std::uint32_t older(std::uint32_t age_s, std::int64_t by_s) {
    return static_cast<std::uint32_t>(std::min(std::int64_t{age_s} + by_s, number_max));
}

}  // namespace

std::optional<codec::JsonFault> read_app_report(std::string_view text, AppReport& report) {
    StrictJson json(text);
    report.claims = take_claims(json.object("claims"));
    report.hardware = take_hardware(json);
    report.findings = take_findings(json);
    if (json.has("location")) report.location = take_location(json.object("location"));
    return json.finish();
}

std::optional<codec::JsonFault> AppPosture::take(std::string_view json) {
    AppReport report;
    if (auto fault = read_app_report(json, report)) return fault;
    const std::lock_guard lock(mutex_);
    last_ = std::move(report);
    last_at_ = clock_.ticks();
    return std::nullopt;
}

protocol::Posture AppPosture::look() {
    protocol::Posture posture = under_.look();
    const std::lock_guard lock(mutex_);
    if (!last_) return posture;
    constexpr std::int64_t us_of_a_second = 1'000'000;
    const std::int64_t since_s =
        std::max<std::int64_t>(clock_.ticks().us - last_at_.us, 0) / us_of_a_second;
    posture.claims = last_->claims;
    posture.hardware = last_->hardware;
    posture.location = last_->location;
    if (posture.location) posture.location->age_s = older(posture.location->age_s, since_s);
    const auto add = [&posture](const Finding& one) {
        const bool known =
            std::ranges::find(posture.findings, one.code, &Finding::code) != posture.findings.end();
        if (!known && posture.findings.size() < protocol::app_findings_max) {
            posture.findings.push_back(one);
        }
    };
    for (const Finding& one : last_->findings) add(one);
    if (since_s > app_report_s_max) {
        add({FindingCode::silence, TrustClass::app, older(0, since_s)});
    }
    return posture;
}

}  // namespace softpos::posture
