/// The release that these executables belong to.
public enum Release {
    /// Semantic version; the same in all executables.
    public static let version = "0.1.0"
}
