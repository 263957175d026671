import CNI
import Host

/// Name servers from a file in the form of resolv.conf(5).
enum ResolvConf {
    static func read(_ path: String) throws(CNIError) -> DNS {
        do throws(SystemError) {
            return parse(String(decoding: try Files.read(path), as: UTF8.self))
        } catch {
            throw CNIError(.invalidConfiguration, "ipam.resolvConf cannot be read", details: error.description)
        }
    }

    /// Of `domain` and of `search` the last line counts, as for the resolver. Everything unknown is passed over.
    static func parse(_ text: String) -> DNS {
        var dns = DNS()
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let keyword = words.first, !keyword.hasPrefix("#"), !keyword.hasPrefix(";") else { continue }
            let values = Array(words.dropFirst())
            switch keyword {
            case "nameserver": dns.nameservers += values.prefix(1)
            case "domain": dns.domain = values.first ?? ""
            case "search": dns.search = values
            case "options": dns.options += values
            default: break
            }
        }
        return dns
    }
}
