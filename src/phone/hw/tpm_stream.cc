// Commands and answers carry their own length: two bytes of tag, four of size, four of code.
#include "phone/hw/tpm_stream.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <span>
#include <sys/socket.h>
#include <sys/un.h>
#include <tss2/tss2_tcti.h>
#include <unistd.h>

namespace softpos::hw {
namespace {

constexpr std::size_t header_bytes = 10;
constexpr std::size_t answer_bytes_max = 4096;
constexpr std::uint64_t stream_magic = 0x736F6674706F7331;

struct Stream {
    TSS2_TCTI_CONTEXT_COMMON_V2 common{};  // First: the TSS knows this part only.
    int fd = -1;
    bool waiting = false;  // A command is out.
    std::array<std::uint8_t, answer_bytes_max> answer{};
    std::size_t answer_bytes = 0;  // That were read.
};

Stream* stream_of(TSS2_TCTI_CONTEXT* context) {
    return reinterpret_cast<Stream*>(context);
}

TSS2_RC transmit(TSS2_TCTI_CONTEXT* context, std::size_t size, const std::uint8_t* command) {
    Stream& stream = *stream_of(context);
    if (stream.waiting) return TSS2_TCTI_RC_BAD_SEQUENCE;
    while (size > 0) {
        const ssize_t sent = ::send(stream.fd, command, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return TSS2_TCTI_RC_IO_ERROR;
        command += sent;
        size -= static_cast<std::size_t>(sent);
    }
    stream.waiting = true;
    stream.answer_bytes = 0;
    return TSS2_RC_SUCCESS;
}

// How many bytes the answer has, as far as it is known yet.
std::size_t wanted(const Stream& stream) {
    if (stream.answer_bytes < header_bytes) return header_bytes;
    std::size_t size = 0;
    for (const std::uint8_t byte : std::span(stream.answer).subspan(2, 4)) size = size << 8U | byte;
    return size;
}

TSS2_RC receive(TSS2_TCTI_CONTEXT* context, std::size_t* size, std::uint8_t* answer,
                std::int32_t timeout_ms) {
    Stream& stream = *stream_of(context);
    if (!stream.waiting) return TSS2_TCTI_RC_BAD_SEQUENCE;
    const int wait_ms = timeout_ms < 0 ? tpm_answer_ms_max : timeout_ms;
    while (stream.answer_bytes < wanted(stream)) {
        const std::size_t end = wanted(stream);
        if (end > stream.answer.size()) return TSS2_TCTI_RC_MALFORMED_RESPONSE;
        pollfd one{stream.fd, POLLIN, 0};
        const int ready = ::poll(&one, 1, wait_ms);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) return timeout_ms < 0 ? TSS2_TCTI_RC_IO_ERROR : TSS2_TCTI_RC_TRY_AGAIN;
        const ssize_t got = ::recv(stream.fd, stream.answer.data() + stream.answer_bytes,
                                   end - stream.answer_bytes, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return TSS2_TCTI_RC_IO_ERROR;
        stream.answer_bytes += static_cast<std::size_t>(got);
    }
    if (wanted(stream) < header_bytes) return TSS2_TCTI_RC_MALFORMED_RESPONSE;
    if (answer != nullptr) {
        if (*size < stream.answer_bytes) return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
        std::memcpy(answer, stream.answer.data(), stream.answer_bytes);
        stream.waiting = false;
    }
    *size = stream.answer_bytes;
    return TSS2_RC_SUCCESS;
}

TSS2_RC tell_handles(TSS2_TCTI_CONTEXT* context, TSS2_TCTI_POLL_HANDLE* handles,
                     std::size_t* count) {
    if (handles != nullptr) {
        if (*count < 1) return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
        *handles = {stream_of(context)->fd, POLLIN, 0};
    }
    *count = 1;
    return TSS2_RC_SUCCESS;
}

void finalize(TSS2_TCTI_CONTEXT* context) {
    Stream& stream = *stream_of(context);
    if (stream.fd >= 0) ::close(stream.fd);
    stream.fd = -1;
}

TSS2_RC no_cancel(TSS2_TCTI_CONTEXT* context) {
    (void)context;
    return TSS2_TCTI_RC_NOT_IMPLEMENTED;
}
TSS2_RC no_locality(TSS2_TCTI_CONTEXT* context, std::uint8_t locality) {
    (void)context;
    return locality == 0 ? TSS2_RC_SUCCESS : TSS2_TCTI_RC_NOT_IMPLEMENTED;
}

}  // namespace

void CloseTpmStream::operator()(TSS2_TCTI_CONTEXT* context) const {
    finalize(context);
    delete stream_of(context);
}

Result<TpmStream> connect_tpm_stream(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path)) {
        return fail(ErrorKind::malformed, "tpm: path of a socket");
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    auto stream = std::make_unique<Stream>();
    stream->common.v1 = {.magic = stream_magic,
                         .version = 2,
                         .transmit = transmit,
                         .receive = receive,
                         .finalize = finalize,
                         .cancel = no_cancel,
                         .getPollHandles = tell_handles,
                         .setLocality = no_locality};
    stream->fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TpmStream owned(reinterpret_cast<TSS2_TCTI_CONTEXT*>(stream.release()));
    const int fd = stream_of(owned.get())->fd;
    if (fd < 0 ||
        ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
        return fail(ErrorKind::unavailable, "tpm: nobody listens there",
                    static_cast<std::uint32_t>(errno));
    }
    return owned;
}

}  // namespace softpos::hw
