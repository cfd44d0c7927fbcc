// Virtual cards out of the folder data/cards, and their counters in files that outlive the process.
#pragma once

#include "world/card/virtual_card.h"

#include <string>
#include <vector>

namespace softpos::sim {

// Names of the *.card files in the folder, in order.
Result<std::vector<std::string>> list_cards(const std::string& folder);

// The same without a life of its own: for whoever reads a card otherwise than by its application.
Result<card::CardData> load_card_data(const std::string& folder, const std::string& name);

// The card of this name, personalised with the key of its issuer's *.issuer file.
//
//     card::VirtualCard card = TRY(load_card("data/cards", "debit"));
Result<card::VirtualCard> load_card(const std::string& folder, const std::string& name);

// The same, with its counter kept in `state_file`: read now, where it exists, and written durably
// before each cryptogram leaves the card. A file that is there and broken is an error, never a
// counter that starts anew: an issuer takes that for a copied card.
Result<card::VirtualCard> load_card(const std::string& folder, const std::string& name,
                                    const std::string& state_file);

}  // namespace softpos::sim
