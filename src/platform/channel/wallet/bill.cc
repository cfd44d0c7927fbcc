// Three forms, one row.
#include "platform/channel/wallet/bill.h"

#include "codec/text_encoding.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <optional>
#include <span>

namespace softpos::wallet {

const std::string_view alipay_bill_header =
    "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,"
    "对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,"
    "商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/"
    "请求号,"
    "服务费（元）,分润（元）,备注";
const std::string_view wechat_bill_header =
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,"
    "付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,"
    "退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const std::string_view wechat_bill_sums =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额";

namespace {

using channel::Column;
using channel::ColumnKind;

// Spec: [UP-QRC-BILL] ZM.
constexpr std::array<Column, 40> zm_columns{{
    {"code", 3, ColumnKind::text},
    {"agent", 11, ColumnKind::text},
    {"sender", 11, ColumnKind::text},
    {"trace", 6, ColumnKind::text},
    {"time", 10, ColumnKind::digits},
    {"account", 19, ColumnKind::text},
    {"amount", 12, ColumnKind::amount},
    {"category", 4, ColumnKind::text},
    {"terminal_type", 2, ColumnKind::text},
    {"query_id", 21, ColumnKind::text},
    {"old_way", 2, ColumnKind::text},
    {"order", 32, ColumnKind::text},
    {"card", 2, ColumnKind::text},
    {"original_trace", 6, ColumnKind::text},
    {"original_time", 10, ColumnKind::text},
    {"fee", 13, ColumnKind::fee},
    {"settled", 13, ColumnKind::fee},
    {"way", 4, ColumnKind::text},
    {"group", 15, ColumnKind::text},
    {"type", 2, ColumnKind::digits},
    {"class", 2, ColumnKind::text},
    {"business", 6, ColumnKind::text},
    {"account_type", 2, ColumnKind::text},
    {"bill_type", 4, ColumnKind::text},
    {"bill", 32, ColumnKind::text},
    {"mode", 1, ColumnKind::text},
    {"original_query_id", 21, ColumnKind::text},
    {"merchant", 15, ColumnKind::text},
    {"split", 1, ColumnKind::text},
    {"sub_merchant", 15, ColumnKind::text},
    {"sub_name", 32, ColumnKind::text},
    {"sub_amount", 13, ColumnKind::text},
    {"net", 13, ColumnKind::text},
    {"terminal", 8, ColumnKind::text},
    {"own", 32, ColumnKind::text},
    {"discount", 13, ColumnKind::text},
    {"invoice", 13, ColumnKind::text},
    {"instalment_fee", 12, ColumnKind::text},
    {"instalments", 2, ColumnKind::text},
    {"medium", 1, ColumnKind::text},
}};
constexpr std::size_t zm_amount = 6, zm_order = 11, zm_fee = 15, zm_type = 19, zm_merchant = 27;

std::unexpected<Error> bad(Literal what, std::uint32_t line, std::size_t column = 0) {
    return fail(ErrorKind::malformed, what, line, column);
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t\r";
    const std::size_t begin = text.find_first_not_of(blank);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

// Lines one by one; empty ones are passed over.
class Lines {
public:
    explicit Lines(std::string_view text) : rest_(text) {}
    std::optional<std::string_view> next() {
        while (!rest_.empty()) {
            const std::size_t end = std::min(rest_.find('\n'), rest_.size());
            const std::string_view line = trimmed(rest_.substr(0, end));
            rest_.remove_prefix(std::min(end + 1, rest_.size()));
            ++number_;
            if (!line.empty()) return line;
        }
        return std::nullopt;
    }
    std::uint32_t number() const { return number_; }

private:
    std::string_view rest_;
    std::uint32_t number_ = 0;
};

using Cells = std::vector<std::string>;

// RFC 4180 but for line feeds within quotes.
std::optional<Cells> split_csv(std::string_view line) {
    Cells cells(1);
    bool quoted = false;
    for (std::size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (quoted && c == '"' && i + 1 < line.size() && line[i + 1] == '"') {
            cells.back() += line[i++];
        } else if (c == '"' && (quoted || cells.back().empty())) {
            quoted = !quoted;
        } else if (c == ',' && !quoted) {
            cells.emplace_back();
        } else {
            cells.back() += c;
        }
    }
    if (quoted) return std::nullopt;
    for (std::string& cell : cells) cell = trimmed(cell);
    return cells;
}

// Each value has a back-quote in front, so that a comma within one separates nothing.
std::optional<Cells> split_quoted(std::string_view line) {
    constexpr std::string_view mark = ",`";
    if (!line.starts_with('`')) return std::nullopt;
    line.remove_prefix(1);
    Cells cells;
    while (true) {
        const std::size_t end = std::min(line.find(mark), line.size());
        cells.emplace_back(trimmed(line.substr(0, end)));
        if (end == line.size()) return cells;
        line.remove_prefix(end + mark.size());
    }
}

// Without the unit that some versions of a bill put behind a name.
std::string plain_name(std::string name) {
    for (const std::string_view unit : {"（元）", "(元)"}) {
        if (const std::size_t at = name.find(unit); at != std::string::npos) {
            name.erase(at, unit.size());
        }
    }
    return name;
}

// A row by the names of its columns.
class Table {
public:
    static std::optional<Table> of_header(std::string_view line) {
        const auto names = split_csv(line);
        if (!names) return std::nullopt;
        Table table;
        table.size_ = names->size();
        for (std::size_t i = 0; i < names->size(); ++i) {
            const bool is_new = table.places_.emplace(plain_name((*names)[i]), i).second;
            if (!is_new) return std::nullopt;
        }
        return table;
    }
    std::size_t size() const { return size_; }
    std::optional<std::size_t> place(std::string_view name) const {
        const auto found = places_.find(name);
        if (found == places_.end()) return std::nullopt;
        return found->second;
    }

private:
    std::size_t size_ = 0;
    std::map<std::string, std::size_t, std::less<>> places_;
};

// "2026-10-03 10:00:30" to 20261003; 0 where it is none.
std::uint32_t date_of(std::string_view time) {
    constexpr std::size_t size = 10;
    if (time.size() < size || time[4] != '-' || time[7] != '-') return 0;
    std::string digits(time.substr(0, size));
    std::erase(digits, '-');
    std::uint32_t date = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), date);
    const bool whole = read.ec == std::errc() && read.ptr == digits.data() + digits.size();
    return whole ? date : 0;
}

// Reads the columns that a bill must have, and says which of them is wrong.
class RowReader {
public:
    RowReader(const Table& table, const Cells& cells, std::uint32_t line)
        : table_(table), cells_(cells), line_(line) {}

