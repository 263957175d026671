/// Rows of text in aligned columns.
struct Table {
    private let headings: [String]
    private var rows: [[String]] = []

    init(_ headings: String...) {
        self.headings = headings
    }

    /// Adds a row. A cell with several lines makes the row several lines high.
    mutating func add(_ cells: String...) {
        let columns = cells.map { $0.split(separator: "\n", omittingEmptySubsequences: false) }
        for line in 0..<(columns.map(\.count).max() ?? 0) {
            rows.append(columns.map { line < $0.count ? String($0[line]) : "" })
        }
    }

    /// The table, every line ended by a line feed.
    var text: String {
        let lines = [headings] + rows
        let widths = headings.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            let padded = zip(line, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            let joined = padded.joined(separator: "  ")
            return String(joined.reversed().drop { $0 == " " }.reversed()) + "\n"
        }.joined()
    }
}
