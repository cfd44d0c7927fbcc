// softpos attest explain: what a piece of evidence says, field by field, and what follows from it.
#include "app/commands.h"
#include "app/console.h"
#include "base/hex.h"
#include "codec/base64.h"
#include "codec/json_document.h"
#include "crypto/certificate.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "platform/attest/android_describe.h"
#include "platform/attest/android_verify.h"
#include "platform/attest/app_attest.h"
#include "platform/attest/chain.h"
#include "platform/attest/evidence.h"
#include "platform/attest/tpm_quote.h"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <sstream>
#include <string>

namespace softpos::app {
namespace {

namespace json = boost::json;
using attest::Outcome;
using attest::TrustAnchor;
using attest::Verdict;

constexpr std::size_t file_bytes_max = 256 * 1024;
constexpr std::size_t roots_max = 32;
constexpr int columns = 34;

struct ExplainOptions {
    std::string file, challenge, package, app, at, roots;
    bool as_json = false;
};

// What was read out of the file, judged with what the options give.
struct Explained {
    std::string kind;  // In words.
    Verdict verdict;
    std::vector<std::string> notes;  // What was not asked, and so not compared.
};

Result<Instant> time_of(const std::string& text) {
    if (text.empty()) return SystemClock().now();
    std::chrono::sys_seconds at;
    std::tm parts{};
    std::istringstream in(text);
    in >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%SZ");
    if (in.fail()) return fail(ErrorKind::malformed, "attest: --at is like 2026-11-22T15:04:05Z");
    const std::chrono::year_month_day date{
        std::chrono::year(parts.tm_year + 1900),
        std::chrono::month(static_cast<unsigned>(parts.tm_mon + 1)),
        std::chrono::day(static_cast<unsigned>(parts.tm_mday))};
    if (!date.ok()) return fail(ErrorKind::malformed, "attest: --at is no date");
    at = std::chrono::sys_days(date) + std::chrono::hours(parts.tm_hour) +
         std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec);
    return Instant{at.time_since_epoch().count() * 1000};
}

Result<std::vector<TrustAnchor>> roots_of(const ExplainOptions& options) {
    std::vector<TrustAnchor> anchors;
    if (options.roots.empty()) return anchors;
    const Buffer text = TRY(host::read_file(options.roots, file_bytes_max));
    for (const Buffer& der : TRY(crypto::pem_certificates(text_of(text), roots_max))) {
        const auto one = TRY(crypto::Certificate::parse(der));
        anchors.push_back({crypto::name_text(one.subject()), one.key()});
    }
    return anchors;
}

Result<std::optional<Buffer>> challenge_of(const ExplainOptions& options) {
    if (options.challenge.empty()) return std::optional<Buffer>();
    return std::optional(TRY(from_hex(options.challenge)));
}

Result<Explained> explain_android(const std::vector<Bytes>& certificates,
                                  const ExplainOptions& options) {
    Explained out{.kind = "Android key attestation", .verdict = {}, .notes = {}};
    const std::string text = TRY(host::read_data("attest/android.anchors"));
    auto anchors = TRY(attest::parse_anchors(text));
    for (TrustAnchor& more : TRY(roots_of(options))) anchors.push_back(std::move(more));
    attest::AndroidPolicy policy;
    policy.challenge = TRY(challenge_of(options));
    if (!policy.challenge) out.notes.emplace_back("the challenge was not compared (--challenge)");
    if (options.package.empty()) {
        out.notes.emplace_back("the app was not compared (--package)");
    } else {
        policy.package = options.package;
    }
    out.notes.emplace_back("no revocation list was asked");
    out.verdict = attest::verify_android_key(certificates, policy, {anchors, nullptr},
                                             TRY(time_of(options.at)));
    return out;
}

Result<Explained> explain_apple(Bytes object, const ExplainOptions& options) {
    Explained out{.kind = "Apple App Attest", .verdict = {}, .notes = {}};
    const auto anchors = TRY(roots_of(options));
    attest::AppAttestPolicy policy;
    policy.challenge = TRY(challenge_of(options));
    policy.development_allowed = true;
    if (!options.app.empty()) policy.app_id = options.app;
    if (!policy.challenge) out.notes.emplace_back("the challenge was not compared (--challenge)");
    if (!policy.app_id) out.notes.emplace_back("the app was not compared (--app)");
    if (anchors.empty()) out.notes.emplace_back("no root was given (--roots)");
    out.verdict = attest::verify_app_attestation(object, policy, anchors, TRY(time_of(options.at)));
    return out;
}

Result<Explained> explain_tpm(Bytes form, const ExplainOptions& options) {
    Explained out{.kind = "TPM 2.0 quote", .verdict = {}, .notes = {}};
    const auto anchors = TRY(roots_of(options));
    const auto challenge = TRY(challenge_of(options));
    const auto read = TRY(protocol::decode_tpm_quote_form(form));
    attest::TpmPolicy policy;
    if (challenge) {
        policy.challenge = *challenge;
    } else if (const auto quote = attest::parse_tpm_quote(read.quote)) {
        policy.challenge = quote->extra_data;
        out.notes.emplace_back("the challenge was not compared (--challenge)");
    }
    out.notes.emplace_back("registers were not compared with known values");
    out.verdict = attest::verify_tpm_quote(form, policy, anchors, TRY(time_of(options.at)));
    return out;
}

// A quote as a TPM writes it, without key and signature: what it says, and that nobody vouches.
Explained explain_bare_quote(const attest::TpmQuote& quote) {
    Explained out{.kind = "TPM 2.0 quote, without its signature", .verdict = {}, .notes = {}};
    out.verdict.kind = protocol::EvidenceKind::tpm_quote;
    out.verdict.reason = "SIGNATURE";
    auto& seen = out.verdict.observations;
    seen.emplace_back("signer (qualified name)", to_hex(quote.qualified_signer));
    seen.emplace_back("nonce", to_hex(quote.extra_data));
    seen.emplace_back("clock", std::to_string(quote.clock_ms) + " ms");
    seen.emplace_back("power cycles", std::to_string(quote.reset_count));
    seen.emplace_back("resumes", std::to_string(quote.restart_count));
    for (const attest::TpmPcrSelection& bank : quote.selections) {
        std::string pcrs;
        for (unsigned pcr = 0; pcr < attest::tpm_pcrs; ++pcr) {
            if ((bank.pcrs >> pcr & 1U) != 0)
                pcrs += (pcrs.empty() ? "" : " ") + std::to_string(pcr);
        }
        seen.emplace_back("registers", pcrs);
    }
    seen.emplace_back("digest of the registers", to_hex(quote.pcr_digest));
    return out;
}

Explained explain_dev_process(const protocol::DevProcessForm& form) {
    Explained out{.kind = "a process without hardware", .verdict = {}, .notes = {}};
    const auto statement = protocol::decode_dev_process_statement(form.statement);
    const protocol::Digest32 none{};
    const protocol::Point65 no_point{};
    const bool read = statement.has_value();
    out.verdict = attest::verify_dev_process(
        protocol::encode(form), {.challenge = read ? statement->challenge : none,
                                 .core_sign_point = read ? statement->core_sign_point : no_point,
                                 .measurement = read ? statement->measurement : none,
                                 .now = {}});
    if (!read) return out;
    auto& seen = out.verdict.observations;
    seen.emplace_back("challenge", to_hex(statement->challenge));
    seen.emplace_back("measurement of the program", to_hex(statement->measurement));
    seen.emplace_back("its key", to_hex(statement->core_sign_point));
    seen.emplace_back("app version", std::to_string(statement->app_version));
    out.notes.emplace_back("nothing but the process itself vouches for this");
    return out;
}

// By what the bytes are, never by the name of the file.
Result<Explained> explain(Bytes file, const ExplainOptions& options) {
    const std::string_view text = text_of(file);
    if (text.find("-----BEGIN CERTIFICATE-----") != std::string_view::npos) {
        const auto der = TRY(crypto::pem_certificates(text, attest::chain_max));
        return explain_android({der.begin(), der.end()}, options);
    }
    if (const auto start = text.find_first_not_of(" \r\n\t");
        start != std::string_view::npos && text[start] == '{') {
        const codec::JsonDocument document{std::string(text)};
        const auto object = codec::from_base64(document.text("attestation"));
        if (!object) return fail(ErrorKind::unsupported, "attest: JSON without an attestation");
        return explain_apple(*object, options);
    }
    if (const auto quote = attest::parse_tpm_quote(file)) return explain_bare_quote(*quote);
    if (attest::parse_app_attestation(file)) return explain_apple(file, options);
    if (protocol::decode_tpm_quote_form(file)) return explain_tpm(file, options);
    if (const auto form = protocol::decode_dev_process_form(file))
        return explain_dev_process(*form);
    if (const auto certificates = attest::split_chain(file)) {
        return explain_android(*certificates, options);
    }
    return fail(ErrorKind::unsupported, "attest: no evidence of a kind that is known here");
}

std::string_view meaning_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::pass:
            return "everything that was asked is proven";
        case Outcome::review:
            return "nothing is wrong, and not everything is proven";
        case Outcome::fail:
            break;
    }
    return "not to be believed";
}

