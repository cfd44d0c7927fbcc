// Every public call takes the lock, asks the table, does its work, and writes down what changed
// before it answers.
#include "platform/keys/soft_vault.h"

#include "base/check.h"
#include "base/log.h"
#include "crypto/aead.h"
#include "crypto/drbg.h"
#include "crypto/dukpt_aes.h"
#include "crypto/envelope.h"
#include "crypto/hash.h"
#include "crypto/kcv.h"
#include "crypto/kdf.h"
#include "crypto/mac.h"
#include "platform/keys/card_content.h"

#include <algorithm>

namespace softpos::keys {
namespace {

constexpr std::size_t bdk_bytes = 16;
constexpr std::size_t tdes_bytes = 16;
constexpr std::size_t des_bytes = 8;
constexpr std::string_view pin_suffix = "/pin";  // '/' is in no alias.
constexpr std::string_view mac_suffix = "/mac";
constexpr std::string_view data_suffix = "/data";

// version || salt || ciphertext || tag. The key is derived for each form from its salt, so that no
// number of forms wears one GCM key out.
constexpr std::uint8_t stored_form_version = 1;
constexpr std::size_t stored_salt_bytes = 16;
constexpr std::size_t stored_key_bytes = 32;

std::unexpected<Error> refuse(ErrorKind kind, VaultFault fault) {
    return std::unexpected(protocol::error_of(kind, fault));
}

crypto::Cipher cipher_of(KeyAlgorithm algorithm) {
    switch (algorithm) {
        case KeyAlgorithm::aes:
            return crypto::Cipher::aes;
        case KeyAlgorithm::sm4:
            return crypto::Cipher::sm4;
        case KeyAlgorithm::tdes:
        case KeyAlgorithm::des:
            return crypto::Cipher::tdes;
    }
    return crypto::Cipher::aes;
}

KeyCheck check_of(const KeyEntry& key) {
    KeyCheck check{};
    if (key.attributes.algorithm == KeyAlgorithm::aes) {
        const auto kcv = crypto::cmac_kcv(key.key.bytes());
        CHECK(kcv.has_value());
        std::copy_n(kcv->begin(), check.size(), check.begin());
    } else {
        const auto kcv =
            crypto::zero_block_kcv(cipher_of(key.attributes.algorithm), key.key.bytes());
        CHECK(kcv.has_value());
        std::copy_n(kcv->begin(), check.size(), check.begin());
    }
    return check;
}

KeyAttributes made_for(KeyUsage usage, KeyAlgorithm algorithm) {
    const auto attributes = attributes_for(usage, algorithm);
    CHECK(attributes.has_value());
    return *attributes;
}

KeyEntry clone(const KeyEntry& key) {
    return {key.name, key.attributes, key.state, key.key.clone()};
}

KeySummary summary_of(const KeyEntry& key) {
    return {.alias = key.name,
            .usage = key.attributes.usage,
            .algorithm = key.attributes.algorithm,
            .state = key.state,
            .check_value = check_of(key)};
}

std::string working_name(std::string_view terminal_key, std::string_view suffix) {
    std::string name(terminal_key);
    name.append(suffix);
    return name;
}

// What a serial number was used for: the card data and what it is bound to.
CardDigest digest_of(const protocol::SealedCard& card, Bytes aad) {
    const auto card_digest = crypto::sha256(card.ciphertext);
    Buffer both(card_digest.begin(), card_digest.end());
    append(both, aad);
    const auto whole = crypto::sha256(both);
    CardDigest digest{};
    std::copy_n(whole.begin(), digest.size(), digest.begin());
    return digest;
}

}  // namespace

// ---- Life -----------------------------------------------------------------------------------

Result<std::unique_ptr<SoftVault>> SoftVault::open(const std::string& directory, Random& random,
                                                   const Options& options) {
    std::unique_ptr<SoftVault> vault(new SoftVault(random));
    vault->store_ = TRY(VaultStore::open(
        directory, random, [&vault](Entry entry) { return vault->take_entry(std::move(entry)); }));
    vault->store_->set_log_bytes_before_snapshot(options.log_bytes_before_snapshot);
    vault->card_key_ = TRY(vault->store_->derive_key("softpos-vault-card/1"));
    return vault;
}

SoftVault::~SoftVault() {
    if (store_ == nullptr) return;
    if (const auto flushed = flush(); !flushed) {
        log(LogLevel::warning, "vault: used serial numbers not written", flushed.error());
    }
}

Result<void> SoftVault::take_entry(Entry entry) {
    if (auto* key = std::get_if<KeyEntry>(&entry)) {
        std::string name = key->name;
        keys_.insert_or_assign(std::move(name), std::move(*key));
        return {};
    }
    const auto& replay = std::get<ReplayEntry>(entry);
    ReplayWindow& window = windows_[replay.initial_key_id];
    window.raise_floor(replay.floor);
    window.remember(replay.counter, replay.digest);
    return {};
}

// The change, and what was waiting to be written, in one record.
Result<void> SoftVault::commit(std::span<const Entry> entries) {
    if (store_->wants_snapshot()) TRY_VOID(snapshot());
    EntryWriter writer;
    for (const ReplayEntry& replay : unsaved_replays_) writer.put(Entry(replay));
    for (const Entry& entry : entries) writer.put(entry);
    if (writer.empty()) return {};
    TRY_VOID(store_->append(writer.bytes()));
    unsaved_replays_.clear();
    return {};
}

Result<void> SoftVault::snapshot() {
    TRY_VOID(store_->write_snapshot([this](const auto& put) {
        for (const auto& [name, key] : keys_) put(Entry(clone(key)));
        for (const auto& [id, window] : windows_) {
            for (const ReplayWindow::Entry& used : window.entries()) {
                put(Entry(ReplayEntry{id, window.floor(), used.counter, used.digest}));
            }
        }
    }));
    unsaved_replays_.clear();
    return {};
}

Result<void> SoftVault::flush() {
    const std::lock_guard lock(mutex_);
    return commit({});
}

// ---- Keys -----------------------------------------------------------------------------------

Result<const KeyEntry*> SoftVault::key_for(std::string_view name, Operation operation) const {
    const auto found = keys_.find(name);
    if (found == keys_.end()) return refuse(ErrorKind::not_found, VaultFault::unknown_key);
    TRY_VOID(authorise(operation, found->second.attributes, found->second.state));
    return &found->second;
}

Result<void> SoftVault::check_new(std::string_view alias) const {
    if (!protocol::is_key_alias(alias)) {
        return refuse(ErrorKind::malformed, VaultFault::malformed_request);
    }
    if (keys_.contains(alias)) return refuse(ErrorKind::conflict, VaultFault::alias_taken);
    if (keys_.size() >= keys_max) return refuse(ErrorKind::denied, VaultFault::full);
    return {};
}

Result<void> SoftVault::add(KeyEntry key) {
    const Entry entry(clone(key));
    TRY_VOID(commit({&entry, 1}));
    std::string name = key.name;
    keys_.insert_or_assign(std::move(name), std::move(key));
    return {};
}

Result<KeyCheck> SoftVault::create_bdk(std::string_view alias) {
    const std::lock_guard lock(mutex_);
    TRY_VOID(check_new(alias));
    KeyEntry key{.name = std::string(alias),
                 .attributes = made_for(KeyUsage::base_derivation, KeyAlgorithm::aes),
                 .state = KeyState::active,
                 .key = crypto::random_secret(random_, bdk_bytes)};
    const KeyCheck check = check_of(key);
    TRY_VOID(add(std::move(key)));
    return check;
}

// Split knowledge: nobody who brings a component knows the key, and a mistake of one shows in the
// check value. Equal components would cancel each other, and equal halves are single DES.
Result<KeyCheck> SoftVault::import_zmk_components(std::string_view alias,
                                                  std::span<const SecretBytes> components) {
    const std::lock_guard lock(mutex_);
    TRY_VOID(check_new(alias));
    const bool count = components.size() >= protocol::key_components_min &&
                       components.size() <= protocol::key_components_max;
    if (!count) return refuse(ErrorKind::malformed, VaultFault::components);
    SecretBytes sum(tdes_bytes);
    for (std::size_t i = 0; i < components.size(); ++i) {
        const Bytes one = components[i].bytes();
        if (one.size() != tdes_bytes) return refuse(ErrorKind::malformed, VaultFault::components);
        for (std::size_t before = 0; before < i; ++before) {
            if (equal_constant_time(one, components[before].bytes())) {
                return refuse(ErrorKind::denied, VaultFault::components);
            }
        }
        for (std::size_t k = 0; k < one.size(); ++k) {
            sum.writable()[k] = static_cast<std::uint8_t>(sum.bytes()[k] ^ one[k]);
        }
    }
    if (equal_constant_time(sum.bytes().first(des_bytes), sum.bytes().last(des_bytes))) {
        return refuse(ErrorKind::denied, VaultFault::components);
    }
    KeyEntry key{.name = std::string(alias),
                 .attributes = made_for(KeyUsage::zone_master, KeyAlgorithm::tdes),
                 .state = KeyState::active,
                 .key = std::move(sum)};
    const KeyCheck check = check_of(key);
    TRY_VOID(add(std::move(key)));
    return check;
}

Result<MasterKeyExport> SoftVault::create_terminal_master_key(std::string_view alias,
                                                              std::string_view zone_key) {
    const std::lock_guard lock(mutex_);
    TRY_VOID(check_new(alias));
    const KeyEntry* zone = TRY(key_for(zone_key, Operation::wrap_key));
    KeyEntry key{.name = std::string(alias),
                 .attributes = made_for(KeyUsage::terminal_master, KeyAlgorithm::tdes),
                 .state = KeyState::active,
                 .key = crypto::random_tdes_key(random_)};
    TRY_VOID(authorise(Operation::leave_under_key, key.attributes, key.state));
    MasterKeyExport out{.cryptogram = {}, .check_value = check_of(key)};
    const auto cipher = TRY(crypto::BlockKey::make(crypto::Cipher::tdes, zone->key.bytes()));
    cipher.encrypt(key.key.bytes(), out.cryptogram);
    TRY_VOID(add(std::move(key)));
    return out;
}

Result<Buffer> SoftVault::export_dukpt_initial_key(std::string_view base_key, Bytes initial_key_id8,
                                                   Bytes recipient_point) {
    const std::lock_guard lock(mutex_);
    const KeyEntry* bdk = TRY(key_for(base_key, Operation::derive_initial_key));
    if (initial_key_id8.size() != crypto::dukpt_initial_key_id_bytes) {
        return refuse(ErrorKind::malformed, VaultFault::malformed_request);
    }
    const SecretBytes key = TRY(crypto::dukpt_aes_initial_key(bdk->key.bytes(), initial_key_id8));
    auto envelope = crypto::seal_to(
        recipient_point, protocol::initial_key_envelope_info(initial_key_id8), key.bytes());
    if (!envelope) return refuse(ErrorKind::denied, VaultFault::recipient);
    return envelope;
}

// ---- Working keys ---------------------------------------------------------------------------

namespace {

struct WorkingKind {
    std::string_view suffix;
    KeyUsage usage;
};

// Decrypts one key and proves that it is the one that was meant.
Result<KeyEntry> unwrap(const KeyEntry& master, const codec::KeyCryptogram& sealed,
                        const WorkingKind& kind) {
    const bool single = sealed.cryptogram.size() == des_bytes;
    const bool sizes = (single || sealed.cryptogram.size() == tdes_bytes) &&
                       sealed.check_value.size() == sizeof(crypto::ZeroBlockKcv);
    if (!sizes) return refuse(ErrorKind::malformed, VaultFault::malformed_request);
    SecretBytes key = TRY(
        crypto::ecb_decrypt_secret(crypto::Cipher::tdes, master.key.bytes(), sealed.cryptogram));
    const auto kcv = TRY(crypto::zero_block_kcv(crypto::Cipher::tdes, key.bytes()));
    if (!equal_constant_time(kcv, sealed.check_value)) {
        return refuse(ErrorKind::denied, VaultFault::check_value);
    }
    return KeyEntry{
        .name = working_name(master.name, kind.suffix),
        .attributes = made_for(kind.usage, single ? KeyAlgorithm::des : KeyAlgorithm::tdes),
        .state = KeyState::active,
        .key = std::move(key)};
}

}  // namespace

Result<void> SoftVault::load_working_keys(std::string_view terminal_key,
                                          const codec::WorkingKeys& keys) {
    const std::lock_guard lock(mutex_);
    const KeyEntry* master = TRY(key_for(terminal_key, Operation::unwrap_working_keys));
    std::vector<Entry> entries;
    entries.emplace_back(TRY(unwrap(*master, keys.pin_key, {pin_suffix, KeyUsage::pin})));
    entries.emplace_back(TRY(unwrap(*master, keys.mac_key, {mac_suffix, KeyUsage::mac})));
    if (keys.track_key) {
        entries.emplace_back(TRY(unwrap(*master, *keys.track_key, {data_suffix, KeyUsage::data})));
    }
    TRY_VOID(commit(entries));
    mac_cipher_key_.clear();
    for (Entry& entry : entries) TRY_VOID(take_entry(std::move(entry)));
    return {};
}

Result<const crypto::BlockKey*> SoftVault::mac_key(std::string_view terminal_key,
                                                   Operation operation) {
    // Its master key stands for the terminal: suspended, it stops everything below it.
    TRY_VOID(key_for(terminal_key, Operation::use_working_keys));
    const std::string name = working_name(terminal_key, mac_suffix);
    const auto key = key_for(name, operation);
    if (!key) {
        if (key.error().kind != ErrorKind::not_found) return std::unexpected(key.error());
        return refuse(ErrorKind::conflict, VaultFault::no_working_keys);
    }
    if (mac_cipher_key_ != name) {
        const Bytes bytes = (*key)->key.bytes();
        if (mac_cipher_) {
            TRY_VOID(mac_cipher_->rekey(bytes));
        } else {
            mac_cipher_.emplace(TRY(crypto::BlockKey::make(crypto::Cipher::tdes, bytes)));
        }
        mac_cipher_key_ = name;
    }
    return &*mac_cipher_;
}

Result<std::array<std::uint8_t, 8>> SoftVault::mac(std::string_view terminal_key, Bytes data) {
    const std::lock_guard lock(mutex_);
    if (data.size() > protocol::mac_data_bytes_max) {
        return refuse(ErrorKind::malformed, VaultFault::malformed_request);
    }
    return crypto::unionpay_ecb_mac(*TRY(mac_key(terminal_key, Operation::generate_mac)), data);
}

Result<void> SoftVault::verify_mac(std::string_view terminal_key, Bytes data, Bytes mac8) {
    const std::lock_guard lock(mutex_);
    if (data.size() > protocol::mac_data_bytes_max) {
        return refuse(ErrorKind::malformed, VaultFault::malformed_request);
    }
    const auto expected =
        crypto::unionpay_ecb_mac(*TRY(mac_key(terminal_key, Operation::verify_mac)), data);
    if (equal_constant_time(expected, mac8)) return {};
    return refuse(ErrorKind::denied, VaultFault::mac);
}

// ---- Card data ------------------------------------------------------------------------------

Result<SecretBytes> SoftVault::open_sealed(std::string_view base_key,
                                           const protocol::SealedCard& card, Bytes aad) const {
    const KeyEntry* bdk = TRY(key_for(base_key, Operation::derive_card_key));
    const auto ksn = TRY(crypto::AesKsn::parse(card.ksn));
    // A counter that no device uses, a wrong tag, another amount: the caller learns no more than
    // that it did not open.
    const auto key = crypto::dukpt_aes_host_key(
        bdk->key.bytes(), ksn, crypto::DukptUsage::data_encrypt, crypto::DukptKeyKind::aes128);
    if (!key) return refuse(ErrorKind::denied, VaultFault::card_refused);
    auto opened = crypto::gcm_open(key->bytes(), card.ksn, aad, card.ciphertext);
    if (!opened) return refuse(ErrorKind::denied, VaultFault::card_refused);
    return opened;
}

// True where the same was opened before.
Result<bool> SoftVault::note_use(const InitialKeyId& id, std::uint32_t counter,
                                 const CardDigest& digest) {
    const auto known = windows_.find(id);
    if (known == windows_.end() && windows_.size() >= phones_max) {
        return refuse(ErrorKind::denied, VaultFault::full);
    }
    ReplayWindow& window = known == windows_.end() ? windows_[id] : known->second;
    switch (window.judge(counter, digest)) {
        case ReplayVerdict::repeated:
            return true;
        case ReplayVerdict::reused:
            return refuse(ErrorKind::denied, VaultFault::serial_reused);
        case ReplayVerdict::too_old:
            return refuse(ErrorKind::denied, VaultFault::serial_too_old);
        case ReplayVerdict::fresh:
            break;
    }
    if (unsaved_replays_.size() >= unsaved_replays_max) TRY_VOID(commit({}));
    window.remember(counter, digest);
    unsaved_replays_.push_back({id, window.floor(), counter, digest});
    return false;
}

Result<OpenedCard> SoftVault::open_card(std::string_view base_key, const protocol::SealedCard& card,
                                        Bytes aad) {
    const std::lock_guard lock(mutex_);
    if (card.ciphertext.size() > protocol::sealed_card_bytes_max ||
        aad.size() > protocol::card_aad_bytes_max) {
        return refuse(ErrorKind::malformed, VaultFault::malformed_request);
    }
    OpenedCard out;
    out.card_tlv = TRY(open_sealed(base_key, card, aad));
    CardContent content = TRY(read_card_content(out.card_tlv.bytes()));
    out.masked_pan = std::move(content.masked_pan);
    out.stored_form = TRY(seal_stored(content.stored_tlv.bytes()));
    // Only what opened uses its number up: a forged one must not block the phone's next payment.
    const auto ksn = TRY(crypto::AesKsn::parse(card.ksn));
    InitialKeyId id{};
    std::ranges::copy(ksn.initial_key_id(), id.begin());
    out.repeated = TRY(note_use(id, ksn.counter(), digest_of(card, aad)));
    return out;
}

namespace {

constexpr std::string_view stored_aad = "softpos-stored-card/1";

Result<SecretBytes> stored_form_key(const SecretBytes& card_key, Bytes salt) {
    return crypto::hkdf_sha256(
        {.secret = card_key.bytes(), .salt = salt, .info = bytes_of(stored_aad)},
        stored_key_bytes + crypto::gcm_nonce_bytes);
}

}  // namespace

Result<Buffer> SoftVault::seal_stored(Bytes stored_tlv) {
    const auto salt = random_.take<stored_salt_bytes>();
    const SecretBytes key = TRY(stored_form_key(card_key_, salt));
    Buffer form{stored_form_version};
    append(form, salt);
    append(form, TRY(crypto::gcm_seal(key.bytes().first(stored_key_bytes),
                                      key.bytes().last(crypto::gcm_nonce_bytes),
                                      bytes_of(stored_aad), stored_tlv)));
    return form;
}

Result<SecretBytes> SoftVault::open_stored(Bytes stored_form) {
    const std::lock_guard lock(mutex_);
    ByteReader in(stored_form);
    const auto version = in.take_byte();
    const auto salt = in.take(stored_salt_bytes);
    if (version != stored_form_version || !salt ||
        stored_form.size() > protocol::stored_form_bytes_max) {
        return refuse(ErrorKind::malformed, VaultFault::stored_form);
    }
    const SecretBytes key = TRY(stored_form_key(card_key_, *salt));
    auto opened = crypto::gcm_open(key.bytes().first(stored_key_bytes),
                                   key.bytes().last(crypto::gcm_nonce_bytes), bytes_of(stored_aad),
                                   in.rest());
    if (!opened) return refuse(ErrorKind::denied, VaultFault::stored_form);
    return opened;
}

// ---- What an operator asks ------------------------------------------------------------------

Result<void> SoftVault::set_key_state(std::string_view alias, KeyState state) {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(alias);
    if (!protocol::is_key_alias(alias) || found == keys_.end()) {
        return refuse(ErrorKind::not_found, VaultFault::unknown_key);
    }
    KeyEntry changed = clone(found->second);
    changed.state = state;
    return add(std::move(changed));
}

Result<KeySummary> SoftVault::key_info(std::string_view alias) {
    const std::lock_guard lock(mutex_);
    const auto found = keys_.find(alias);
    if (!protocol::is_key_alias(alias) || found == keys_.end()) {
        return refuse(ErrorKind::not_found, VaultFault::unknown_key);
    }
    return summary_of(found->second);
}

Result<VaultStatus> SoftVault::status() {
    const std::lock_guard lock(mutex_);
    VaultStatus status;
    for (const auto& [name, key] : keys_) {
        const KeyUsage usage = key.attributes.usage;
        if (usage == KeyUsage::base_derivation) ++status.base_keys;
        if (usage == KeyUsage::zone_master) ++status.zone_keys;
        if (usage == KeyUsage::terminal_master) ++status.terminal_keys;
        if (usage == KeyUsage::mac) ++status.signed_in_terminals;
        const bool listed = usage == KeyUsage::base_derivation || usage == KeyUsage::zone_master;
        if (listed && status.listed.size() < protocol::base_keys_listed_max) {
            status.listed.push_back(summary_of(key));
        }
    }
    std::ranges::sort(status.listed, {}, &KeySummary::alias);
    status.phones_seen = static_cast<std::uint32_t>(windows_.size());
    status.log_bytes = store_->log_bytes();
    return status;
}

}  // namespace softpos::keys
