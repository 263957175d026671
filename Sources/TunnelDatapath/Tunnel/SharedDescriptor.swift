internal import Host

/// A descriptor that several owners may name, or that may be absent; closed when the last of them lets go.
final class SharedDescriptor: Sendable {
    private let file: OwnedDescriptor
    var raw: Int32 { file.raw }

    init(_ file: consuming OwnedDescriptor) {
        self.file = file
    }
}
