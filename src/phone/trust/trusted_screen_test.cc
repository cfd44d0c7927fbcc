// The real program with a framebuffer for a customer: a PIN goes in by touches on what the picture
// shows, while the app's user tries to read the screen, to draw on it, and to hear the touches.
//
// The framebuffer is a file of the same form, and the touch device a pipe that carries its records:
// what a kernel adds to both is tried on hardware only.
#include "phone/trust/framebuffer_ui.h"
#include "phone/trust/pin_screen_reader.h"
#include "phone/trust/process_test_fixture.h"

#include <cstring>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace softpos::trust {
namespace {

constexpr uid_t app_uid = 64999;
constexpr Panel panel{720, 1280, 320};
constexpr std::size_t screen_bytes = std::size_t{panel.width} * panel.height * 4;

// The files of a screen in a folder, before anybody takes them.
void make_screen(const host::ScratchDirectory& folder) {
    const Buffer empty(screen_bytes);
    ASSERT_TRUE(host::write_durably(folder.file("screen"), empty, 0666));
    ASSERT_EQ(::chmod(folder.file("screen").c_str(), 0666), 0);
    ASSERT_EQ(::mkfifo(folder.file("touch").c_str(), 0666), 0);
    ASSERT_EQ(::chmod(folder.file("touch").c_str(), 0666), 0);
}

Points read_screen(const host::ScratchDirectory& folder) {
    const auto bytes = host::read_file(folder.file("screen"), screen_bytes);
    CHECK(bytes.has_value() && bytes->size() == screen_bytes);
    Points points(screen_bytes / 4);
    std::memcpy(points.data(), bytes->data(), screen_bytes);
    return points;
}

FramebufferOptions options_in(const host::ScratchDirectory& folder) {
    return {.screen = folder.file("screen"), .touch = folder.file("touch"), .panel = panel};
}

class Framebuffer : public ::testing::Test {
protected:
    void SetUp() override { make_screen(scratch); }
    Result<std::unique_ptr<FramebufferUi>> open(const FramebufferOptions& options) const {
        return FramebufferUi::open(options, ::getuid(), ::getgid());
    }
    const host::ScratchDirectory scratch;
};

TEST_F(Framebuffer, ShowsAPadAndHearsItsTouches) {
    auto ui = open(options_in(scratch));
    ASSERT_TRUE(ui) << ui.error().what.c_str();
    SeededRandom random(3);
    PinEntry entry({.merchant_name = "NOODLES"}, random, {});
    ASSERT_TRUE((*ui)->show(entry.screen()));
    EXPECT_EQ(read_pad((*ui)->picture(), read_screen(scratch)), entry.screen().digit_at);
    EXPECT_FALSE((*ui)->next_key());
    const host::Descriptor finger(::open(scratch.file("touch").c_str(), O_WRONLY | O_NONBLOCK));
    for (const Rect& key : {(*ui)->picture().key(4), (*ui)->picture().confirm_key()}) {
        const Buffer records = touch_records(key);
        ASSERT_EQ(::write(finger.get(), records.data(), records.size()),
                  static_cast<ssize_t>(records.size()));
    }
    const auto first = (*ui)->next_key();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->place, 4);
    EXPECT_EQ((*ui)->next_key()->kind, PinKey::Kind::confirm);
    entry.cancel();
    ASSERT_TRUE((*ui)->show(entry.screen()));
    EXPECT_FALSE(read_pad((*ui)->picture(), read_screen(scratch))) << "the pad is gone";
    ui->reset();
    const Points left = read_screen(scratch);
    EXPECT_TRUE(std::ranges::all_of(left, [](std::uint32_t point) { return point == 0; }));
}