void print_text(const Explained& what) {
    const Verdict& verdict = what.verdict;
    const Colour colour = verdict.outcome == Outcome::pass     ? Colour::green
                          : verdict.outcome == Outcome::review ? Colour::yellow
                                                               : Colour::red;
    std::printf("%s\n\n", coloured(Colour::bold, what.kind).c_str());
    for (const auto& [name, value] : verdict.observations) {
        std::printf("  %-*s %s\n", columns, name.c_str(), value.c_str());
    }
    std::printf("\n%s", coloured(colour, name_of(verdict.outcome)).c_str());
    if (!verdict.reason.empty()) {
        std::printf(" %s", std::string(verdict.reason).c_str());
        if (verdict.where != 0) std::printf(" (at %u)", verdict.where);
    }
    std::printf(": %s\n", std::string(meaning_of(verdict.outcome)).c_str());
    for (const protocol::Finding& finding : verdict.findings) {
        std::printf("  finding %s\n", std::string(name_of(finding.code)).c_str());
    }
    for (const std::string& note : what.notes) {
        std::printf("  %s\n", coloured(Colour::dim, note).c_str());
    }
}

void print_json(const Explained& what) {
    const Verdict& verdict = what.verdict;
    json::array observations, findings, notes;
    for (const auto& [name, value] : verdict.observations) {
        observations.push_back(json::object{{"name", name}, {"value", value}});
    }
    for (const auto& one : verdict.findings) findings.push_back(json::string(name_of(one.code)));
    for (const std::string& note : what.notes) notes.push_back(json::string(note));
    std::printf("%s\n", json::serialize(json::object{{"kind", what.kind},
                                                     {"outcome", name_of(verdict.outcome)},
                                                     {"reason", verdict.reason},
                                                     {"where", verdict.where},
                                                     {"findings", std::move(findings)},
                                                     {"observations", std::move(observations)},
                                                     {"notes", std::move(notes)}})
                            .c_str());
}

