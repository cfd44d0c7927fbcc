// What each event does in each state; everything else is refused.
#include "platform/channel/upstream_session.h"

#include <algorithm>

namespace softpos::channel {

bool UpstreamSession::wants_sign_in(Instant now) const {
    const bool idle = state_ == SessionState::signed_out || state_ == SessionState::needs_sign_in;
    return idle && now >= not_before_;
}

Result<void> UpstreamSession::begin_sign_in(std::uint32_t trace, Instant now) {
    if (!wants_sign_in(now)) return fail(ErrorKind::conflict, "session: no sign-in now");
    state_ = SessionState::signing_in;
    trace_ = trace;
    new_batch_ = 0;
    deadline_ = {now.unix_ms + limits_.answer_ms};
    return {};
}

Result<codec::WorkingKeys> UpstreamSession::answered(std::uint32_t trace, const CupAnswer& answer,
                                                     Instant now) {
    if (state_ != SessionState::signing_in || trace != trace_ || new_batch_ != 0) {
        return fail(ErrorKind::conflict, "session: no such sign-in");
    }
    if (answer.klass != AnswerClass::approve) {
        failed(now);
        return fail(ErrorKind::denied, "session: sign-in refused", 39);
    }
    if (answer.batch == 0) {
        failed(now);
        return fail(ErrorKind::denied, "session: no batch", 60);
    }
    auto keys = codec::parse_working_keys(answer.keys);
    if (!keys) {
        failed(now);
        return keys;
    }
    new_batch_ = answer.batch;
    return keys;
}

Result<void> UpstreamSession::keys_loaded() {
    if (state_ != SessionState::signing_in || new_batch_ == 0) {
        return fail(ErrorKind::conflict, "session: no keys to load");
    }
    state_ = SessionState::ready;
    batch_ = new_batch_;
    failures_ = 0;
    not_before_ = {};
    return {};
}

void UpstreamSession::failed(Instant now) {
    if (state_ != SessionState::signing_in) return;
    state_ = SessionState::needs_sign_in;
    constexpr std::uint32_t doublings_max = 16;
    const std::int64_t pause = std::int64_t{limits_.pause_ms} << std::min(failures_, doublings_max);
    not_before_ = {now.unix_ms + std::min<std::int64_t>(pause, limits_.pause_ms_max)};
    ++failures_;
}

bool UpstreamSession::tick(Instant now) {
    if (state_ != SessionState::signing_in || now < deadline_) return false;
    failed(now);
    return true;
}

void UpstreamSession::saw(AnswerClass klass) {
    if (klass == AnswerClass::re_sign_in && state_ == SessionState::ready) {
        state_ = SessionState::needs_sign_in;
    }
}

void UpstreamSession::close() {
    state_ = SessionState::signed_out;
    not_before_ = {};
}

}  // namespace softpos::channel
