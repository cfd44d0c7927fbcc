// What its maker signed about a program: which bytes it is. Beside each release stands
//
//     5f16...ab90                            SHA-256 of the program, 64 hex digits
//     3045...                                DER, ECDSA P-256 with SHA-256, in hex, over
//                                            "spos-program/1 " and the first line in small letters
//
// Whoever changes a program can change how it looks at itself, too: this finds copies and
// accidents, and a changed device service that does not know of it. The core is measured by its
// launcher.
#pragma once

#include "base/bytes.h"

#include <string>
#include <string_view>

namespace softpos::posture {

constexpr std::size_t release_note_bytes_max = 512;
constexpr std::size_t program_bytes_max = 256UL * 1024 * 1024;

// What is signed for a program with this SHA-256.
std::string release_message(Bytes program_sha256);

// Whether the note is the maker's, and about a program of these bytes. `maker_point`: 65 bytes.
bool is_as_released(Bytes program_sha256, std::string_view note, Bytes maker_point);

}  // namespace softpos::posture
