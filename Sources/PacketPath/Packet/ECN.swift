/// What happens to a packet's DSCP and ECN bits at the two ends of a tunnel: explicit congestion notification as in
/// RFC 6040, the differentiated services field as in the uniform model of RFC 2983.
enum ECN {
    static let notCapable: UInt8 = 0b00
    static let capable1: UInt8 = 0b01
    static let capable0: UInt8 = 0b10
    static let congestionExperienced: UInt8 = 0b11
    static let mask: UInt8 = 0b11

    /// The outer traffic class for an inner one (RFC 6040 section 4.1, normal mode: copied whole).
    @inline(__always)
    static func encapsulate(inner: UInt8) -> UInt8 { inner }

    /// The inner traffic class after decapsulation (RFC 6040 section 4.2), or nil where the packet must be dropped:
    /// the path marked congestion on a packet whose sender would not understand the mark.
    @inline(__always)
    static func decapsulate(inner: UInt8, outer: UInt8) -> UInt8? {
        let innerMark = inner & mask
        let outerMark = outer & mask
        let codePoint = outer & ~mask
        if outerMark == congestionExperienced {
            return innerMark == notCapable ? nil : codePoint | congestionExperienced
        }
        if outerMark == capable1, innerMark == capable0 { return codePoint | capable1 }
        return codePoint | innerMark
    }
}
