// For the tests of the phone's services: a platform over real TLS, a trusted core behind a real
// socket and a reader, each doing what the test tells it.
#pragma once

#include "base/hex.h"
#include "codec/strict_json.h"
#include "crypto/x509.h"
#include "net/http_server.h"
#include "phone/device/phone_service.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

namespace softpos::device::testing {

class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "device-XXXXXX").string();
        if (::mkdtemp(name.data()) != nullptr) path_ = name;
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string file(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

inline protocol::TapOutcome online_outcome() {
    protocol::TapOutcome outcome;
    outcome.kind = protocol::TapOutcomeKind::online_request;
    outcome.refusal = Refusal::none;
    outcome.masked_pan = "621094******0001";
    outcome.aid = {0xA0, 0x00, 0x00, 0x03, 0x33};
    outcome.permit = Id128{{7}};
    outcome.card = protocol::SealedCard{.ksn = {1, 2, 3}, .ciphertext = Buffer(40, 0xCD)};
    return outcome;
}

inline protocol::TapOutcome refusing_outcome(protocol::TapOutcomeKind kind, Refusal refusal) {
    protocol::TapOutcome outcome;
    outcome.kind = kind;
    outcome.refusal = refusal;
    return outcome;
}

// One SELECT for each tap, then the next scripted outcome (online where none is left). A radio
// error ends the tap with "try again". What it signs is signed by nobody: the platform here does
// not look.
class ScriptedCore {
public:
    explicit ScriptedCore(std::string path) {
        auto server =
            host::SeqpacketServer::listen({.path = path, .allowed_uids = {}, .owner = {}});
        EXPECT_TRUE(server.has_value());
        server_ = std::move(*server);
        thread_ = std::thread([this] {
            EXPECT_TRUE(server_->serve([this](Bytes request, const host::PeerId&) {
                return protocol::encode(answer(protocol::decode_trusted_request(request).value()));
            }));
        });
    }
    ~ScriptedCore() {
        server_->stop();
        thread_.join();
    }
    ScriptedCore(const ScriptedCore&) = delete;
    ScriptedCore& operator=(const ScriptedCore&) = delete;

    std::deque<protocol::TapOutcome> outcomes;  // Set while no call runs.
    std::atomic<bool> refuse_finish = false;
    std::atomic<bool> refuse_activation = false;
    std::atomic<int> taps = 0;
    std::atomic<int> finished = 0;
    std::atomic<int> prepared = 0;
    std::atomic<int> let_go = 0;
    std::atomic<int> obeyed = 0;
    std::atomic<int> reports = 0;
    std::atomic<int> pins = 0;       // Entries that began.
    std::atomic<int> pin_polls = 2;  // Until it ends,
    std::atomic<protocol::PinProgress> pin_end = protocol::PinProgress::entered;
    std::atomic<int> pin_aborts = 0;
    protocol::TapBeginRequest last_begin;
    protocol::PermitPrepareRequest last_prepare;

private:
    static protocol::SignedBody told(const protocol::SpaBody& body) {
        return {protocol::encode(body), Buffer(70, 0x5A)};
    }
    protocol::TrustedAnswer answer(const protocol::TrustedRequest& request) {
        using namespace protocol;
        if (std::holds_alternative<StatusRequest>(request)) {
            return StatusAnswer{.core_version = 2,
                                .mode = finished > 0 ? CoreMode::ready : CoreMode::fresh,
                                .terminal_id = finished > 0 ? "00000007" : "",
                                .serial_number = {},
                                .next_counter = 1};
        }
        if (const auto* begin = std::get_if<EnrolBeginRequest>(&request)) {
            EnrolStatement statement;
            statement.nonce_id = begin->nonce_id;
            statement.nonce = begin->nonce;
            statement.claims = begin->posture.claims;
            statement.findings = begin->posture.findings;
            return EnrolBeginAnswer{told(statement),
                                    Evidence{EvidenceKind::dev_process, Buffer(9, 1)}};
        }
        if (const auto* activate = std::get_if<EnrolActivateRequest>(&request)) {
            if (refuse_activation) return TrustedFailure{TrustedFault::grant_refused, 0};
            return EnrolActivateAnswer{{EvidenceKind::tpm_quote, activate->credential.id_object}};
        }
        if (std::holds_alternative<EnrolFinishRequest>(request)) {
            if (refuse_finish) return TrustedFailure{TrustedFault::grant_refused, 0};
            ++finished;
            return EnrolFinishAnswer{};
        }
        if (const auto* prepare = std::get_if<PermitPrepareRequest>(&request)) {
            ++prepared;
            last_prepare = *prepare;
            PermitRequest body;
            body.terminal_id = "00000007";
            body.purpose = prepare->purpose;
            if (prepare->purpose == PermitPurpose::pin) body.parent = Id128{{7}};
            body.amount_minor = prepare->amount_minor;
            body.findings = prepare->posture.findings;
            return PermitPrepareAnswer{told(body),
                                       Evidence{EvidenceKind::dev_process, Buffer(9, 1)}};
        }
        if (std::holds_alternative<PermitRefusedRequest>(request)) {
            ++let_go;
            return PermitRefusedAnswer{};
        }
        if (std::holds_alternative<ReportMakeRequest>(request)) {
            ++reports;
            Report body;
            body.terminal_id = "00000007";
            return ReportMakeAnswer{told(body)};
        }
        if (std::holds_alternative<PinBeginRequest>(request)) {
            ++pins;
            return PinState{};
        }
        if (std::holds_alternative<PinPollRequest>(request)) {
            if (pin_polls-- > 0) return PinState{};
            if (pin_end != PinProgress::entered) return PinState{pin_end, std::nullopt};
            return PinState{PinProgress::entered, SealedPin{{1}, {2}}};
        }
        if (std::holds_alternative<PinAbortRequest>(request)) {
            ++pin_aborts;
            return PinAbortAnswer{};
        }
        if (const auto* command = std::get_if<CommandObeyRequest>(&request)) {
            ++obeyed;
            const auto body = decode_spa_body(command->command.body).value();
            return CommandObeyAnswer{{std::get<Command>(body).id, true}};
        }
        return answer_tap(request);
    }
    protocol::TrustedAnswer answer_tap(const protocol::TrustedRequest& request) {
        using namespace protocol;
        if (const auto* begin = std::get_if<TapBeginRequest>(&request)) {
            ++taps;
            last_begin = *begin;
            return TapStep{SendApdu{{0x00, 0xA4, 0x04, 0x00, 0x00}, 500}, TapUi{0x16, 4, 0}};
        }
        const auto* onward = std::get_if<TapContinueRequest>(&request);
        if (onward == nullptr) return TapAbortAnswer{};
        if (std::holds_alternative<TapRfError>(onward->result)) {
            return TapStep{refusing_outcome(TapOutcomeKind::try_again, Refusal::card_removed),
                           TapUi{0x21, 3, 0}};
        }
        TapOutcome next = online_outcome();
        if (!outcomes.empty()) {
            next = outcomes.front();
            outcomes.pop_front();
        }
        return TapStep{next, TapUi{0x17, 5, 300}};
    }

    std::unique_ptr<host::SeqpacketServer> server_;
    std::thread thread_;
};

// Presents a card at once, unless told that none comes: then it waits for cancel.
class ScriptedReader final : public hw::CardReader {
public:
    struct Script {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<hw::ReaderFault> waits;      // none: a card.
        std::deque<hw::ReaderFault> transmits;  // none: 9000.
        bool hold = false;                      // No card ever comes.
        bool waiting = false;
        bool cancelled = false;

        void await_waiting() {
            std::unique_lock lock(mutex);
            changed.wait(lock, [this] { return waiting; });
        }
    };
    explicit ScriptedReader(Script& script) : script_(script) {}

    std::string_view name() const override { return "scripted"; }
    Result<void> wait_for_card(unsigned) override {
        std::unique_lock lock(script_.mutex);
        script_.waiting = true;
        script_.changed.notify_all();
        if (script_.hold) script_.changed.wait(lock, [this] { return script_.cancelled; });
        script_.waiting = false;
        if (std::exchange(script_.cancelled, false)) {
            return hw::reader_failure(hw::ReaderFault::cancelled);
        }
        const auto fault = take(script_.waits);
        if (fault != hw::ReaderFault::none) return hw::reader_failure(fault);
        return {};
    }
    Result<Buffer> transmit(Bytes, unsigned) override {
        const std::lock_guard lock(script_.mutex);
        const auto fault = take(script_.transmits);
        if (fault != hw::ReaderFault::none) return hw::reader_failure(fault);
        return Buffer{0x90, 0x00};
    }
    void release() override {}
    void cancel() override {
        const std::lock_guard lock(script_.mutex);
        script_.cancelled = true;
        script_.changed.notify_all();
    }

private:
    static hw::ReaderFault take(std::deque<hw::ReaderFault>& faults) {
        if (faults.empty()) return hw::ReaderFault::none;
        const auto fault = faults.front();
        faults.pop_front();
        return fault;
    }
    Script& script_;
};

// How the platform answers the next payments.
enum class PlatformMood : std::uint8_t {
    approve,
    decline,
    take_and_lose,  // Books it as approved, and the answer is lost.
    lose,           // Lost on the way: never booked.
    refuse,         // AMOUNT_OVER_LIMIT
    no_permit,      // Not trusted any more, and told to wipe its keys.
    busy,           // No permit now.
};

class ScriptedPlatform {
public:
    ScriptedPlatform() {
        const Instant now = SystemClock().now();
        ca = crypto::make_ca("test ca", Instant{now.unix_ms - 86'400'000}, 2).value();
        const auto server =
            crypto::issue_server(
                ca, {.common_name = "localhost", .dns = {"localhost"}, .ip = {"127.0.0.1"}},
                Instant{now.unix_ms - 86'400'000}, 2)
                .value();
        net::HttpServerConfig config;
        config.tls = net::ServerTls{
            .cert_pem = server.cert_pem, .key_pem = server.key_pem, .client_ca_pem = ca.cert_pem};
        server_ = net::HttpServer::listen(config, [this](net::HttpRequest request,
                                                         const net::Responder& respond) {
                      answer(request, respond);
                  }).value();
    }
    std::string url() const { return "https://127.0.0.1:" + std::to_string(server_->port()); }
    void stop() { server_->stop(); }

    void book(const std::string& key, const std::string& kind, std::int64_t amount_minor,
              const std::string& result = "approved") {
        const std::lock_guard lock(mutex_);
        payments_[key] = payment_of(kind, amount_minor, result);
    }
    std::string last_card() {
        const std::lock_guard lock(mutex_);
        return last_card_;
    }
    std::string last_permit() {
        const std::lock_guard lock(mutex_);
        return last_permit_;
    }

    std::string last_code() {
        const std::lock_guard lock(mutex_);
        return last_code_;
    }

    crypto::CertAndKey ca;
    std::atomic<PlatformMood> mood = PlatformMood::approve;
    std::atomic<int> posts = 0;
    std::atomic<int> queries = 0;
    std::atomic<int> permits = 0;  // Asked for.
    std::atomic<int> pins = 0;     // That came with a purchase.
    std::atomic<int> reports = 0;
    std::atomic<std::uint32_t> permit_seconds = 60;
    std::optional<protocol::EnrolCredential> credential;  // Asked for before anybody enrols.
    bool insists = false;                                 // And again, whatever comes.
    std::atomic<int> credentials = 0;

private:
    std::string payment_of(const std::string& kind, std::int64_t amount_minor,
                           const std::string& result) {
        return R"({"payment_id":"p)" + std::to_string(++number_) + R"(","kind":")" + kind +
               R"(","state":"posted","result":")" + result + R"(","amount_minor":)" +
               std::to_string(amount_minor) +
               R"(,"currency":"CNY","masked_pan":"621094******0001","trace":"000001",)"
               R"("response_code":")" +
               (result == "approved" ? "00" : "51") + R"(","of_tomorrow":1})";
    }
    static net::HttpResponse refusal(Refusal refusal) {
        return {.status = row_of(refusal).http_status, .body = refusal_json(words_of(refusal))};
    }

    void answer(const net::HttpRequest& request, const net::Responder& respond) {
        const std::lock_guard lock(mutex_);
        if (request.target == "/v1/spa") return respond(spa(request));
        if (request.peer_common_name != "terminal-1") return respond(refusal(Refusal::forbidden));
        if (request.method == "GET") return respond(query(request.target));
        ++posts;
        take_payment(request, respond);
    }
    net::HttpResponse query(const std::string& target) {
        ++queries;
        const auto at = target.find("?idempotency_key=");
        const std::string word = target.substr(target.find_last_of("=/") + 1);
        for (const auto& [key, payment] : payments_) {
            const bool by_id = payment.find(R"("payment_id":")" + word + '"') != std::string::npos;
            if (at != std::string::npos ? key == word : by_id) return {.body = payment};
        }
        return refusal(Refusal::not_found);
    }
    static net::HttpResponse cbor(const protocol::SpaAnswer& answer) {
        return {.content_type = "application/cbor",
                .body = std::string(text_of(protocol::encode(answer)))};
    }
    static protocol::SignedBody told(const protocol::SpaBody& body) {
        return {protocol::encode(body), Buffer(70, 0xA5)};
    }
    net::HttpResponse spa(const net::HttpRequest& request) {
        using namespace protocol;
        EXPECT_EQ(request.find_header("content-type"), "application/cbor");
        const auto message = decode_spa_request(bytes_of(request.body)).value();
        if (const auto* begin = std::get_if<EnrolBegin>(&message)) {
            if (begin->activation_code != "good-code") {
                return cbor(SpaRefused{.reference = "ACTIVATION_CODE_INVALID", .commands = {}});
            }
            return cbor(EnrolChallenge{.nonce_id = Id128{{9}},
                                       .nonce = {8},
                                       .seconds = challenge_seconds,
                                       .policy_version = 1,
                                       .accepted = {EvidenceKind::dev_process}});
        }
        if (const auto* proof = std::get_if<EnrolEvidence>(&message)) return enrol(*proof);
        EXPECT_EQ(request.peer_common_name, "terminal-1");
        if (std::holds_alternative<ReportSent>(message)) {
            ++reports;
            return cbor(ReportTaken{});
        }
        ++permits;
        if (mood == PlatformMood::busy) {
            return cbor(SpaRefused{.reference = "busy", .try_again = true, .commands = {}});
        }
        if (mood == PlatformMood::no_permit) {
            const Command wipe{.id = Id128{{4}},
                               .terminal_id = "00000007",
                               .number = 1,
                               .action = CommandAction::wipe_keys,
                               .not_after = SystemClock().now()};
            return cbor(SpaRefused{.reference = "00000007-17", .commands = {told(wipe)}});
        }
        const auto& ask = std::get<PermitAsk>(message);
        EXPECT_EQ(ask.evidences.size(), 1U);
        const auto body = decode_spa_body(ask.request.body).value();
        const auto& wanted = std::get<PermitRequest>(body);
        return cbor(PermitGiven{told(Permit{.id = Id128{{7}},
                                            .terminal_id = wanted.terminal_id,
                                            .purpose = wanted.purpose,
                                            .amount_minor_max = wanted.amount_minor,
                                            .issued_at = SystemClock().now(),
                                            .seconds = permit_seconds}),
                                {}});
    }
    net::HttpResponse enrol(const protocol::EnrolEvidence& proof) {
        EXPECT_EQ(proof.activation_code, "good-code");
        EXPECT_EQ(proof.evidences.size(), 1U);
        if (credential && (proof.activation.empty() || insists)) {
            ++credentials;
            return cbor(*credential);
        }
        if (credential) EXPECT_EQ(proof.activation, credential->id_object) << "as the core said";
        const auto body = protocol::decode_spa_body(proof.body).value();
        EXPECT_EQ(std::get<protocol::EnrolStatement>(body).nonce[0], 8);
        auto grant = told(protocol::CoreGrant{.issued_at = SystemClock().now(),
                                              .terminal_id = "00000007",
                                              .merchant_id = "123456789012345",
                                              .merchant_name = "小店",
                                              .serial_number = {},
                                              .card_key_envelope = Buffer(80, 1),
                                              .pin_key_envelope = {},
                                              .serial_key_envelope = {},
                                              .emv_parameters = "[kernel 7]\n"});
        return cbor(protocol::Enrolled{
            .certificate_pem =
                crypto::sign_csr(
                    ca, proof.csr_pem,
                    {.common_name = "terminal-1", .now = SystemClock().now(), .days = 2})
                    .value(),
            .ca_pem = ca.cert_pem,
            .policy_version = 1,
            .grade = 2,
            .grant = std::move(grant.body),
            .grant_signature = std::move(grant.signature)});
    }
    void take_payment(const net::HttpRequest& request, const net::Responder& respond) {
        codec::StrictJson fields(request.body);
        const std::string key = fields.text("idempotency_key", 32);
        const bool is_void = request.target.ends_with("/void");
        const bool is_refund = request.target.ends_with("/refund");
        std::string kind = is_void ? "void" : is_refund ? "refund" : "purchase";
        const std::int64_t amount = is_void ? 0 : fields.integer("amount_minor", 1, 1'000'000'000);
        const bool wallet = request.target.ends_with("/wallet");
        std::string more;
        if (wallet) {
            EXPECT_EQ(fields.text("currency", 3), "CNY");
            last_permit_ = fields.text("permit", 32);
            (void)fields.optional_text("reference", 64);
            const bool scans = fields.text("way", 8) == "scan";
            last_code_ = fields.text(scans ? "payment_code" : "channel", 64);
            if (!scans) more = R"(,"code":"https://qr.example/1","code_expires_at":"soon")";
        } else if (kind == "purchase") {
            EXPECT_EQ(fields.text("kind", 16), "purchase");
            EXPECT_EQ(fields.text("currency", 3), "CNY");
            last_permit_ = fields.text("permit", 32);
            (void)fields.optional_text("reference", 64);
            auto card = fields.object("card");
            EXPECT_EQ(card.hex("ksn", 12, 12).size(), 12u);
            last_card_ = to_hex(card.hex("ciphertext", 17, 1024));
            const bool pin = card.text("cvm", 20) == "online_pin";
            EXPECT_EQ(card.text("entry", 20), "contactless");
            if (pin) {
                auto sealed = fields.object("pin");
                EXPECT_EQ(sealed.hex("ksn", 12, 12)[0], 1);
                EXPECT_EQ(sealed.hex("block", 16, 16)[0], 2);
                EXPECT_EQ(sealed.text("permit", 32), Id128{{7}}.text());
                ++pins;
            }
        }
        EXPECT_FALSE(fields.finish().has_value());
        if (mood == PlatformMood::refuse) return respond(refusal(Refusal::amount_over_limit));
        if (mood == PlatformMood::lose) {
            return respond({.status = 502, .content_type = "text/html", .body = "bad gateway"});
        }
        payments_[key] =
            payment_of(kind, amount, mood == PlatformMood::decline ? "declined" : "approved");
        if (!more.empty()) {
            std::string shown = payment_of(kind, amount, "indeterminate");
            payments_[key] = shown.insert(shown.size() - 1, more);
        }
        if (mood == PlatformMood::take_and_lose) return;
        respond({.body = payments_[key]});
    }

    std::mutex mutex_;
    std::map<std::string, std::string> payments_;
    std::string last_card_;
    std::string last_permit_;
    std::string last_code_;
    int number_ = 0;
    std::unique_ptr<net::HttpServer> server_;
};

