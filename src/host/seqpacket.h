// Calls between two processes of one machine: one message there, one message back, over a Unix
// socket of type SEQPACKET. The kernel keeps the message borders and tells who the caller is.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "host/descriptor.h"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <poll.h>
#include <string>
#include <sys/types.h>
#include <vector>

namespace softpos::host {

constexpr std::size_t message_bytes_max = 64 * 1024;

// Who called, as the kernel saw it when the connection was made. Where the kernel gives a handle of
// the process (SO_PEERPIDFD), `pid` is its: a connection whose maker has ended and handed its
// socket on is closed, so that the number cannot stand for a later process.
struct PeerId {
    pid_t pid;
    uid_t uid;
    gid_t gid;
};

// Waking a process may cost more than a whole call takes: whoever has just called or answered looks
// for so long before it sleeps. 0 where there is one processor, which the other side needs.
unsigned usual_spin_us();

struct SeqpacketOptions {
    std::string path{};                 // Replaced where it is a socket that nobody serves.
    std::vector<uid_t> allowed_uids{};  // Empty: only the uid of this process.
    unsigned connections_max = 8;       // The next one is closed at once.
    std::optional<uid_t> owner{};       // Of the socket file, where we are root.
    unsigned spin_us = 0;               // After an answer; 0: sleeps at once.
};

// Serves connections in the calling thread, one request at a time, so that the handler needs no
// lock. Everything it opens is open after listen(): serve() needs only ppoll, accept4, recvmsg,
// sendmsg, getsockopt and close, and so runs behind the gate.
//
//     auto server = TRY(SeqpacketServer::listen({.path = path, .allowed_uids = {uid}}));
//     TRY_VOID(enter_gate(...));
//     TRY_VOID(server->serve([&](Bytes request, const PeerId&) { return core.invoke(request); }));
class SeqpacketServer {
public:
    // An empty answer closes the connection: the request was none of this protocol.
    using Handler = std::function<Buffer(Bytes request, const PeerId& peer)>;

    static Result<std::unique_ptr<SeqpacketServer>> listen(const SeqpacketOptions& options);
    ~SeqpacketServer();

    // Until stop() is called, or until `stop_fd` becomes readable.
    Result<void> serve(const Handler& handler, int stop_fd = -1);
    void stop();  // From any thread.

    const std::string& path() const { return options_.path; }
    std::vector<int> descriptors() const;  // What the gate must leave open.

private:
    struct Connection {
        Descriptor socket;
        PeerId peer;
        Descriptor process;  // Readable once the peer has ended; none on kernels before 6.5.
    };

    SeqpacketServer(SeqpacketOptions options, Descriptor socket, Descriptor stop_event);
    void accept_one();
    bool wait(std::vector<pollfd>& polled, std::int64_t spin_end_us) const;
    bool answer_one(Connection& connection, const Handler& handler);

    SeqpacketOptions options_;
    Descriptor socket_;
    Descriptor stop_event_;
    std::vector<Connection> connections_{};
    Buffer message_;  // message_bytes_max + 1, so that a longer one is seen.
    uid_t own_uid_;
};

// Connects when first called, and again after a break. Any thread may call; calls wait for each
// other.
//
//     SeqpacketClient client({.path = path});
//     const Buffer answer = TRY(client.call(request));
class SeqpacketClient {
public:
    struct Options {
        std::string path{};
        unsigned timeout_ms = 5000;         // For the whole call.
        std::optional<uid_t> server_uid{};  // The server must run as this one.
        unsigned spin_us = 0;               // For an answer; 0: sleeps at once.
    };

    explicit SeqpacketClient(Options options) : options_(std::move(options)) {}

    // unavailable where there is no server, it closed, or the time is over. A request that could
    // not be sent is sent once more over a new connection; one that was sent never is, because it
    // may have been acted on.
    Result<Buffer> call(Bytes request);
    void disconnect();

private:
    Result<void> connect();
    Result<void> send(Bytes request);
    Result<Buffer> receive(unsigned timeout_ms);

    Options options_;
    std::mutex mutex_;
    Descriptor socket_;
};

}  // namespace softpos::host
