/// The Fowler–Noll–Vo hash, variant 1a, 64 bits (draft-eastlake-fnv): fast and the same on every node. It spreads
/// values; it keeps no secrets.
public enum FNV1a {
    private static let offsetBasis: UInt64 = 0xcbf2_9ce4_8422_2325
    private static let prime: UInt64 = 0x0000_0100_0000_01b3

    /// The hash of `bytes`.
    public static func hash64(_ bytes: some Sequence<UInt8>) -> UInt64 {
        bytes.reduce(offsetBasis) { ($0 ^ UInt64($1)) &* prime }
    }
}
