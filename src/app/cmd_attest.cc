// softpos attest: what evidence of a phone says, in words, and whether it proves anything.
#include "app/commands.h"
#include "app/console.h"
#include "base/hex.h"
#include "base/secret.h"
#include "codec/base64.h"
#include "crypto/certificate.h"
#include "host/data_files.h"
#include "host/durable_file.h"
#include "platform/attest/explain.h"
#include "platform/attest/reason.h"
#include "platform/attest/words.h"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace softpos::app {
namespace {

namespace json = boost::json;
using attest::ExplainQuestion;
using attest::Explanation;
using attest::Outcome;
using attest::Verdict;

constexpr int exit_unusable = 1;  // As report() gives it.
constexpr int exit_review = 2;
constexpr int exit_fail = 3;
constexpr std::size_t secret_text_bytes_max = 256;
constexpr std::size_t line_columns = 100;
constexpr std::size_t name_columns_max = 32;
constexpr std::string_view google_anchors = "attest/android.anchors";

struct AttestOptions {
    std::string file;
    std::string challenge, app, time, status, key, decryption;
    std::vector<std::string> signers, anchors, pcrs;
    bool activated = false;
    bool development = false;
    bool json = false;
};

// What the options name, loaded. The question borrows from the rest.
struct Asked {
    std::vector<attest::TrustAnchor> anchors;
    std::optional<attest::RevocationList> revoked;
    SecretBytes decryption;
    ExplainQuestion question;
};

Result<std::string> read_text(const std::string& path, std::size_t bytes_max) {
    const Buffer bytes = TRY(host::read_file(path, bytes_max));
    return std::string(text_of(bytes));
}

// A key in Base64, as Google's console shows it.
Result<SecretBytes> read_secret(const std::string& path) {
    std::string text = TRY(read_text(path, secret_text_bytes_max));
    while (text.ends_with('\n')) text.pop_back();
    Buffer bytes = TRY(codec::from_base64(text));
    SecretBytes secret = SecretBytes::copy_of(bytes);
    wipe(bytes);
    wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    return secret;
}

// A file of anchors, or certificates in PEM: the key of each.
Result<void> add_anchors(const std::string& text, std::vector<attest::TrustAnchor>& anchors) {
    constexpr std::string_view pem_mark = "-----BEGIN CERTIFICATE-----";
    if (text.find(pem_mark) == std::string::npos) {
        for (auto& anchor : TRY(attest::parse_anchors(text))) anchors.push_back(std::move(anchor));
        return {};
    }
    for (const Buffer& der : TRY(crypto::pem_certificates(text, attest::anchors_max))) {
        const auto certificate = TRY(crypto::Certificate::parse(der));
        anchors.push_back({crypto::name_text(certificate.subject()), certificate.key()});
    }
    return {};
}

Result<attest::ExpectedPcr> parse_pcr(std::string_view text) {
    attest::ExpectedPcr expected;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), expected.pcr);
    if (error != std::errc() || end == text.data() + text.size() || *end != '=' ||
        expected.pcr >= attest::tpm_pcrs) {
        return fail(ErrorKind::malformed, "--pcr wants NUMBER=HEX");
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
    expected.values.push_back(TRY(from_hex(text)));
    return expected;
}

