import Testing

@Suite struct NetlinkTests {}
