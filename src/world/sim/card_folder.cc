// Reads profiles; keeps counters as "atc = 12".
#include "world/sim/card_folder.h"

#include "host/durable_file.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <string_view>

namespace softpos::sim {
namespace {

constexpr std::size_t card_files_max = 1000;
constexpr std::size_t state_bytes_max = 32;
constexpr std::string_view state_key = "atc = ";

Result<std::vector<std::filesystem::path>> files_with(const std::string& folder,
                                                      std::string_view extension) {
    std::error_code error;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
        if (entry.path().extension() != extension) continue;
        if (files.size() == card_files_max) return fail(ErrorKind::denied, "cards: too many files");
        files.push_back(entry.path());
    }
    if (error) return fail(ErrorKind::not_found, "cards: no such folder");
    std::ranges::sort(files);
    return files;
}

// Of one path component: a name from a command line must not lead out of the folder.
bool is_plain_name(std::string_view name) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    };
    return !name.empty() && name.size() <= 32 && std::ranges::all_of(name, plain);
}

Result<card::CardState> parse_state(std::string_view text) {
    const auto broken = fail(ErrorKind::malformed, "cards: state file is broken");
    if (!text.starts_with(state_key) || !text.ends_with('\n')) return broken;
    text.remove_prefix(state_key.size());
    card::CardState state;
    const char* end = text.data() + text.size() - 1;
    const auto [stop, error] = std::from_chars(text.data(), end, state.atc);
    if (error != std::errc() || stop != end) return broken;
    return state;
}

Result<card::CardState> read_state(const std::string& path) {
    const auto text = host::read_file(path, state_bytes_max);
    if (!text && text.error().kind == ErrorKind::not_found) return card::CardState{};
    if (!text) return std::unexpected(text.error());
    return parse_state(text_of(*text));
}

}  // namespace

Result<card::CardData> load_card_data(const std::string& folder, const std::string& name) {
    if (!is_plain_name(name)) return fail(ErrorKind::denied, "cards: not a card's name");
    const Buffer text =
        TRY(host::read_file(folder + "/" + name + ".card", card::profile_text_bytes_max));
    card::CardProfile profile = TRY(card::parse_card(text_of(text)));

    std::vector<card::IssuerProfile> issuers;
    for (const auto& file : TRY(files_with(folder, ".issuer"))) {
        const Buffer issuer = TRY(host::read_file(file.string(), card::profile_text_bytes_max));
        issuers.push_back(TRY(card::parse_issuer(text_of(issuer))));
    }
    const card::IssuerProfile* issuer = card::find_issuer(issuers, profile.pan);
    if (issuer == nullptr) return fail(ErrorKind::not_found, "cards: no issuer for this card");
    return card::personalise(std::move(profile), *issuer);
}

Result<std::vector<std::string>> list_cards(const std::string& folder) {
    std::vector<std::string> names;
    for (const auto& file : TRY(files_with(folder, ".card"))) names.push_back(file.stem().string());
    return names;
}

Result<card::VirtualCard> load_card(const std::string& folder, const std::string& name) {
    return card::VirtualCard(TRY(load_card_data(folder, name)));
}

Result<card::VirtualCard> load_card(const std::string& folder, const std::string& name,
                                    const std::string& state_file) {
    const card::CardState state = TRY(read_state(state_file));
    card::VirtualCard card(TRY(load_card_data(folder, name)), state);
    card.set_state_sink([state_file](const card::CardState& now) {
        const std::string text = std::string(state_key) + std::to_string(now.atc) + "\n";
        return host::write_durably(state_file, bytes_of(text));
    });
    return card;
}

}  // namespace softpos::sim