Result<void> load(const AttestOptions& options, Asked& asked) {
    ExplainQuestion& question = asked.question;
    question.now = SystemClock().now();
    if (!options.time.empty()) {
        const auto time = attest::read_instant(options.time);
        if (!time)
            return fail(ErrorKind::malformed, "--at wants 2026-11-22 or 2026-11-22T15:04:05Z");
        question.now = *time;
    }
    TRY_VOID(add_anchors(TRY(host::read_data(google_anchors)), asked.anchors));
    for (const std::string& path : options.anchors) {
        TRY_VOID(add_anchors(TRY(read_text(path, attest::explained_bytes_max)), asked.anchors));
    }
    if (!options.status.empty()) {
        const auto text = TRY(read_text(options.status, attest::RevocationList::bytes_max));
        asked.revoked = TRY(attest::RevocationList::parse(text, question.now));
        question.revoked = &*asked.revoked;
    }
    if (!options.challenge.empty()) question.challenge = TRY(from_hex(options.challenge));
    if (!options.app.empty()) question.app = options.app;
    if (!options.key.empty()) {
        const auto text = TRY(read_text(options.key, attest::explained_bytes_max));
        question.key = TRY(crypto::PublicKey::from_pem(text));
    }
    if (!options.decryption.empty()) {
        asked.decryption = TRY(read_secret(options.decryption));
        question.decryption = &asked.decryption;
    }
    for (const std::string& signer : options.signers) {
        question.signers.push_back(TRY(from_hex(signer)));
    }
    for (const std::string& pcr : options.pcrs) question.pcrs.push_back(TRY(parse_pcr(pcr)));
    question.activated = options.activated;
    question.development_allowed = options.development;
    question.anchors = asked.anchors;
    return {};
}

// ---- For people -----------------------------------------------------------------------------

Colour colour_of(Outcome outcome) {
    switch (outcome) {
        case Outcome::pass:
            return Colour::green;
        case Outcome::review:
            return Colour::yellow;
        case Outcome::fail:
            break;
    }
    return Colour::red;
}

// "name   text", the text broken between words and where it has none.
void show_line(std::string_view name, std::string_view text, std::size_t width) {
    std::string head = "  " + std::string(name);
    head.append(width + 4 > head.size() ? width + 4 - head.size() : 2, ' ');
    std::string line = coloured(Colour::dim, head);
    const std::size_t room = line_columns - width - 4;
    while (text.size() > room) {
        const std::size_t blank = text.rfind(' ', room);
        const std::size_t cut = blank == std::string_view::npos || blank == 0 ? room : blank;
        std::printf("%s%.*s\n", line.c_str(), static_cast<int>(cut), text.data());
        text.remove_prefix(cut);
        if (text.starts_with(' ')) text.remove_prefix(1);
        line.assign(width + 4, ' ');
    }
    std::printf("%s%.*s\n", line.c_str(), static_cast<int>(text.size()), text.data());
}

struct Section {
    std::string_view title;
    std::string_view prefix;  // Of the names that belong to it, which is left out.
};
constexpr Section statement{"Statement", ""};
constexpr Section sections[] = {
    {"Certificates, that of the key first", "certificate "},
    statement,
    {"Said by the secure world", "hardware."},
    {"Said by the operating system, which proves nothing", "software."},
};

// By its title. What has no section of its own is part of the statement.
std::string_view section_of(std::string_view name) {
    for (const Section& section : sections) {
        if (section.prefix.empty() || !name.starts_with(section.prefix)) continue;
        return section.title;
    }
    return statement.title;
}

void show_section(const Section& section, const attest::Observations& all) {
    std::size_t width = 0;
    for (const auto& [name, text] : all) {
        if (section_of(name) != section.title) continue;
        width = std::max(width, std::min(name.size() - section.prefix.size(), name_columns_max));
    }
    if (width == 0) return;
    std::printf("\n%s\n", coloured(Colour::bold, section.title).c_str());
    for (const auto& [name, text] : all) {
        if (section_of(name) != section.title) continue;
        show_line(std::string_view(name).substr(section.prefix.size()), text, width);
    }
}

void show(const Explanation& said, Instant now) {
    const Verdict& verdict = said.verdict;
    std::string head(attest::name_of(verdict.outcome));
    if (!verdict.reason.empty()) head.append("  ").append(verdict.reason);
    if (!said.place.empty()) head.append("  (").append(said.place).append(")");
    std::printf("%s\n", coloured(Colour::bold, said.form).c_str());
    std::printf("%s\n", coloured(colour_of(verdict.outcome), head).c_str());
    const std::string_view sentence = verdict.outcome == Outcome::pass
                                          ? "Everything that was asked is proven."
                                          : attest::sentence_of(verdict.reason);
    std::printf("%.*s\n", static_cast<int>(sentence.size()), sentence.data());
    std::printf("%s\n", coloured(Colour::dim, "judged as of " + attest::instant_text(now)).c_str());
    for (const Section& section : sections) show_section(section, verdict.observations);
    if (verdict.outcome != Outcome::fail) {
        const std::string home(attest::name_of(verdict.home));
        std::printf("\nThe key lives in: %s\n", home.c_str());
    }
}