int run(const ExplainOptions& options) {
    const auto file = host::read_file(options.file, file_bytes_max);
    if (!file) return report(file.error());
    const auto explained = explain(*file, options);
    if (!explained) return report(explained.error());
    options.as_json ? print_json(*explained) : print_text(*explained);
    // For scripts: 0 proven, 2 for review, 3 refused; 1 where nothing could be read.
    return explained->verdict.outcome == Outcome::pass     ? 0
           : explained->verdict.outcome == Outcome::review ? 2
                                                           : 3;
}

}  // namespace

void add_attest(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<ExplainOptions>();
    CLI::App* attest = app.add_subcommand("attest", "evidence that devices give of themselves");
    attest->require_subcommand(1);
    CLI::App* explain = attest->add_subcommand(
        "explain", "what a chain, an attestation or a quote says, and what follows from it");
    explain
        ->add_option("file", options->file, "PEM or DER chain, App Attest (CBOR, JSON), TPM quote")
        ->required();
    explain->add_option("--challenge", options->challenge, "in hex: what the device was asked");
    explain->add_option("--package", options->package, "Android: the app that may answer");
    explain->add_option("--app", options->app, "Apple: TEAM.bundle of the app that may answer");
    explain->add_option("--roots", options->roots, "PEM: more roots to believe");
    explain->add_option("--at", options->at, "judge as of this time: 2026-11-22T15:04:05Z");
    explain->add_flag("--json", options->as_json, "for programs");
    explain->callback([&chosen, options] { chosen = [options] { return run(*options); }; });
}

}  // namespace softpos::app
