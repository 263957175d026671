/// Guesses what a misspelt word was meant to be.
enum Spelling {
    /// The candidate that the fewest edits turn `word` into, whatever the case; nil where none is near.
    static func nearest(to word: String, among candidates: [String]) -> String? {
        // A long word cannot be a slip of a short one, and comparing it would take its time.
        guard word.utf8.count <= 64 else { return nil }
        let scored = candidates.map { (distance: distance(word.lowercased(), $0.lowercased()), candidate: $0) }
        guard let best = scored.min(by: { $0.distance < $1.distance }) else { return nil }
        return best.distance <= max(2, best.candidate.utf8.count / 3) ? best.candidate : nil
    }

    /// Levenshtein's distance, row by row.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (index, character) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let substituted = diagonal + (character == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(substituted, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