// ---- For programs ---------------------------------------------------------------------------

void show_json(const Explanation& said, Instant now) {
    const Verdict& verdict = said.verdict;
    json::array observations;
    for (const auto& [name, text] : verdict.observations) {
        observations.push_back(json::object{{"name", name}, {"value", text}});
    }
    json::array findings;
    for (const protocol::Finding& finding : verdict.findings) {
        findings.push_back(json::string(protocol::name_of(finding.code)));
    }
    const json::object out{{"form", said.form},
                           {"kind", protocol::name_of(verdict.kind)},
                           {"verdict", attest::name_of(verdict.outcome)},
                           {"reason", verdict.reason},
                           {"sentence", attest::sentence_of(verdict.reason)},
                           {"where", verdict.where},
                           {"place", said.place},
                           {"judged_at_ms", now.unix_ms},
                           {"key_home", attest::name_of(verdict.home)},
                           {"device_key", to_hex(verdict.device_key)},
                           {"findings", std::move(findings)},
                           {"observations", std::move(observations)}};
    std::printf("%s\n", json::serialize(out).c_str());
}

int explain(const AttestOptions& options) {
    Asked asked;
    if (const auto loaded = load(options, asked); !loaded) {
        report(loaded.error());
        return exit_unusable;
    }
    const auto file = host::read_file(options.file, attest::explained_bytes_max);
    if (!file) {
        report("'" + options.file + "': " + file.error().what.c_str());
        return exit_unusable;
    }
    const auto said = attest::explain_evidence(*file, asked.question);
    if (!said) {
        report(said.error());
        return exit_unusable;
    }
    options.json ? show_json(*said, asked.question.now) : show(*said, asked.question.now);
    switch (said->verdict.outcome) {
        case Outcome::pass:
            return 0;
        case Outcome::review:
            return exit_review;
        case Outcome::fail:
            break;
    }
    return exit_fail;
}

}  // namespace

void add_attest(CLI::App& app, Chosen& chosen) {
    const auto options = std::make_shared<AttestOptions>();
    CLI::App* attest = app.add_subcommand("attest", "evidence of phones");
    attest->require_subcommand(1);
    CLI::App* command = attest->add_subcommand(
        "explain", "what a certificate chain, attestation or quote says, and its verdict");
    command
        ->add_option("file", options->file,
                     "PEM, DER, CBOR, JSON, a token, or any of them in Base64")
        ->required();
    command->add_option("--challenge", options->challenge, "what the phone was asked, in hex");
    command->add_option("--app,--package", options->app, "the package name, or TEAMID.bundle.id");
    command->add_option("--signer", options->signers,
                        "SHA-256 of a certificate that may sign the app, in hex");
    command->add_option("--anchor,--roots", options->anchors,
                        "more roots to trust: a file of PEM certificates or anchors");
    command->add_option("--status", options->status, "list of revoked keys, as it is served now");
    command->add_option("--pcr", options->pcrs, "expected value of a TPM's PCR: NUMBER=HEX");
    command->add_option("--key", options->key, "public key in PEM, for what brings no certificate");
    command->add_option("--decrypt", options->decryption,
                        "file with the key of encrypted tokens, in Base64");
    command->add_option("--at", options->time, "judge as of then: 2026-11-22 or with T15:04:05Z");
    command->add_flag("--activated", options->activated,
                      "the TPM has given back a credential's secret for this key");
    command->add_flag("--development", options->development,
                      "take keys of Apple's development service");
    command->add_flag("--json", options->json, "one JSON object");
    command->footer(
        "Google's roots are trusted from the start, any other with --anchor. Exit code: 0 where "
        "the "
        "verdict is PASS,\n2 where it is REVIEW, 3 where it is FAIL, 1 where there is no "
        "evidence.");
    command->callback([&chosen, options] { chosen = [=] { return explain(*options); }; });
}

}  // namespace softpos::app
