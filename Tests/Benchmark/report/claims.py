"""What the project claims of its user-space datapath, and what a run says to it. Nothing passes or fails by this."""

from .text import align, figure, spread_text, table

_TCP = "TCP, 1 stream"
_OURS, _DEFERRED, _UNBATCHED = "Warrens tun", "Warrens tun, checksum deferral", "Warrens tun, batching off"
_PEERS = (
    "wireguard-go", "nebula", "tinc", "tinc, unencrypted", "OpenVPN", "OpenVPN, unencrypted", "fastd", "fastd, unencrypted",
)

#: (claim, subject whose row is looked at, member of its result, the least that is claimed for each wire)
CLAIMS = [
    ("share of plain routing", _OURS, "ratioToPlain", {"S": 0.30, "M": 0.48}),
    ("share of plain routing, with checksum deferral", _DEFERRED, "ratioToPlain", {"S": 0.36}),
    ("times the same program without batching", _UNBATCHED, "warrensOver", {"S": 5, "M": 5}),
    *((f"times {peer}", peer, "warrensOver", {"S": 2, "M": 2}) for peer in _PEERS),
]


def render(results):
    """A table of the claims that the results say something to; None when there is none."""
    rows = []
    for claim, subject, member, least in CLAIMS:
        found = {
            (result["wire"], result["family"]): result for result in results
            if (result["question"], result["parameter"], result["subject"]) == ("throughput", _TCP, subject)
        }
        for (wire, family), result in found.items():
            if family != 4 or wire not in least or not result.get(member):
                continue
            name = claim + (" (which encrypts)" if result.get("encrypted") else "")
            rows.append([
                name, wire, f"at least {figure(least[wire], 2)}", spread_text(result[member]), str(result["rounds"]),
                "yes" if result[member]["median"] >= least[wire] else "**no**",
            ])
    if not rows:
        return None
    headings = ["TCP, 1 stream, IPv4: Warrens tun reaches", "wire", "claimed", "measured", "rounds", "holds here"]
    return table(headings, rows, align(headings, text=3))
