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

    private let claimants: [Claimant]
    /// Who holds a subnet, by positions in ``claimants``.
    private var holders: [IPPrefix: Int32] = [:]
    /// Up to two different holders of longer prefixes inside of a claimed one: one of them is not the next claimant.
    /// Only for prefixes that are not the longest of their family: where all nodes have one width, there are none.
    private var inside: [IPPrefix: [Int32]] = [:]
    private var routes: [IPPrefix: Int32] = [:]
    /// The lengths of the claimed prefixes of each family, longest first: few, since most nodes have subnets of one
    /// width.
    private let lengths: [IPFamily: [Int]]

    /// - Parameters:
    ///   - subnets: Every subnet that will be claimed.
    ///   - routes: Every extra route that will be claimed.
    init(
        _ claimants: [Claimant], subnets: some Sequence<IPPrefix>, routes: some Sequence<IPPrefix>
    ) {
        self.claimants = claimants
        var lengths: [IPFamily: Set<Int>] = [.v4: [], .v6: []]
        var count = 0
        for subnet in subnets {
            count += 1
            lengths[subnet.family]?.insert(subnet.length)
        }
        let longest = lengths.mapValues { $0.max() ?? 0 }
        for route in routes { lengths[route.family]?.insert(route.length) }
        self.lengths = lengths.mapValues { $0.sorted(by: >) }
        holders.reserveCapacity(count)
        guard lengths.values.contains(where: { $0.count > 1 }) else { return }
        for subnet in subnets where subnet.length != longest[subnet.family] { inside[subnet] = [] }
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
        let standing = ([holders[subnet]].compactMap(\.self) + (inside[subnet] ?? [])).lazy.map { Int($0) }
        if let other = standing.first(where: { $0 != claimant }) { return other }
        if let other = holder(around: subnet, besides: claimant) { return other }
        let number = Int32(truncatingIfNeeded: claimant)
        holders[subnet] = number
        for outer in prefixes(around: subnet) {
            guard let present = inside[outer], present.count < 2, !present.contains(number) else { continue }
            inside[outer]?.append(number)
        }
        return nil
    }

    /// Claims an extra route, once all subnets are claimed. It may contain what others hold, because the longest
    /// match decides; it may not be equal to it, nor lie inside of another's subnet.
    ///
    /// - Returns: As for ``claim(_:by:)``.
    mutating func claimRoute(_ route: IPPrefix, by claimant: Int) -> Int? {
        if let holder = holders[route] ?? routes[route], holder != claimant { return Int(holder) }
        if let holder = holder(around: route, besides: claimant) { return holder }
        routes[route] = Int32(truncatingIfNeeded: claimant)
        return nil
    }

    /// The name of the node whose subnet or route holds `address`.
    func holder(of address: IPAddress) -> String? {
        let prefix = IPPrefix(host: address)
        let around = [prefix] + prefixes(around: prefix)
        return around.lazy.compactMap { holders[$0] ?? routes[$0] }.first.map { claimants[Int($0)].name }
    }

    private func holder(around prefix: IPPrefix, besides claimant: Int) -> Int? {
        prefixes(around: prefix).lazy.compactMap { holders[$0] }.map { Int($0) }.first { $0 != claimant }
    }

    private func prefixes(around prefix: IPPrefix) -> [IPPrefix] {
        (lengths[prefix.family] ?? []).filter { $0 < prefix.length }
            .compactMap { IPPrefix(prefix.address, length: $0)?.network }
    }
}
