/// What a runtime asks of a plugin, by the variable `CNI_COMMAND`.
public enum Verb: String, CaseIterable, Sendable {
    case add = "ADD"
    case del = "DEL"
    case check = "CHECK"
    case gc = "GC"
    case status = "STATUS"
    case version = "VERSION"

    /// The first version of the specification that has this verb.
    var introducedIn: SpecVersion {
        switch self {
        case .add, .del, .version: .v0_1_0
        case .check: .v0_4_0
        case .gc, .status: .v1_1_0
        }
    }

    /// The variables that must be there. `CNI_PATH` is asked for only by ``Delegate``, which alone needs it.
    var requiredVariables: [String] {
        switch self {
        case .add, .check: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"]
        // The namespace may be gone, and then its path is empty.
        case .del: ["CNI_CONTAINERID", "CNI_IFNAME"]
        case .gc, .status, .version: []
        }
    }

    /// True for the verbs that are about one interface of one container.
    var concernsAttachment: Bool { self == .add || self == .del || self == .check }
}
