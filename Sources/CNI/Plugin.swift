/// What a plugin does for each verb. VERSION is answered by ``PluginMain``.
public protocol Plugin {
    /// The executable's name.
    static var name: String { get }

    func add(_ request: Request) throws(CNIError) -> AttachmentResult
    func delete(_ request: Request) throws(CNIError)
    func check(_ request: Request) throws(CNIError)
    func garbageCollect(_ request: Request) throws(CNIError)
    func status(_ request: Request) throws(CNIError)
}
