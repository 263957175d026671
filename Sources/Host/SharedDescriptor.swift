/// A descriptor that several owners may name, or that may be absent; closed when the last of them lets go.
public final class SharedDescriptor: Sendable {
    private let file: OwnedDescriptor
    public var raw: Int32 { file.raw }

    public init(_ file: consuming OwnedDescriptor) {
        self.file = file
    }
}