    std::string_view text(std::string_view name) {
        const auto place = table_.place(name);
        return place ? std::string_view(cells_[*place]) : std::string_view();
    }
    std::int64_t amount(std::string_view name) {
        const auto fen = fen_of_bill(text(name));
        if (!fen) wrong(name);
        return fen.value_or(0);
    }
    void wrong(std::string_view name) {
        if (!error_) error_ = bad("bill: value", line_, column(name)).error();
    }
    const std::optional<Error>& error() const { return error_; }

private:
    const Table& table_;
    const Cells& cells_;
    std::uint32_t line_;
    std::optional<Error> error_;

    std::size_t column(std::string_view name) const { return table_.place(name).value_or(0) + 1; }
};

Result<void> needs(const Table& table, std::span<const std::string_view> names,
                   std::uint32_t line) {
    for (const std::string_view name : names) {
        if (!table.place(name)) return bad("bill: a column is missing", line);
    }
    return {};
}

struct Sums {
    std::int64_t sales = 0, backs = 0, sold_minor = 0, back_minor = 0;

    void add(const BillRow& row) {
        ++(row.gives_back ? backs : sales);
        (row.gives_back ? back_minor : sold_minor) += row.amount_minor;
    }
};

Result<BillRow> alipay_row(RowReader cells, std::uint32_t line) {
    BillRow row{.line = line};
    const std::string_view kind = cells.text("业务类型");
    row.gives_back = kind == "退款";
    if (!row.gives_back && kind != "交易") cells.wrong("业务类型");
    row.order = cells.text("商户订单号");
    if (row.order.empty()) cells.wrong("商户订单号");
    if (row.gives_back) row.back_number = cells.text("退款批次号/请求号");
    row.shop = cells.text("门店编号");
    row.date = date_of(cells.text("完成时间"));
    // What comes to us and what is taken off it: money that leaves us has a sign.
    const std::int64_t amount = cells.amount("商家实收");
    row.amount_minor = row.gives_back ? -amount : amount;
    if (row.amount_minor < 0) cells.wrong("商家实收");
    row.fee_minor = -cells.amount("服务费");
    if (cells.error()) return std::unexpected(*cells.error());
    return row;
}

// "交易合计：2笔，…" behind the lines: as many as there are.
std::optional<std::int64_t> count_behind(std::string_view line, std::string_view name) {
    const std::size_t at = line.find(name);
    if (at == std::string_view::npos) return std::nullopt;
    line.remove_prefix(at + name.size());
    const std::size_t digit = line.find_first_of("0123456789");
    if (digit == std::string_view::npos) return std::nullopt;
    std::int64_t count = 0;
    std::from_chars(line.data() + digit, line.data() + line.size(), count);
    return count;
}

Result<void> read_alipay(std::string_view text, const BillSink& take) {
    constexpr std::array<std::string_view, 7> wanted{"商户订单号", "业务类型", "完成时间",
                                                     "门店编号",   "商家实收", "退款批次号/请求号",
                                                     "服务费"};
    std::optional<Table> table;
    Sums sums;
    bool ended = false;
    Lines lines(text);
    while (const auto line = lines.next()) {
        const std::uint32_t number = lines.number();
        if (line->starts_with('#')) {
            ended = ended || line->find("列表结束") != std::string_view::npos;
            for (const auto& [name, count] :
                 {std::pair{"交易合计", sums.sales}, {"退款合计", sums.backs}}) {
                const auto told = count_behind(*line, name);
                if (told && *told != count) return bad("bill: its sums differ", number);
            }
        } else if (ended) {
            return bad("bill: a line behind its end", number);
        } else if (!table) {
            table = Table::of_header(*line);
            if (!table) return bad("bill: header", number);
            TRY_VOID(needs(*table, wanted, number));
        } else {
            const auto cells = split_csv(*line);
            if (!cells || cells->size() != table->size()) return bad("bill: columns", number);
            BillRow row = TRY(alipay_row(RowReader(*table, *cells, number), number));
            sums.add(row);
            TRY_VOID(take(std::move(row)));
        }
    }
    if (!table || !ended) return bad("bill: cut short", lines.number());
    return {};
}

Result<BillRow> wechat_row(RowReader cells, std::uint32_t line) {
    BillRow row{.line = line};
    const std::string_view state = cells.text("交易状态");
    row.gives_back = state == "REFUND" || state == "REVOKED";
    if (!row.gives_back && state != "SUCCESS") cells.wrong("交易状态");
    row.order = cells.text("商户订单号");
    if (row.order.empty()) cells.wrong("商户订单号");
    if (row.gives_back) row.back_number = cells.text("商户退款单号");
    if (row.back_number == "0") row.back_number.clear();
    if (!row.gives_back) row.date = date_of(cells.text("交易时间"));
    const std::string_view amount = row.gives_back ? "退款金额" : "应结订单金额";
    row.amount_minor = cells.amount(amount);
    if (row.amount_minor < 0) cells.wrong(amount);
    row.fee_minor = cells.amount("手续费");
    if (cells.error()) return std::unexpected(*cells.error());
    return row;
}

Result<void> hold_wechat_sums(std::string_view line, const Table& names, const Sums& sums,
                              std::uint32_t number) {
    const auto cells = split_quoted(line);
    if (!cells || cells->size() != names.size()) return bad("bill: sums", number);
    RowReader told(names, *cells, number);
    const bool same = told.text("总交易单数") == std::to_string(sums.sales + sums.backs) &&
                      told.amount("应结订单总金额") == sums.sold_minor &&
                      told.amount("退款总金额") == sums.back_minor;
    if (told.error() || !same) return bad("bill: its sums differ", number);
    return {};
}

Result<void> read_wechat(std::string_view text, const BillSink& take) {
    constexpr std::array<std::string_view, 7> wanted{
        "交易时间", "商户订单号", "交易状态", "应结订单金额", "商户退款单号", "退款金额", "手续费"};
    constexpr std::array<std::string_view, 3> sum_names{"总交易单数", "应结订单总金额",
                                                        "退款总金额"};
    Sums sums;
    Lines lines(text);
    const auto header = lines.next();
    const auto table = header ? Table::of_header(*header) : std::nullopt;
    if (!table) return bad("bill: header", lines.number());
    TRY_VOID(needs(*table, wanted, lines.number()));
    while (const auto line = lines.next()) {
        const std::uint32_t number = lines.number();
        if (!line->starts_with('`')) {
            const auto names = Table::of_header(*line);
            if (!names) return bad("bill: header", number);
            TRY_VOID(needs(*names, sum_names, number));
            const auto told = lines.next();
            if (!told) return bad("bill: cut short", number);
            TRY_VOID(hold_wechat_sums(*told, *names, sums, lines.number()));
            if (lines.next()) return bad("bill: a line behind its end", lines.number());
            return {};
        }
        const auto cells = split_quoted(*line);
        if (!cells || cells->size() != table->size()) return bad("bill: columns", number);
        BillRow row = TRY(wechat_row(RowReader(*table, *cells, number), number));
        sums.add(row);
        TRY_VOID(take(std::move(row)));
    }
    return bad("bill: cut short", lines.number());
}

Result<void> read_unionpay(std::string_view text, const BillSink& take) {
    constexpr std::string_view sale = "01", refund = "04", void_sale = "31";
    std::uint32_t number = 0;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (trimmed(line).empty()) continue;
        std::array<std::string_view, zm_columns.size()> cells;
        auto read =
            channel::read_columns(line, number, zm_columns,
                                  [&](std::size_t i, std::string_view value) { cells[i] = value; });
        if (!read) return std::unexpected(read.error());
        BillRow row{.line = number};
        const std::string_view type = cells[zm_type];
        row.gives_back = type == refund || type == void_sale;
        if (!row.gives_back && type != sale) return bad("bill: value", number, zm_type + 1);
        row.order = cells[zm_order];
        if (row.order.empty()) return bad("bill: value", number, zm_order + 1);
        if (row.gives_back) row.back_number = row.order;
        row.shop = cells[zm_merchant];
        row.amount_minor = channel::parse_amount(cells[zm_amount]);
        const std::int64_t fee = channel::parse_amount(cells[zm_fee].substr(1));
        row.fee_minor = cells[zm_fee].front() == 'C' ? -fee : fee;
        TRY_VOID(take(std::move(row)));
    }
    return {};
}

}  // namespace

