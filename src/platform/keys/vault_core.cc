// Every call takes the lock, does its work, and writes down what changed before it answers.
#include "platform/keys/vault_core.h"

#include "base/hex.h"
#include "base/log.h"
#include "platform/keys/vault_core_parts.h"

#include <algorithm>

namespace softpos::keys {

using protocol::JournalOutcome;
using protocol::VaultAnswer;
using protocol::VaultFailure;
using protocol::VaultRequest;

namespace {

constexpr std::string_view journal_purpose = "softpos-vault-journal/1";
constexpr std::string_view card_purpose = "softpos-vault-card/1";

// What is not in the table of faults came from further below: only its kind goes out.
VaultFailure failure_of(const Error& error) {
    const bool known = error.detail < protocol::vault_faults;
    return {error.kind, known ? static_cast<VaultFault>(error.detail) : VaultFault::other};
}

// Looking is not written down; what payments do all day is counted; everything else is a line.
enum class Plane : std::uint8_t { looking, data, control };

template <typename... Requests>
bool is_one_of(const VaultRequest& request) {
    return (std::holds_alternative<Requests>(request) || ...);
}

Plane plane_of(const VaultRequest& request) {
    if (is_one_of<protocol::VaultStatusRequest, protocol::KeyInfoRequest,
                  protocol::PublicKeyRequest, protocol::ReadJournalRequest,
                  protocol::VerifyJournalRequest>(request)) {
        return Plane::looking;
    }
    const bool data =
        is_one_of<protocol::OpenCardRequest, protocol::OpenStoredRequest, protocol::MacRequest,
                  protocol::VerifyMacRequest, protocol::SignRequest,
                  protocol::CheckSerialCipherRequest, protocol::TranslatePinRequest,
                  protocol::GenerateMacRequest, protocol::CheckMacRequest,
                  protocol::CheckCryptogramRequest, protocol::TranslateTerminalPinRequest,
                  protocol::CheckTerminalMacRequest, protocol::AnswerTerminalMacRequest,
                  protocol::TranslateClassicPinRequest, protocol::KeepCardRequest>(request);
    return data ? Plane::data : Plane::control;
}

// "bdk", or "bdk/0102030405060708" where it is about one phone.
std::string subject_of(const VaultRequest& request) {
    std::string subject = key_of(request);
    const auto with_phone = [&](Bytes id) {
        if (!subject.empty()) subject.push_back('/');
        subject += to_hex(id);
    };
    if (const auto* one = std::get_if<protocol::ExportInitialKeyRequest>(&request)) {
        with_phone(one->initial_key_id);
    } else if (const auto* revoked = std::get_if<protocol::RevokeTerminalRequest>(&request)) {
        with_phone(revoked->initial_key_id);
    } else if (const auto* card = std::get_if<protocol::OpenCardRequest>(&request)) {
        with_phone(Bytes(card->card.ksn).first(sizeof(InitialKeyId)));
    } else if (const auto* pin = std::get_if<protocol::TranslatePinRequest>(&request)) {
        with_phone(Bytes(pin->pin.ksn).first(sizeof(InitialKeyId)));
    } else if (const auto* terminal = std::get_if<protocol::UnlockTerminalRequest>(&request)) {
        with_phone(terminal->terminal);
    } else if (const auto* block = std::get_if<protocol::TranslateTerminalPinRequest>(&request)) {
        with_phone(id_of(crypto::TdesKsn{block->ksn}));
    } else if (const auto* mac = std::get_if<protocol::CheckTerminalMacRequest>(&request)) {
        with_phone(id_of(crypto::TdesKsn{mac->ksn}));
    }
    return subject;
}

}  // namespace

// ---- Life -----------------------------------------------------------------------------------

Result<std::unique_ptr<VaultCore>> VaultCore::open(Parts parts) {
    TRY_VOID(parts.backend->self_test());
    std::unique_ptr<VaultCore> vault(new VaultCore(parts));
    Replayed replayed;
    vault->store_ =
        TRY(VaultStore::open({parts.directory, parts.random, *vault->backend_},
                             [&vault, &replayed](Entry entry) -> Result<void> {
                                 if (auto* line = std::get_if<JournalEntry>(&entry)) {
                                     replayed.lines.push_back(std::move(line->line));
                                     return {};
                                 }
                                 if (const auto* head = std::get_if<JournalHeadEntry>(&entry)) {
                                     replayed.head = head->head;
                                     return {};
                                 }
                                 return vault->take_entry(std::move(entry));
                             }));
    vault->store_->set_log_bytes_before_snapshot(parts.log_bytes_before_snapshot);
    const SecretBytes card_key = TRY(vault->store_->derive_key(card_purpose));
    vault->card_key_.emplace(TRY(crypto::XaesGcm::make(card_key.bytes())));
    auto journal =
        TRY(Journal::open(parts.directory, TRY(vault->store_->derive_key(journal_purpose))));
    TRY_VOID(journal.restore(replayed.lines));
    if (!journal.agrees_with(replayed.head)) {
        return refuse(ErrorKind::malformed, VaultFault::journal);
    }
    vault->saved_line_ = journal.head().sequence;
    vault->journal_.emplace(std::move(journal));
    return vault;
}

VaultCore::~VaultCore() {
    if (!journal_) return;
    if (const auto flushed = flush(); !flushed) {
        log(LogLevel::warning, "vault: used serial numbers or journal not written",
            flushed.error());
    }
}

Result<void> VaultCore::take_entry(Entry entry) {
    if (auto* key = std::get_if<KeyEntry>(&entry)) {
        std::string name = key->name;
        keys_.insert_or_assign(std::move(name), std::move(*key));
    } else if (const auto* device = std::get_if<DeviceEntry>(&entry)) {
        Device& known = devices_[device->device];
        known.revoked = device->revoked;
        known.pin_failures = device->pin_failures;
    } else if (const auto* replay = std::get_if<ReplayEntry>(&entry)) {
        ReplayWindow& window =
            devices_[{replay->initial_key_id, kind_of(replay->of)}].window(replay->of);
        window.raise_floor(replay->floor);
        window.remember(replay->counter, replay->digest);
    } else if (auto* operators = std::get_if<OperatorsEntry>(&entry)) {
        approvals_.set(std::move(*operators));
    }
    return {};
}

// ---- Calls ----------------------------------------------------------------------------------

VaultAnswer VaultCore::handle(const VaultRequest& request, const Caller& caller) {
    const std::lock_guard lock(mutex_);
    if (journal_->unwritten().size() >= unwritten_lines_max) {
        // What cannot be written down is not done.
        if (const auto written = write_journal(); !written) {
            return VaultFailure{ErrorKind::unavailable, VaultFault::storage};
        }
    }
    const Plane plane = plane_of(request);
    if (plane == Plane::control) {
        prospective_ = line_of(request, caller);
        prospective_->outcome = JournalOutcome::done;
    }
    auto answer = needs_approval(request)
                      ? Answered(refuse(ErrorKind::denied, VaultFault::approval_needed))
                      : std::visit([this](const auto& one) { return on(one); }, request);
    if (answer && prospective_) {
        if (const auto written = commit({}); !written) answer = std::unexpected(written.error());
    }
    prospective_.reset();
    if (!answer) {
        const VaultFailure failure = failure_of(answer.error());
        JournalLine line = line_of(request, caller);
        line.outcome = JournalOutcome::refused;
        line.fault = failure.fault;
        journal_->chain(std::move(line));
        ++refusals_;
        return failure;
    }
    if (plane == Plane::data) {
        ++counts_[request.index()];
        ++data_calls_;
    }
    return std::move(*answer);
}

void VaultCore::note_refused(const VaultRequest& request, const Caller& caller, VaultFault fault) {
    const std::lock_guard lock(mutex_);
    ++refusals_;
    if (journal_->unwritten().size() >= unwritten_lines_max && !write_journal()) return;
    JournalLine line = line_of(request, caller);
    line.outcome = JournalOutcome::refused;
    line.fault = fault;
    journal_->chain(std::move(line));
}

void VaultCore::note_unreadable(const Caller& caller, VaultFault fault) {
    const std::lock_guard lock(mutex_);
    ++refusals_;
    if (journal_->unwritten().size() >= unwritten_lines_max && !write_journal()) return;
    journal_->chain({.at = clock_.now(),
                     .call = protocol::journal_call_unreadable,
                     .outcome = JournalOutcome::refused,
                     .fault = fault,
                     .caller = caller.name});
}

JournalLine VaultCore::line_of(const VaultRequest& request, const Caller& caller) const {
    return {.at = clock_.now(),
            .call = static_cast<std::uint8_t>(request.index()),
            .caller = caller.name,
            .subject = subject_of(request)};
}

// The change, the line about it, and what was waiting to be written, in one record: none of them is
// there without the others.
Result<void> VaultCore::commit(std::span<const Entry> entries) {
    if (store_->wants_snapshot()) TRY_VOID(snapshot());
    EntryWriter writer;
    for (const ReplayEntry& replay : unsaved_replays_) writer.put(Entry(replay));
    for (const Entry& entry : entries) writer.put(entry);
    const JournalHead before = journal_->head();
    if (prospective_) journal_->chain(*prospective_);
    for (const JournalLine& line : journal_->unwritten()) {
        if (line.sequence <= saved_line_) continue;
        const Entry entry(JournalEntry{line});
        if (!writer.fits(entry)) return commit_after_lines(entries, before);
        writer.put(entry);
    }
    if (writer.empty()) return {};
    if (const auto appended = store_->append(writer.bytes()); !appended) {
        if (prospective_) journal_->take_back(before);
        return appended;
    }
    saved_line_ = journal_->head().sequence;
    prospective_.reset();
    unsaved_replays_.clear();
    return {};
}

// Too many lines wait for one record: they go to their file first.
Result<void> VaultCore::commit_after_lines(std::span<const Entry> entries,
                                           const JournalHead& before) {
    if (prospective_) journal_->take_back(before);
    TRY_VOID(journal_->write());
    saved_line_ = journal_->head().sequence;
    return commit(entries);
}

Result<void> VaultCore::snapshot() {
    TRY_VOID(journal_->write());
    TRY_VOID(store_->write_snapshot([this](const auto& put) {
        put(Entry(JournalHeadEntry{journal_->head()}));
        if (approvals_.active()) put(Entry(approvals_.who()));
        for (const auto& [name, key] : keys_) put(Entry(key.clone()));
        for (const auto& [id, device] : devices_) {
            put(Entry(DeviceEntry{id, device.revoked, device.pin_failures}));
            for (unsigned i = 0; i < replays; ++i) {
                const auto of = static_cast<ReplayOf>(i);
                if (kind_of(of) != id.kind) continue;
                const ReplayWindow& window = device.window(of);
                for (const ReplayWindow::Entry& used : window.entries()) {
                    put(Entry(ReplayEntry{id.id, of, window.floor(), used.counter, used.digest}));
                }
            }
        }
    }));
    saved_line_ = journal_->head().sequence;
    unsaved_replays_.clear();
    return {};
}

Result<void> VaultCore::flush() {
    const std::lock_guard lock(mutex_);
    TRY_VOID(commit({}));
    return write_journal();
}

std::vector<int> VaultCore::descriptors() const {
    std::vector<int> all = store_->descriptors();
    all.push_back(journal_->fd());
    return all;
}

}  // namespace softpos::keys
