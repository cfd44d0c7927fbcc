// Reports of apps as anybody on the phone might write them: read or refused, and what is read says
// nothing that the core could not pass on.
// links: posture
#include "base/check.h"
#include "phone/posture/app_posture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace softpos;
    posture::AppReport report;
    const std::string_view text = text_of(Bytes(data, size));
    if (posture::read_app_report(text, report)) return 0;
    CHECK(report.findings.size() <= protocol::app_findings_max);
    for (const auto& one : report.findings) CHECK(one.origin == protocol::TrustClass::app);
    CHECK(report.hardware >> protocol::capabilities == 0);
    protocol::PermitPrepareRequest request{protocol::PermitPurpose::tap, 1, 156, {}};
    request.posture = {report.claims, report.hardware, report.findings, report.location, {}};
    const auto again = protocol::decode_trusted_request(protocol::encode(request));
    CHECK(again.has_value() && *again == protocol::TrustedRequest(request));
    return 0;
}
