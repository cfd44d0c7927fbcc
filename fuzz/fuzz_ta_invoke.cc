// Any calls of the trusted application: types, sizes, commands and sessions as the input says, and
// requests of any bytes or of real ones with a bite taken out. Only documented results come back,
// nothing is written but the answer, and no number of an enrolled core ever goes down.
// links: trust emv crypto protocol codec host posture
#include "base/check.h"
#include "phone/trust/gp_host.h"
#include "phone/trust/test_rig.h"

#include <algorithm>
#include <array>
#include <softpos/ta.h>

namespace {

using namespace softpos;
using namespace softpos::trust;

constexpr std::uint8_t guard = 0xA5;
constexpr std::size_t guard_bytes = 64;
constexpr unsigned calls_max = 24;

// An enrolled application that outlives all inputs; what one input does to it the next one finds.
struct World {
    World() : host(platform, {.platform_key = acquirer.platform_point(), .client = user()}) {
        auto made = GpClient::open();
        CHECK(made.has_value());
        client = std::move(*made);
        acquirer.enrol();
        seen = acquirer.status();
        CHECK(seen.mode == protocol::CoreMode::ready);
    }
    static TEE_Identity user() { return user_identity(1); }

    MemoryPlatform platform;
    Acquirer acquirer{[this](Bytes request) {
        auto answer = client->call(request);
        CHECK(answer.has_value());
        return std::move(*answer);
    }};
    GpHost host;
    std::unique_ptr<GpClient> client;
    std::array<void*, SOFTPOS_TA_SESSIONS_MAX> sessions{};
    protocol::StatusAnswer seen;
};

// Of the real requests one, so that more than the form is reached.
Buffer real_request(World& world, std::uint8_t which) {
    using protocol::TrustedRequest;
    switch (which % 8) {
        case 0:
            return protocol::encode(TrustedRequest(protocol::StatusRequest{}));
        case 1:
            return protocol::encode(TrustedRequest(Acquirer::preparing(100)));
        case 2:
            return protocol::encode(TrustedRequest(world.acquirer.permitted(100)));
        case 3:
            return protocol::encode(
                TrustedRequest(protocol::TapContinueRequest{Buffer{0x6A, 0x82}}));
        case 4:
            return protocol::encode(TrustedRequest(protocol::TapAbortRequest{}));
        case 5:
            return protocol::encode(TrustedRequest(protocol::PinPollRequest{}));
        case 6:
            return protocol::encode(TrustedRequest(protocol::ReportMakeRequest{}));
        default:
            return protocol::encode(
                TrustedRequest(world.acquirer.command(1, protocol::CommandAction::collect)));
    }
}

class Input {
public:
    explicit Input(Bytes bytes) : reader_(bytes) {}
    std::uint8_t byte() { return reader_.take_byte().value_or(0); }
    std::uint32_t number() {
        std::uint32_t out = byte();
        for (int i = 0; i < 3; ++i) out = out << 8 | byte();
        return out;
    }
    Buffer some() {
        const std::size_t wanted = std::min<std::size_t>(byte(), reader_.size());
        const Bytes taken = *reader_.take(wanted);
        return {taken.begin(), taken.end()};
    }
    bool empty() const { return reader_.empty(); }

private:
    ByteReader reader_;
};

bool is_documented(TEE_Result result) {
    constexpr std::array known = {TEE_SUCCESS,
                                  TEE_ERROR_BAD_PARAMETERS,
                                  TEE_ERROR_BAD_STATE,
                                  TEE_ERROR_NOT_SUPPORTED,
                                  TEE_ERROR_SHORT_BUFFER,
                                  TEE_ERROR_EXCESS_DATA};
    return std::ranges::find(known, result) != known.end();
}

void invoke(World& world, Input& in) {
    const std::uint8_t shape = in.byte();
    Buffer request = (shape & 1) != 0 ? real_request(world, in.byte()) : in.some();
    if ((shape & 2) != 0 && !request.empty()) request[in.byte() % request.size()] ^= in.byte();
    const Buffer before = request;
    const std::uint32_t command = (shape & 4) != 0 ? in.number() : SOFTPOS_TA_CALL;
    const std::uint32_t types = (shape & 8) != 0 ? in.number() : 0x65;
    const std::size_t room =
        (shape & 16) != 0 ? in.number() % SOFTPOS_TA_ANSWER_BYTES_MAX : SOFTPOS_TA_ANSWER_BYTES_MAX;
    static Buffer answer;
    answer.assign(room + guard_bytes, guard);
    TEE_Param params[4]{};
    params[0].memref = {request.data(), request.size()};
    params[1].memref = {(shape & 32) != 0 ? nullptr : answer.data(), room};
    void* const session = (shape & 64) != 0 ? &params : world.sessions[0];
    const TEE_Result result = TA_InvokeCommandEntryPoint(session, command, types, params);
    CHECK(is_documented(result));
    CHECK(request == before);
    CHECK(std::ranges::all_of(Bytes(answer).last(guard_bytes),
                              [](std::uint8_t byte) { return byte == guard; }));
    if (result == TEE_ERROR_SHORT_BUFFER) {
        CHECK(params[1].memref.size == SOFTPOS_TA_ANSWER_BYTES_MAX);
    }
    const bool called = result == TEE_SUCCESS && command == SOFTPOS_TA_CALL;
    const std::size_t used = called ? params[1].memref.size : 0;
    if (called) CHECK(protocol::decode_trusted_answer(Bytes(answer).first(used)).has_value());
    CHECK(std::ranges::all_of(Bytes(answer).subspan(used),
                              [](std::uint8_t byte) { return byte == guard; }));
}

void open_or_close(World& world, Input& in) {
    const std::uint8_t which = in.byte();
    void*& session = world.sessions[which % world.sessions.size()];
    if (session != nullptr) {
        TA_CloseSessionEntryPoint(session);
        session = nullptr;
        return;
    }
    world.host.properties.client.login = which % 2 == 0 ? TEE_LOGIN_USER : in.number();
    TEE_Param params[4]{};
    const std::uint32_t types = which % 4 == 3 ? in.number() : 0;
    const TEE_Result result = TA_OpenSessionEntryPoint(types, params, &session);
    CHECK(result == TEE_SUCCESS || result == TEE_ERROR_BUSY || result == TEE_ERROR_ACCESS_DENIED ||
          result == TEE_ERROR_BAD_PARAMETERS);
    CHECK((result == TEE_SUCCESS) == (session != nullptr));
}

}  // namespace

// Shows: A20, JRT0156-7.1
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static World world;
    Input in(Bytes(data, size));
    for (unsigned calls = 0; calls < calls_max && !in.empty(); ++calls) {
        if (in.byte() % 4 == 0) {
            open_or_close(world, in);
        } else {
            invoke(world, in);
        }
    }
    const protocol::StatusAnswer now = world.acquirer.status();
    world.acquirer.answers.clear();
    CHECK(now.mode == protocol::CoreMode::ready);
    CHECK(now.terminal_id == world.seen.terminal_id && now.card_key_id == world.seen.card_key_id);
    CHECK(now.sequence >= world.seen.sequence && now.events >= world.seen.events);
    CHECK(now.next_counter >= world.seen.next_counter);
    world.seen = now;
    return 0;
}