TEST_F(Framebuffer, TakesTheScreenFromEverybodyElse) {
    ASSERT_TRUE(open(options_in(scratch)));
    for (const char* name : {"screen", "touch"}) {
        struct stat status {};
        ASSERT_EQ(::stat(scratch.file(name).c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600U) << name;
    }
}

TEST_F(Framebuffer, WhatIsNoScreenIsRefused) {
    FramebufferOptions options = options_in(scratch);
    options.panel.height -= 1;
    EXPECT_FALSE(open(options)) << "the file is of another size";
    options = options_in(scratch);
    options.screen = scratch.file("touch");
    EXPECT_FALSE(open(options));
    struct stat before {};
    ASSERT_EQ(::stat("/dev/null", &before), 0);
    options.screen = "/dev/null";
    EXPECT_FALSE(open(options)) << "a device, and no framebuffer";
    options = options_in(scratch);
    options.touch = "/dev/null";
    EXPECT_FALSE(open(options)) << "a device, and nothing that is touched";
    struct stat after {};
    ASSERT_EQ(::stat("/dev/null", &after), 0);
    EXPECT_EQ(after.st_mode, before.st_mode) << "what is refused is left to everybody else";
    options = options_in(scratch);
    options.screen = scratch.file("nothing");
    EXPECT_FALSE(open(options));
    options = options_in(scratch);
    options.glyphs = scratch.file("glyphs");
    EXPECT_FALSE(open(options));
    ASSERT_TRUE(host::write_durably(options.glyphs, bytes_of("nonsense\n"), 0644));
    EXPECT_FALSE(open(options)) << "no glyphs";
    ASSERT_TRUE(host::write_durably(options.glyphs, Bytes(), 0644));
    EXPECT_TRUE(open(options));
    ASSERT_EQ(::chmod(options.glyphs.c_str(), 0666), 0);
    EXPECT_FALSE(open(options)) << "others can write them";
}

// A mode that is changed now takes nothing away from who opened the screen before.
TEST_F(Framebuffer, WhoHasItOpenAlreadyIsSeen) {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root to see it";
    int to_child[2];
    int from_child[2];
    ASSERT_EQ(::pipe2(to_child, 0), 0);
    ASSERT_EQ(::pipe2(from_child, 0), 0);
    const pid_t holder = ::fork();
    if (holder == 0) {
        char byte = 0;
        const int held = ::open(scratch.file("screen").c_str(), O_RDWR);
        (void)!::write(from_child[1], &byte, 1);
        ::close(to_child[1]);
        (void)!::read(to_child[0], &byte, 1);
        ::_exit(held >= 0 ? 0 : 1);
    }
    char byte = 0;
    ASSERT_EQ(::read(from_child[0], &byte, 1), 1);
    const auto refused = open(options_in(scratch));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().kind, ErrorKind::denied);
    for (const int end : {to_child[1], to_child[0], from_child[0], from_child[1]}) ::close(end);
    int status = 0;
    ASSERT_EQ(::waitpid(holder, &status, 0), holder);
    EXPECT_TRUE(open(options_in(scratch))) << "nobody has it open now";
}

class TrustedScreen : public TrustedProcess {
protected:
    void SetUp() override {
        make_screen(scratch);
        more_arguments = {"--pin-framebuffer", scratch.file("screen"),
                          "--pin-touch",       scratch.file("touch"),
                          "--pin-width",       std::to_string(panel.width),
                          "--pin-height",      std::to_string(panel.height),
                          "--pin-dpi",         std::to_string(panel.dpi)};
        TrustedProcess::SetUp();
    }
    // Up to the open pad.
    protocol::TapOutcome begin() {
        acquirer.with_pin_key = true;
        acquirer.allowed =
            bit_of(protocol::Capability::card_no_pin) | bit_of(protocol::Capability::card_pin);
        acquirer.enrol();
        auto card = make_card("pin");
        auto outcome = acquirer.tap(card, amount);
        EXPECT_EQ(outcome.cvm, protocol::TapCvm::online_pin) << outcome.detail;
        const auto request = acquirer.read<protocol::PermitRequest>(
            acquirer
                .ask<protocol::PermitPrepareAnswer>(protocol::PermitPrepareRequest{
                    protocol::PermitPurpose::pin, amount, 156, Acquirer::posture()})
                .request);
        const protocol::PinBeginRequest permitted{
            acquirer.signed_by_platform(protocol::SpaBody(acquirer.permit_for(request)))};
        EXPECT_EQ(acquirer.ask<protocol::PinState>(permitted).progress,
                  protocol::PinProgress::waiting);
        return outcome;
    }
    std::string opened(const protocol::SealedPin& sealed, const protocol::TapOutcome& outcome) {
        auto objects = acquirer.open(outcome, amount);
        const std::string track = to_hex(objects[0x57]);
        const auto pan = Pan::parse(track.substr(0, track.find('D'))).value();
        const auto ksn = crypto::AesKsn::parse(sealed.ksn).value();
        const auto key =
            crypto::dukpt_aes_host_key(acquirer.pin_bdk, ksn, crypto::DukptUsage::pin_encryption,
                                       crypto::DukptKeyKind::aes128)
                .value();
        const auto block_key = crypto::BlockKey::make(crypto::Cipher::aes, key.bytes()).value();
        const auto pin =
            crypto::decrypt_pin(crypto::PinFormat::iso4, block_key, sealed.block, &pan);
        return pin ? std::string(text_of(pin->clear_digits())) : "does not open";
    }

