// Each call takes a session from the pool, works, and gives it back; one that finds the token gone
// connects again and tries once more.
#include "platform/token/token.h"

#include "base/check.h"
#include "base/log.h"

#include <utility>

namespace softpos::token {
namespace {

constexpr std::size_t block_bytes = 16;
constexpr unsigned tries_max = 3;  // As it is, connected again, with the key looked for again.

std::uint32_t detail_of(Code code) {
    return static_cast<std::uint32_t>(code);
}

std::unexpected<Error> error_of(Code code) {
    switch (trouble_of(code)) {
        case Trouble::no_key:
            return fail(ErrorKind::not_found, "token: no such key", detail_of(code));
        case Trouble::data:
            return fail(ErrorKind::denied, "token: does not open", detail_of(code));
        case Trouble::pin:
            return fail(ErrorKind::unavailable, "token: PIN", detail_of(code));
        default:
            return fail(ErrorKind::unavailable, "token: does not answer", detail_of(code));
    }
}

}  // namespace

// ---- Life -----------------------------------------------------------------------------------

Token::Token(TokenPlace place, const Clock& clock, std::unique_ptr<Cryptoki> module)
    : place_(std::move(place)), clock_(clock), module_(std::move(module)) {}

Token::~Token() = default;

Result<std::unique_ptr<Token>> Token::open(TokenPlace place, const Clock& clock) {
    CHECK(place.sessions_max > 0);
    auto module = TRY(Cryptoki::load(place.module_path));
    std::unique_ptr<Token> token(new Token(std::move(place), clock, std::move(module)));
    TRY_VOID(token->connect());
    if (!token->module_->has_mechanisms(token->slot_)) {
        return fail(ErrorKind::unsupported, "token: lacks a mechanism");
    }
    return token;
}

// From nothing: the module forgets sessions, slots and handles. Nobody else is in a call.
Result<void> Token::connect() {
    connected_ = false;
    free_.clear();
    open_sessions_ = 0;
    handles_.clear();
    module_->finalise();
    last_try_ = clock_.ticks();
    if (pin_refused_) return fail(ErrorKind::unavailable, "token: PIN was refused before");
    if (const Code code = module_->initialise(); code != 0) return error_of(code);
    const auto slot = module_->slot_of(place_.label);
    if (!slot) return fail(ErrorKind::unavailable, "token: none of this label");
    slot_ = *slot;
    Session session = 0;
    if (const Code code = module_->open_session(slot_, session); code != 0) return error_of(code);
    if (const Code code = module_->login(session, place_.pin.bytes()); code != 0) {
        pin_refused_ = trouble_of(code) == Trouble::pin;
        return error_of(code);
    }
    free_.push_back(session);
    open_sessions_ = 1;
    connected_ = true;
    ++life_;
    return {};
}

// Of those that find it lost at one time the first connects.
Result<void> Token::reconnect(std::uint64_t lost_life) {
    const std::unique_lock alone(life_mutex_);
    if (connected_ && life_ != lost_life) return {};
    const bool soon = clock_.ticks().us - last_try_.us < reconnect_ms * 1000;
    if (!connected_ && soon) return fail(ErrorKind::unavailable, "token: is away");
    log(LogLevel::warning, "token: lost, connecting again");
    return connect();
}

// ---- Sessions -------------------------------------------------------------------------------

Code Token::session_for(Session& out) {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return !free_.empty() || open_sessions_ < place_.sessions_max; });
    if (!free_.empty()) {
        out = free_.back();
        free_.pop_back();
        return 0;
    }
    const Code code = module_->open_session(slot_, out);
    if (code == 0) ++open_sessions_;
    return code;
}

void Token::give_back(Session session) {
    {
        const std::lock_guard lock(mutex_);
        free_.push_back(session);
    }
    freed_.notify_one();
}

// `work` gets a session that is logged in, and says what the module said. It may be done twice,
// the second time where nothing of the first is left.
template <typename Work>
Result<void> Token::run(const Work& work) {
    Code code = 0;
    for (unsigned tried = 0; tried < tries_max; ++tried) {
        std::uint64_t life = 0;
        {
            const std::shared_lock shared(life_mutex_);
            life = life_;
            if (connected_) {
                Session session = 0;
                code = session_for(session);
                if (code == 0) {
                    code = work(session);
                    give_back(session);
                }
                const Trouble trouble = trouble_of(code);
                if (trouble == Trouble::none) return {};
                // A stale handle is looked up anew; a key that is not there stays away.
                if (trouble == Trouble::no_key && tried == 0) continue;
                if (trouble != Trouble::lost) return error_of(code);
            }
        }
        TRY_VOID(reconnect(life));
    }
    return error_of(code);
}

// ---- Keys -----------------------------------------------------------------------------------

