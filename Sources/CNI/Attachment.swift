/// One interface of one container: what a runtime adds, checks and deletes.
public struct Attachment: Hashable, Sendable {
    public let containerID: String
    public let interfaceName: String

    public init(containerID: String, interfaceName: String) {
        self.containerID = containerID
        self.interfaceName = interfaceName
    }
}
