"""What the project claims, and what a run says to it. Nothing passes or fails by this."""

from dataclasses import dataclass

from .text import align, figure, spread_text, table

_UNBATCHED, _DEFERRED = "Warrens tun, batching off", "Warrens tun, checksum deferral"
_PEERS = (
    "wireguard-go", "nebula", "tinc", "tinc, unencrypted", "OpenVPN", "OpenVPN, unencrypted", "fastd", "fastd, unencrypted",
)
_KERNEL, _FAST, _FRAMED = "Warrens ebpf", "Warrens ebpf, fast path", "Warrens ebpf, fast path, gpe"
_LOOP = "Warrens ebpf, fast path, uplink's GRO off"
_CROWDED = {"question": "registry", "subject": "Warrens tun", "x": 100_000}


@dataclass(frozen=True)
class Claim:
    """A bound on one figure of one result.

    `where` are the members by which the result is found; `member` is its member with the figure, a spread or a number.
    Either `least` or `most` is claimed.
    """

    text: str
    where: dict
    member: str
    least: float | None = None
    most: float | None = None

    def bound(self):
        return f"at least {figure(self.least)}" if self.most is None else f"at most {figure(self.most)}"

    def holds(self, value):
        return value >= self.least if self.most is None else value <= self.most


def _tcp(text, subject, member, **least):
    """A claim for each wire on TCP with one stream over IPv4."""
    where = {"question": "throughput", "parameter": "TCP, 1 stream", "family": 4, "subject": subject}
    return [Claim(f"{text}, wire {wire}", {**where, "wire": wire}, member, least=bound) for wire, bound in least.items()]


def _attach(text, verb, suffix, subject, member, most, **where):
    """A claim on a verb of CNI."""
    where |= {"question": "attach", "parameter": f"{verb}, one, ipMasq on{suffix}", "subject": subject, "family": None}
    return Claim(text.format(verb), where, member, most=most)


def _kernel(text, subject, wire, member, parameter="TCP, 1 stream", family=4, **bound):
    """A claim on the datapath in the kernel."""
    where = {"question": "kernel", "parameter": parameter, "subject": subject, "wire": wire, "family": family}
    return Claim(f"{parameter}, {subject}, wire {wire}, {text}", where, member, **bound)


CLAIMS = [
    *_tcp("TCP, share of plain routing", "Warrens tun", "ratioToPlain", S=0.30, M=0.48),
    *_tcp("TCP, share of plain routing, with checksum deferral", _DEFERRED, "ratioToPlain", S=0.36),
    *_tcp("TCP, times the same program without batching", _UNBATCHED, "warrensOver", S=5, M=5),
    *(claim for peer in _PEERS for claim in _tcp(f"TCP, times {peer}", peer, "warrensOver", S=2, M=2)),
    *(_attach("{}, part of the time of bridge + host-local", verb, "", "bridge + host-local", "warrensOver", 0.5)
      for verb in ("ADD", "DEL")),
    # "The same", where a tenth is within the noise of a machine that others use.
    *(_attach("{} with 10,000 leases, times that with none", verb, ", with leases", "warrens + warrens-ipam", "ratioToNone",
              1.1, x=10_000) for verb in ("ADD", "DEL")),
    _kernel("share of plain routing", _FAST, "S", "ratioToPlain", least=0.90),
    *(_kernel("times kernel VXLAN", subject, wire, "ratioToRival", least=bound)
      for subject, wire, bound in ((_FAST, "S", 1.1), (_KERNEL, "S", 0.95), (_FAST, "M", 0.80), (_LOOP, "M", 0.80),
                                    (_FRAMED, "M", 1.05))),
    *(_kernel("CPU s/GB, times kernel VXLAN's", subject, wire, "priceToRival", most=bound)
      for subject, wire, bound in ((_FAST, "S", 1.0), (_FAST, "M", 1.25), (_LOOP, "M", 1.25), (_FRAMED, "M", 1.0))),
    *(_kernel("IPv6's share of plain routing below IPv4's", subject, wire, "shareBelowIPv4", family=6, most=0.05)
      for subject, wire in ((_FAST, "S"), (_FAST, "M"), (_FRAMED, "M"))),
    *(_kernel("times plain routing", subject, wire, "ratioToPlain", f"{protocol} round trip", most=bound)
      for protocol in ("TCP", "UDP") for subject, wire, bound in ((_FAST, "S", 1.10), (_FRAMED, "M", 1.10), (_FAST, "M", 1.25))),
    Claim("TCP with 100,000 peers, times that with ten", {**_CROWDED, "parameter": "throughput"}, "ratioToTen", least=0.9),
    Claim("one of 100,000 peers changes, from the difference to the datapath, ms",
          {**_CROWDED, "parameter": "change: from the difference"}, "median", most=10),
    *(Claim(f"lookup among 100,000 peers, {destinations}, ns",
            {**_CROWDED, "parameter": f"lookup, {destinations}", "family": 4}, "median", most=150)
      for destinations in ("one hot destination", "random destinations")),
]


def render(results):
    """A table of the claims that the results say something to; None when there is none."""
    rows = []
    for claim in CLAIMS:
        for result in results:
            found = result.get(claim.member)
            if found is None or any(result.get(key) != value for key, value in claim.where.items()):
                continue
            spread = found if isinstance(found, dict) else {"median": found, "min": found, "max": found}
            text = claim.text + (" (which encrypts)" if result.get("encrypted") else "")
            verdict = "yes" if claim.holds(spread["median"]) else "**no**"
            rows.append([text, claim.bound(), spread_text(spread), str(result["rounds"]), verdict])
    if not rows:
        return None
    headings = ["Warrens' figures", "claimed", "measured", "rounds", "holds here"]
    return table(headings, rows, align(headings, text=2))
