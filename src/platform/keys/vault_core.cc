// Every call takes the lock, does its work, and writes down what changed before it answers.
#include "platform/keys/vault_core.h"

#include "base/log.h"
#include "platform/keys/vault_core_parts.h"

namespace softpos::keys {

using protocol::VaultAnswer;
using protocol::VaultFailure;

namespace {

// What is not in the table of faults came from further below: only its kind goes out.
VaultFailure failure_of(const Error& error) {
    const bool known = error.detail < protocol::vault_faults;
    return {error.kind, known ? static_cast<VaultFault>(error.detail) : VaultFault::other};
}

}  // namespace

Result<std::unique_ptr<VaultCore>> VaultCore::open(Parts parts) {
    TRY_VOID(parts.backend->self_test());
    std::unique_ptr<VaultCore> vault(new VaultCore(parts.random, std::move(parts.backend)));
    vault->store_ =
        TRY(VaultStore::open(parts.directory, parts.random, [&vault](Entry entry) -> Result<void> {
            return vault->take_entry(std::move(entry));
        }));
    vault->store_->set_log_bytes_before_snapshot(parts.log_bytes_before_snapshot);
    vault->card_key_ = TRY(vault->store_->derive_key("softpos-vault-card/1"));
    return vault;
}

VaultCore::~VaultCore() {
    if (store_ == nullptr) return;
    if (const auto flushed = flush(); !flushed) {
        log(LogLevel::warning, "vault: used serial numbers not written", flushed.error());
    }
}

VaultAnswer VaultCore::handle(const protocol::VaultRequest& request, const Caller&) {
    const std::lock_guard lock(mutex_);
    auto answer = std::visit([this](const auto& one) { return on(one); }, request);
    if (!answer) return failure_of(answer.error());
    return std::move(*answer);
}

Result<void> VaultCore::take_entry(Entry entry) {
    if (auto* key = std::get_if<KeyEntry>(&entry)) {
        std::string name = key->name;
        keys_.insert_or_assign(std::move(name), std::move(*key));
        return {};
    }
    if (const auto* phone = std::get_if<PhoneEntry>(&entry)) {
        Phone& known = phones_[phone->initial_key_id];
        known.revoked = phone->revoked;
        known.pin_failures = phone->pin_failures;
        return {};
    }
    const auto& replay = std::get<ReplayEntry>(entry);
    ReplayWindow& window = phones_[replay.initial_key_id].window(replay.of);
    window.raise_floor(replay.floor);
    window.remember(replay.counter, replay.digest);
    return {};
}

// The change, and what was waiting to be written, in one record.
Result<void> VaultCore::commit(std::span<const Entry> entries) {
    if (store_->wants_snapshot()) TRY_VOID(snapshot());
    EntryWriter writer;
    for (const ReplayEntry& replay : unsaved_replays_) writer.put(Entry(replay));
    for (const Entry& entry : entries) writer.put(entry);
    if (writer.empty()) return {};
    TRY_VOID(store_->append(writer.bytes()));
    unsaved_replays_.clear();
    return {};
}

Result<void> VaultCore::snapshot() {
    TRY_VOID(store_->write_snapshot([this](const auto& put) {
        for (const auto& [name, key] : keys_) put(Entry(key.clone()));
        for (const auto& [id, phone] : phones_) {
            put(Entry(PhoneEntry{id, phone.revoked, phone.pin_failures}));
            for (const ReplayOf of : {ReplayOf::cards, ReplayOf::pins}) {
                const ReplayWindow& window = of == ReplayOf::cards ? phone.cards : phone.pins;
                for (const ReplayWindow::Entry& used : window.entries()) {
                    put(Entry(ReplayEntry{id, of, window.floor(), used.counter, used.digest}));
                }
            }
        }
    }));
    unsaved_replays_.clear();
    return {};
}

Result<void> VaultCore::flush() {
    const std::lock_guard lock(mutex_);
    return commit({});
}

}  // namespace softpos::keys