std::span<const channel::Column> unionpay_bill_columns() {
    return zm_columns;
}

std::optional<std::int64_t> fen_of_bill(std::string_view yuan) {
    constexpr std::int64_t yuan_max = 1'000'000'000'000;
    constexpr std::size_t places_max = 5;
    const bool below = yuan.starts_with('-');
    if (below) yuan.remove_prefix(1);
    const std::size_t dot = std::min(yuan.find('.'), yuan.size());
    const std::string_view whole = yuan.substr(0, dot);
    const std::string_view places = yuan.substr(std::min(dot + 1, yuan.size()));
    if (dot < yuan.size() && (places.empty() || places.size() > places_max)) return std::nullopt;
    std::string digits(whole);
    digits += places;
    digits.append(places_max - places.size(), '0');
    const bool good =
        !whole.empty() && std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; });
    std::int64_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    constexpr std::int64_t parts = 1'000;  // Of a fen.
    if (!good || read.ec != std::errc() || value / (parts * 100) > yuan_max) return std::nullopt;
    const std::int64_t fen = (value + parts / 2) / parts;
    return below ? -fen : fen;
}

Result<void> read_bill(pay::WalletChannel channel, Bytes file, const BillSink& take) {
    if (file.size() > bill_bytes_max) return fail(ErrorKind::denied, "bill: too long");
    std::size_t lines = 0;
    const BillSink counted = [&](BillRow row) -> Result<void> {
        if (++lines > bill_lines_max) return fail(ErrorKind::denied, "bill: too long");
        return take(std::move(row));
    };
    if (channel == pay::WalletChannel::unionpay) return read_unionpay(text_of(file), counted);
    const std::string text = TRY(codec::utf8_text(file));
    return channel == pay::WalletChannel::alipay ? read_alipay(text, counted)
                                                 : read_wechat(text, counted);
}

}  // namespace softpos::wallet