Code Token::handle_of(Session session, const KeyId& id, Object& out) {
    {
        const std::lock_guard lock(mutex_);
        const auto known = handles_.find(id);
        if (known != handles_.end()) {
            out = known->second;
            return 0;
        }
    }
    const Code code = module_->find(session, id, out);
    if (code != 0) return code;
    const std::lock_guard lock(mutex_);
    handles_[id] = out;
    return 0;
}

template <typename Work>
Result<void> Token::run_with_key(const KeyId& id, const Work& work) {
    return run([&](Session session) {
        Object key = 0;
        Code code = handle_of(session, id, key);
        if (code == 0) code = work(session, key);
        if (trouble_of(code) == Trouble::no_key) {
            const std::lock_guard lock(mutex_);
            handles_.erase(id);
        }
        return code;
    });
}

// A try whose answer was lost may have made the key.
template <typename Make>
Result<void> Token::make_once(const KeyId& id, const Make& make) {
    return run([&](Session session) {
        Object key = 0;
        const Code code = module_->find(session, id, key);
        return trouble_of(code) == Trouble::no_key ? make(session, key) : code;
    });
}

Result<void> Token::generate(const KeyShape& shape) {
    CHECK(shape.lasting);
    return make_once(shape.id, [&](Session session, Object& key) {
        return module_->generate(session, shape, key);
    });
}

Result<void> Token::import(const KeyShape& shape, Bytes key) {
    CHECK(shape.lasting && key.size() == shape.bytes);
    return make_once(shape.id, [&](Session session, Object& made) {
        return module_->create(session, shape, key, made);
    });
}

Result<void> Token::destroy(const KeyId& id) {
    const auto gone = run_with_key(
        id, [&](Session session, Object key) { return module_->destroy(session, key); });
    const bool absent = !gone && gone.error().kind == ErrorKind::not_found;
    if (gone || absent) {
        const std::lock_guard lock(mutex_);
        handles_.erase(id);
        return {};
    }
    return gone;
}

Result<bool> Token::has(const KeyId& id) {
    const auto found = run([&](Session session) {
        Object key = 0;
        return module_->find(session, id, key);
    });
    if (found) return true;
    if (found.error().kind == ErrorKind::not_found) return false;
    return std::unexpected(found.error());
}

Result<bool> Token::is_confined(const KeyId& id) {
    bool confined = false;
    TRY_VOID(run_with_key(id, [&](Session session, Object key) {
        return module_->is_confined(session, key, confined);
    }));
    return confined;
}

// ---- Work -----------------------------------------------------------------------------------

Result<SecretBytes> Token::encrypt_blocks(const KeyId& id, Bytes blocks) {
    CHECK(!blocks.empty() && blocks.size() % block_bytes == 0);
    SecretBytes out(blocks.size());
    TRY_VOID(run_with_key(id, [&](Session session, Object key) {
        return module_->encrypt_blocks(session, key, blocks, out.writable());
    }));
    return out;
}

Code Token::walk(Session session, Object key, std::span<const Buffer> steps, SecretBytes& out) {
    Object parent = key;
    Code code = 0;
    for (const Buffer& step : steps.first(steps.size() - 1)) {
        Object next = 0;
        code = module_->derive(session, parent, step, next);
        if (parent != key) module_->destroy(session, parent);
        parent = next;
        if (code != 0) return code;
    }
    out = SecretBytes(steps.back().size());
    code = module_->encrypt_blocks(session, parent, steps.back(), out.writable());
    if (parent != key) module_->destroy(session, parent);
    return code;
}

Result<SecretBytes> Token::encrypt_down(const KeyId& id, std::span<const Buffer> steps) {
    CHECK(!steps.empty());
    SecretBytes out;
    TRY_VOID(run_with_key(
        id, [&](Session session, Object key) { return walk(session, key, steps, out); }));
    return out;
}

Result<std::array<std::uint8_t, 16>> Token::cmac(const KeyId& id, Bytes data) {
    std::array<std::uint8_t, 16> out{};
    TRY_VOID(run_with_key(
        id, [&](Session session, Object key) { return module_->cmac(session, key, data, out); }));
    return out;
}

Result<Buffer> Token::seal(const KeyId& id, const Cryptoki::Gcm& gcm, Bytes plain) {
    Buffer out;
    TRY_VOID(run_with_key(id, [&](Session session, Object key) {
        return module_->seal(session, key, gcm, plain, out);
    }));
    return out;
}

Result<SecretBytes> Token::open_sealed(const KeyId& id, const Cryptoki::Gcm& gcm, Bytes sealed) {
    SecretBytes out;
    TRY_VOID(run_with_key(id, [&](Session session, Object key) {
        return module_->open(session, key, gcm, sealed, out);
    }));
    return out;
}

}  // namespace softpos::token