// Time that passes only by waiting.
class ManualPauses final : public Pauses {
public:
    explicit ManualPauses(ManualClock& clock) : clock_(clock) {}
    bool pause(std::uint32_t ms) override {
        ++count;
        if (on_pause) on_pause();
        clock_.advance(std::chrono::milliseconds(ms));
        return true;
    }
    int count = 0;
    std::function<void()> on_pause;

private:
    ManualClock& clock_;
};

// A phone that stands as the test says.
class ScriptedPosture final : public posture::PostureSource {
public:
    protocol::Posture look() override { return now; }
    protocol::Posture now{.claims = {"linux", "Test", "6.1", "cn.example.spos", 104, 3},
                          .hardware = 4,
                          .findings = {},
                          .location = std::nullopt};
};

// Everything around one service. start() makes it, and makes it again after a "crash".
struct World {
    Folder folder;
    ManualClock clock{SystemClock().now()};
    SeededRandom random{7};
    ScriptedPlatform platform;
    ScriptedCore core{folder.file("core.sock")};
    TrustedClient client{{.path = folder.file("core.sock"), .server_uid = {}}};
    ScriptedPosture posture;
    EventFeed feed;
    ManualPauses pauses{clock};
    ScriptedReader::Script reader;
    std::unique_ptr<PhoneService> service;

    std::string state() const { return folder.file("state"); }
    void start() {
        service.reset();
        service =
            PhoneService::open({.state_dir = state(), .platform = {.answer_ms = 1500}},
                               {.clock = clock,
                                .random = random,
                                .core = client,
                                .posture = posture,
                                .feed = feed,
                                .pauses = pauses,
                                .open_reader = [this]() -> Result<std::unique_ptr<hw::CardReader>> {
                                    return std::make_unique<ScriptedReader>(reader);
                                }})
                .value();
    }
    EnrolOrder order(const std::string& code = "good-code") const {
        EnrolOrder order;
        order.activation_code = code;
        order.server = platform.url();
        order.ca_pem = platform.ca.cert_pem;
        return order;
    }
    void start_enrolled() {
        start();
        const auto status = service->enrol(order());
        ASSERT_TRUE(status.has_value()) << status.error().code;
    }
};

inline Id128 key_of(std::uint8_t number) {
    Id128 key;
    key.bytes.fill(number);
    return key;
}

inline std::string code_of(const Payment& payment) {
    return payment.refusal ? payment.refusal->code : std::string();
}

}  // namespace softpos::device::testing
