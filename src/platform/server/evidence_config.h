// Whom this platform believes when phones show evidence: evidence.json in its folder, and the roots
// beside it. Without the file no maker is believed, and phones prove themselves by software keys.
//
//     {"android": {"package": "cn.example.spos", "signers": "<64 hex digits> ..."},
//      "harmony": {"bundle": "cn.example.spos", "app_ids": "cn.example.spos_BAS64KEY... ..."},
//      "apple_app": "TEAMID1234.cn.example.spos",
//      "pcrs": {"7": "<64 hex digits> ...", "23": "measurement"},
//      "play": {"store_required": true}}
//
// pcrs: what a TPM must quote; "measurement" is the core that enrolled, launched by itself.
// android: roots are those of data/attest/android.anchors and, where it is there, those of
// android-roots.pem; android-status.json is Google's list of revoked keys, as old as the file.
// harmony: huks-roots.pem and huks-status.json, which is a list of the same form. apple_app:
// apple-roots.pem. play: play-decryption.key (Base64) and play-verification.pem, of the app in
// `android`. Believed where they are there: tpm-roots.pem, makers of TPMs; hms-roots.pem, of
// SysIntegrity's tokens about that app; optee-keys.pem, the public keys of devices.
#pragma once

#include "base/result.h"
#include "platform/attest/evidence.h"

#include <string>

namespace softpos::server {

// malformed with what was wrong where; what is named and cannot be read is an error, not a default.
Result<attest::EvidenceTrust> load_evidence_trust(const std::string& folder);

// For tests of the text alone: without the files beside it.
Result<attest::EvidenceTrust> parse_evidence_trust(std::string_view json);

}  // namespace softpos::server
