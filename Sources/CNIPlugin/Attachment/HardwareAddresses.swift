internal import Addressing
internal import CNI

extension PluginConfiguration {
    /// The hardware address that the pod gets.
    func podMAC(of attachment: Attachment) -> MACAddress { mac ?? attachment.podMAC }
}
