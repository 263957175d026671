import Addressing

/// Settles who holds a subnet that several nodes claim.
///
/// The claims are taken in order of precedence, so each one meets only better ones; every node that runs this over
/// the same claims finds the same holders.
struct ClaimContest {
    /// What decides between two claimants.
    struct Claimant {
        let name: String
        let publicKey: [UInt8]?
        let since: Timestamp?
    }

    /// What is known of one claimed prefix, by positions in ``claimants``.
    private struct Standing {
        var holder: Int?
        /// Up to two different holders of longer prefixes inside of it: one of them is not the next claimant.
        var inside: [Int] = []
    }

    private let claimants: [Claimant]
    private var standings: [IPPrefix: Standing] = [:]
    private var routes: [IPPrefix: Int] = [:]
    /// The prefix lengths in use, longest first: few, since most nodes have subnets of one width.
    private let lengths: [Int]

    /// - Parameters:
    ///   - subnets: Every subnet that will be claimed.
    ///   - routes: Every extra route that will be claimed.
    init(_ claimants: [Claimant], subnets: [IPPrefix], routes: [IPPrefix]) {
        self.claimants = claimants
        for subnet in subnets { standings[subnet] = Standing() }
        lengths = Set((subnets + routes).map(\.length)).sorted(by: >)
    }

    /// True where the first claimant's claim is the better one: dated before undated, earlier before later, then a
    /// public key before none, the smaller key, the smaller name (by bytes).
    static func isBetter(_ left: Claimant, _ right: Claimant) -> Bool {
        if left.since != right.since {
            guard let mine = left.since else { return false }
            return right.since.map { mine < $0 } ?? true
        }
        if left.publicKey != right.publicKey {
            guard let mine = left.publicKey else { return false }
            return right.publicKey.map { mine.lexicographicallyPrecedes($0) } ?? true
        }
        return left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }

    /// Claims a subnet.
    ///
    /// - Returns: The position of the other claimant that holds it, or part of it, already; nil where it was granted.
    mutating func claim(_ subnet: IPPrefix, by claimant: Int) -> Int? {
        let standing = standings[subnet] ?? Standing()
        if let other = ([standing.holder].compactMap(\.self) + standing.inside).first(where: { $0 != claimant }) {
            return other
        }
        if let other = holder(around: subnet, besides: claimant) { return other }
        standings[subnet, default: standing].holder = claimant
        for outer in prefixes(around: subnet) {
            guard let inside = standings[outer]?.inside, inside.count < 2, !inside.contains(claimant) else { continue }
            standings[outer]?.inside.append(claimant)
        }
        return nil
    }

    /// Claims an extra route, once all subnets are claimed. It may contain what others hold, because the longest
    /// match decides; it may not be equal to it, nor lie inside of another's subnet.
    ///
    /// - Returns: As for ``claim(_:by:)``.
    mutating func claimRoute(_ route: IPPrefix, by claimant: Int) -> Int? {
        if let holder = standings[route]?.holder ?? routes[route], holder != claimant { return holder }
        if let holder = holder(around: route, besides: claimant) { return holder }
        routes[route] = claimant
        return nil
    }

    /// The name of the node whose subnet or route holds `address`.
    func holder(of address: IPAddress) -> String? {
        let prefix = IPPrefix(host: address)
        let around = [prefix] + prefixes(around: prefix)
        return around.lazy.compactMap { standings[$0]?.holder ?? routes[$0] }.first.map { claimants[$0].name }
    }

    private func holder(around prefix: IPPrefix, besides claimant: Int) -> Int? {
        prefixes(around: prefix).lazy.compactMap { standings[$0]?.holder }.first { $0 != claimant }
    }

    private func prefixes(around prefix: IPPrefix) -> [IPPrefix] {
        lengths.filter { $0 < prefix.length }.compactMap { IPPrefix(prefix.address, length: $0)?.network }
    }
}