    static constexpr std::int64_t amount = 150'000;
    const PinPicture picture = PinPicture::on(panel).value();
};

// A bit for each way that worked: a screenshot, an overlay, the touches, and round about through
// the program that holds them.
int attack_screen(const std::string& screen, const std::string& touch, pid_t holder) {
    int worked = 0;
    if (::open(screen.c_str(), O_RDONLY | O_CLOEXEC) >= 0) worked |= 1;
    if (::open(screen.c_str(), O_RDWR | O_CLOEXEC) >= 0) worked |= 2;
    if (::open(touch.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0) worked |= 4;
    if (::open(touch.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC) >= 0) worked |= 8;
    const std::string folder = "/proc/" + std::to_string(holder);
    for (int descriptor = 0; descriptor < 64; ++descriptor) {
        const std::string path = folder + "/fd/" + std::to_string(descriptor);
        if (::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC) >= 0) worked |= 16;
    }
    if (::open((folder + "/mem").c_str(), O_RDONLY | O_CLOEXEC) >= 0) worked |= 32;
    if (::ptrace(PTRACE_SEIZE, holder, nullptr, nullptr) == 0) worked |= 64;
    if (::chmod(screen.c_str(), 0666) == 0) worked |= 128;
    return worked;
}

// Shows: A35, MPOC-1E-SCREEN, JRT0156-6.8
TEST_F(TrustedScreen, APinGoesInUnseenByTheApp) {
    if (!root()) GTEST_SKIP() << "needs root to become the app";
    const auto outcome = begin();
    const auto pad = read_pad(picture, read_screen(scratch));
    ASSERT_TRUE(pad) << "the customer sees it";

    const pid_t app = ::fork();
    if (app == 0) {
        if (::setresgid(app_uid, app_uid, app_uid) != 0) ::_exit(255);
        if (::setresuid(app_uid, app_uid, app_uid) != 0) ::_exit(255);
        ::_exit(attack_screen(scratch.file("screen"), scratch.file("touch"), child->pid()));
    }
    int status = 0;
    ASSERT_EQ(::waitpid(app, &status, 0), app);
    EXPECT_EQ(WEXITSTATUS(status), 0) << "a bit for each attack that worked";
    EXPECT_EQ(read_pad(picture, read_screen(scratch)), pad) << "nothing was drawn over it";

    const std::string pin = "472913";
    const host::Descriptor finger(::open(scratch.file("touch").c_str(), O_WRONLY | O_NONBLOCK));
    ASSERT_TRUE(finger.valid());
    const auto press = [&](const Rect& key) {
        const Buffer records = touch_records(key);
        EXPECT_EQ(::write(finger.get(), records.data(), records.size()),
                  static_cast<ssize_t>(records.size()));
    };
    const std::size_t answers_before = acquirer.answers.size();
    for (const char digit : pin) {
        const auto at = std::ranges::find(*pad, static_cast<std::uint8_t>(digit - '0'));
        press(picture.key(static_cast<std::size_t>(at - pad->begin())));
        EXPECT_EQ(acquirer.ask<protocol::PinState>(protocol::PinPollRequest{}).progress,
                  protocol::PinProgress::waiting);
    }
    // All that the app got for each press is one and the same answer.
    for (std::size_t i = answers_before + 1; i < acquirer.answers.size(); ++i) {
        EXPECT_EQ(acquirer.answers[i], acquirer.answers[answers_before]);
    }
    press(picture.confirm_key());
    const auto done = acquirer.ask<protocol::PinState>(protocol::PinPollRequest{});
    ASSERT_TRUE(done.pin);
    EXPECT_EQ(opened(*done.pin, outcome), pin);
    EXPECT_FALSE(read_pad(picture, read_screen(scratch))) << "the pad does not stay";
}

}  // namespace
}  // namespace softpos::trust
