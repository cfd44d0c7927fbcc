// A real server in a thread, real sockets in a scratch directory.
#include "host/seqpacket.h"

#include "host/scratch_directory.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace softpos::host {
namespace {

Buffer echo(Bytes request, const PeerId&) {
    return {request.begin(), request.end()};
}

class Running {
public:
    Running(SeqpacketOptions options, SeqpacketServer::Handler handler) {
        auto made = SeqpacketServer::listen(options);
        CHECK(made.has_value());
        server_ = std::move(*made);
        thread_ = std::thread([this, handler] { CHECK(server_->serve(handler).has_value()); });
    }
    ~Running() {
        server_->stop();
        thread_.join();
    }

private:
    std::unique_ptr<SeqpacketServer> server_;
    std::thread thread_;
};

// Without the client's own limits.
Descriptor raw_connection(const std::string& path) {
    Descriptor socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    CHECK(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    return socket;
}

TEST(Seqpacket, CallGivesTheAnswer) {
    const ScratchDirectory scratch;
    const Running server({.path = scratch.file("s")}, echo);
    SeqpacketClient client({.path = scratch.file("s")});
    for (int i = 0; i < 100; ++i) {
        const Buffer request(static_cast<std::size_t>(i) + 1, static_cast<std::uint8_t>(i));
        const auto answer = client.call(request);
        ASSERT_TRUE(answer);
        EXPECT_EQ(*answer, request);
    }
}

// Who looks for a while before it sleeps hears the same: answers, the end of the other side, and
// that nobody answers.
TEST(Seqpacket, LookingBeforeSleepingChangesNothing) {
    constexpr unsigned spin_us = 2'000, timeout_ms = 50;
    const ScratchDirectory scratch;
    std::atomic<bool> answers = true;
    auto server =
        std::make_unique<Running>(SeqpacketOptions{.path = scratch.file("s"), .spin_us = spin_us},
                                  [&](Bytes request, const PeerId& peer) {
                                      return answers ? echo(request, peer) : Buffer();
                                  });
    SeqpacketClient client({.path = scratch.file("s"),
                            .timeout_ms = timeout_ms,
                            .server_uid = {},
                            .spin_us = spin_us});
    const Buffer request(3, 1);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(client.call(request), request);
    answers = false;
    EXPECT_EQ(client.call(request).error().kind, ErrorKind::unavailable) << "it closes";
    answers = true;
    EXPECT_EQ(client.call(request), request) << "over a new connection";
    server.reset();
    EXPECT_EQ(client.call(request).error().kind, ErrorKind::unavailable);
    const Descriptor nobody(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = scratch.file("silent");
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(nobody.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(nobody.get(), 1), 0);
    SeqpacketClient waits(
        {.path = path, .timeout_ms = timeout_ms, .server_uid = {}, .spin_us = spin_us});
    EXPECT_EQ(waits.call(request).error().kind, ErrorKind::unavailable) << "nobody answers";
}

TEST(Seqpacket, LargestMessagePassesBothWays) {
    const ScratchDirectory scratch;
    const Running server({.path = scratch.file("s")}, echo);
    SeqpacketClient client({.path = scratch.file("s")});
    const Buffer largest(message_bytes_max, 7);
    const auto answer = client.call(largest);
    ASSERT_TRUE(answer);
    EXPECT_EQ(*answer, largest);
    EXPECT_EQ(client.call(Buffer(message_bytes_max + 1)).error().kind, ErrorKind::malformed);
    EXPECT_EQ(client.call({}).error().kind, ErrorKind::malformed);
}

// Shows: A20, JRT0156-7.1
TEST(Seqpacket, TooLongMessageNeverReachesTheHandler) {
    const ScratchDirectory scratch;
    std::atomic<int> calls = 0;
    const auto handler = [&](Bytes request, const PeerId& peer) {
        ++calls;
        return echo(request, peer);
    };
    const Running server({.path = scratch.file("s")}, handler);
    const Descriptor socket = raw_connection(scratch.file("s"));
    const Buffer too_long(message_bytes_max + 1, 1);
    ASSERT_EQ(::send(socket.get(), too_long.data(), too_long.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(too_long.size()));
    std::uint8_t byte = 0;
    EXPECT_LE(::recv(socket.get(), &byte, 1, 0), 0) << "the connection must be closed";
    EXPECT_EQ(calls, 0);
}

TEST(Seqpacket, HandlerSeesWhoCalls) {
    const ScratchDirectory scratch;
    PeerId seen{};
    const auto handler = [&](Bytes request, const PeerId& peer) {
        seen = peer;
        return echo(request, peer);
    };
    const Running server({.path = scratch.file("s")}, handler);
    SeqpacketClient client({.path = scratch.file("s")});
    ASSERT_TRUE(client.call(bytes_of("x")));
    EXPECT_EQ(seen.pid, ::getpid());
    EXPECT_EQ(seen.uid, ::getuid());
}

// A process connects, hands the socket to its child and ends.
int child_with_an_inherited_connection(const std::string& path) {
    Descriptor socket = raw_connection(path);
    const pid_t maker = ::getpid();
    const pid_t heir = ::fork();
    if (heir != 0) return 0;
    // Its files are closed before it has ended: that is what counts. Not there: it is over already.
    const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, maker, 0)));
    pollfd ended{process.get(), POLLIN, 0};
    if (process.valid() && ::poll(&ended, 1, -1) != 1) return 90;
    ::send(socket.get(), "x", 1, MSG_NOSIGNAL);
    std::array<char, 8> answer{};
    const ssize_t got = ::recv(socket.get(), answer.data(), answer.size(), 0);
    ::_exit(got > 0 ? 1 : 0);
}

// Shows: A19
TEST(Seqpacket, AConnectionEndsWithTheProcessThatMadeIt) {
    const ScratchDirectory scratch;
    std::atomic<int> heard = 0;
    {
        const Running server({.path = scratch.file("s")}, [&heard](Bytes request, const PeerId&) {
            ++heard;
            return Buffer(request.begin(), request.end());
        });
        // Its heir becomes our child, so that we can wait for it.
        ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        const pid_t child = ::fork();
        if (child == 0) ::_exit(child_with_an_inherited_connection(scratch.file("s")));
        for (int i = 0; i < 2; ++i) {
            int status = 0;
            ASSERT_GT(::wait(&status), 0);
            EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
        }
        ::prctl(PR_SET_CHILD_SUBREAPER, 0);
    }
    EXPECT_EQ(heard, 0);
}

// Shows: A20, JRT0156-6.7
TEST(Seqpacket, OtherUserIsNotHeard) {
    const ScratchDirectory scratch;
    const Running server({.path = scratch.file("s"), .allowed_uids = {::getuid() + 1}}, echo);
    SeqpacketClient client({.path = scratch.file("s")});
    EXPECT_EQ(client.call(bytes_of("x")).error().kind, ErrorKind::unavailable);
}

TEST(Seqpacket, ServerOfAnotherUserIsNotTrusted) {
    const ScratchDirectory scratch;
    const Running server({.path = scratch.file("s")}, echo);
    SeqpacketClient client({.path = scratch.file("s"), .server_uid = ::getuid() + 1});
    EXPECT_EQ(client.call(bytes_of("x")).error().kind, ErrorKind::denied);
}

TEST(Seqpacket, SocketFileIsOnlyForTheOwner) {
    const ScratchDirectory scratch;
    const auto server = SeqpacketServer::listen({.path = scratch.file("s")});
    ASSERT_TRUE(server);
    struct stat status {};
    ASSERT_EQ(::stat(scratch.file("s").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

// Where others are let in besides the file's owner, its mode must not shut them out.
TEST(Seqpacket, SocketFileIsForAllWhoAreHeard) {
    const ScratchDirectory scratch;
    const auto mode_for = [&](const char* name, std::vector<uid_t> allowed) {
        const auto server = SeqpacketServer::listen(
            {.path = scratch.file(name), .allowed_uids = std::move(allowed), .owner = ::getuid()});
        struct stat status {};
        EXPECT_TRUE(server.has_value());
        EXPECT_EQ(::stat(scratch.file(name).c_str(), &status), 0);
        return status.st_mode & 0777U;
    };
    EXPECT_EQ(mode_for("one", {::getuid()}), 0600U);
    EXPECT_EQ(mode_for("same", {::getuid(), ::getuid()}), 0600U);
    EXPECT_EQ(mode_for("two", {::getuid(), ::getuid() + 1}), 0666U);
}

// Shows: A20
TEST(Seqpacket, ConnectionOverTheLimitIsClosed) {
    const ScratchDirectory scratch;
    const Running server({.path = scratch.file("s"), .connections_max = 2}, echo);
    SeqpacketClient first({.path = scratch.file("s")});
    SeqpacketClient second({.path = scratch.file("s")});
    SeqpacketClient third({.path = scratch.file("s")});
    ASSERT_TRUE(first.call(bytes_of("x")));
    ASSERT_TRUE(second.call(bytes_of("x")));
    EXPECT_EQ(third.call(bytes_of("x")).error().kind, ErrorKind::unavailable);
    EXPECT_TRUE(first.call(bytes_of("x"))) << "those that are in stay";
}

TEST(Seqpacket, EmptyAnswerClosesTheConnection) {
    const ScratchDirectory scratch;
    const Running server({.path = scratch.file("s")},
                         [](Bytes, const PeerId&) { return Buffer(); });
    SeqpacketClient client({.path = scratch.file("s")});
    EXPECT_EQ(client.call(bytes_of("x")).error().kind, ErrorKind::unavailable);
}

TEST(Seqpacket, ClientReconnectsToARestartedServer) {
    const ScratchDirectory scratch;
    SeqpacketClient client({.path = scratch.file("s")});
    EXPECT_EQ(client.call(bytes_of("x")).error().kind, ErrorKind::unavailable);
    for (int i = 0; i < 3; ++i) {
        const Running server({.path = scratch.file("s")}, echo);
        EXPECT_TRUE(client.call(bytes_of("x"))) << i;
    }
    EXPECT_EQ(client.call(bytes_of("x")).error().kind, ErrorKind::unavailable);
}

// A request that was received may have been acted on: it must not be sent again.
TEST(Seqpacket, RequestThatWasReceivedIsNotRepeated) {
    const ScratchDirectory scratch;
    std::atomic<int> calls = 0;
    const auto handler = [&](Bytes request, const PeerId& peer) {
        return ++calls == 2 ? Buffer() : echo(request, peer);
    };
    const Running server({.path = scratch.file("s")}, handler);
    SeqpacketClient client({.path = scratch.file("s")});
    ASSERT_TRUE(client.call(bytes_of("x")));
    EXPECT_FALSE(client.call(bytes_of("x")));
    EXPECT_EQ(calls, 2);
    EXPECT_TRUE(client.call(bytes_of("x")));
}

TEST(Seqpacket, SilentServerEndsTheCallAtItsDeadline) {
    const ScratchDirectory scratch;
    // Listens, and nobody serves.
    const auto server = SeqpacketServer::listen({.path = scratch.file("s")});
    ASSERT_TRUE(server);
    SeqpacketClient client({.path = scratch.file("s"), .timeout_ms = 20});
    EXPECT_EQ(client.call(bytes_of("x")).error().kind, ErrorKind::unavailable);
}

TEST(Seqpacket, SecondServerOnOnePathIsRefusedAndStaleFileReplaced) {
    const ScratchDirectory scratch;
    {
        const auto first = SeqpacketServer::listen({.path = scratch.file("s")});
        ASSERT_TRUE(first);
        EXPECT_EQ(SeqpacketServer::listen({.path = scratch.file("s")}).error().kind,
                  ErrorKind::conflict);
    }
    EXPECT_TRUE(SeqpacketServer::listen({.path = scratch.file("s")}));
}

}  // namespace
}  // namespace softpos::host
